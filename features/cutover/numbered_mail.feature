Feature: No message is lost while a domain moves
  Numbered mail flows without pause while the MX is switched, from senders with a fresh cache and from others whose
  cache still names EC2. What was injected is compared with what arrived; a bounce counts as lost.

  @X-2 @R1 @recorded @before_phase4
  Scenario: Injected equals arrived
    Given the numbered mail of every switch
    When the ledger is settled
    Then every message that was injected has arrived
    And what was delayed or came twice is listed

  @X-3 @R2 @X8 @recorded @before_phase4
  Scenario: Stale caches still reached the mailbox, through EC2
    Given the numbered mail of senders with a stale cache
    When the ledger is settled
    Then at least twenty of them came through EC2 after a switch
    And every one of those arrived
