Feature: Unknown recipients are refused at the door
  A server that accepts mail for a mailbox which doesn't exist must bounce it later, to a return path that may be
  forged. Email Routing does not pass such bounces on: the sender would never learn of it.

  @A-7 @X6 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: An address that nobody has is refused in session
    Given an address that nobody has, in every delivery domain
    When Email Routing offers Dell a message for it
    Then Dell refuses the recipient as unknown
    And a real mailbox of the same domain is accepted
