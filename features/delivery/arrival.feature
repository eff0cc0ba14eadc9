Feature: Mail from outside arrives in its mailbox, by the path that is meant
  An outside sender writes to every address. The message is found over IMAP in the right mailbox, unaltered and in time,
  and the trace that servers leave on it shows which way it came.

  @I-3 @E-2 @P2.1 @X11 @observe @before_phase1 @before_phase2 @before_phase3 @after_rollback
  Scenario: Today's path carries mail through EC2
    Given every address of the domains that have not been switched
    When an outside sender writes to each of them, to some with a detail or in capitals
    Then each message is in its mailbox in time, unaltered
    And its trace leads through EC2

  @E-1 @P1.3 @observe @soak @before_phase2 @before_phase3
  Scenario: Dell takes mail for the delivery domains
    Given every destination at the delivery domains
    When an admitted client delivers to each of them
    Then each message is in its mailbox in time, unaltered

  @E-1 @E-2 @P3.4 @observe @soak @before_phase4 @before_deletion @at_signoff
  Scenario: The new path carries mail through Cloudflare, and not through EC2
    Given every address of the domains of this gate
    When an outside sender writes to each of them
    Then each message is in its mailbox in time, unaltered
    And its trace leads through Cloudflare, and not through EC2

  @E-1 @M2 @observe @after_rollback
  Scenario: After a rollback mail still arrives
    Given every address of the domains of this gate
    When an outside sender writes to each of them
    Then each message is in its mailbox in time, unaltered
