Feature: Users can still send
  A rule meant for strangers on port 25 can lock out the operator's own users on every other port, and a rule on senders,
  or a lost account, a single one of them. So a reply is sent by every user, and by each way that the settings name, and
  read where it should arrive.

  @E-6 @T @X14 @observe @soak @before_phase1 @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  @after_rollback
  Scenario: A reply of every user leaves, and one by every way that users have
    Given every user of the domains of this gate, and every way by which users send
    When a reply is sent by each user, and by each way
    Then each reply is in the outside mailbox, sent through the relay host
    And Dell handed it to the relay host over TLS, after a login there
    And it is signed for the sender's own domain
    And its return path exists
    And users may write as each of their other addresses
