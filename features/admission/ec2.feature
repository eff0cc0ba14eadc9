Feature: EC2 may deliver to Dell as long as it could still receive
  While EC2 is the MX, while a stale cache may still lead to it and while a rollback could need it, Dell admits it, by
  the address that Dell really sees. When all is over it is a client like any other, and refused.

  @A-4 @X8 @observe @soak @before_phase2 @before_phase3 @before_phase4
  Scenario: EC2 is admitted
    Given the addresses by which Dell sees EC2
    When EC2 offers Dell a message for a mailbox
    Then Dell accepts the recipient

  @A-4 @X8 @observe @before_deletion
  Scenario: EC2 stays admitted while it is stopped
    Given the addresses by which Dell sees EC2
    When Dell is asked which of them it would admit
    Then Dell would admit each of them, but not one that the stop gave up

  @A-4 @D-5 @X8 @observe @soak @at_signoff
  Scenario: EC2's addresses are no longer admitted
    Given the addresses that were EC2's
    When Dell is asked which of them it would admit
    Then Dell would admit none of them
