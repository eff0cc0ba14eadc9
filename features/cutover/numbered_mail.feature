Feature: No message is lost while a domain moves
  Numbered mail flows without pause while the MX is switched, from senders with a fresh cache and from others whose
  cache still names EC2. What the senders' own servers accepted is compared with what arrived; a bounce counts as lost.
  One exception: if the plan of the switch announced that Cloudflare would refuse mail for a while, bounces of that
  while are counted apart. The senders of real mail had theirs back in those seconds, so the operator answers for them
  by a waiver of the second scenario.

  @X-2 @R1 @recorded @before_phase4
  Scenario: Everything has arrived, but for what Cloudflare refused as announced
    Given the numbered mail of every switch
    When what was accepted is compared with what has arrived
    Then Cloudflare refused mail only while the plan of a switch had announced that it might
    And everything else that was accepted has arrived
    And what was delayed or came twice is listed

  @X-2 @R1 @recorded @before_phase4
  Scenario: Nothing bounced, even while a plan had announced it
    Given the numbered mail of every switch
    When what was accepted is compared with what has arrived
    Then none of it bounced

  @X-3 @R2 @X8 @recorded @before_phase4
  Scenario: Stale caches still reached the mailbox, through EC2
    Given the numbered mail of senders with a stale cache
    When what was accepted is compared with what has arrived
    Then at least twenty messages came through EC2 after a switch, and all that their senders sent arrived
