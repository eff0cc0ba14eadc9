Feature: Mail waits, or goes elsewhere, while Cloudflare's MX hosts fail
  Cloudflare names several hosts as the MX. Senders try the next when one is silent; when all are, the mail stays in the
  senders' own queues, as with any MX that is down, and comes afterwards. Tried in the lab, with Cloudflare emulated.

  @O-2 @R3 @drill @before_phase4
  Scenario: Senders move on when the MX host that they prefer is silent
    Given an outage: the MX host of Cloudflare's that most domains prefer is silent
    When outside senders write to every address before it, during it and after it
    Then everything that was accepted has arrived, and nothing bounced
    And meanwhile the other MX hosts took the mail

  @O-2 @R3 @drill @before_phase4
  Scenario: Senders queue when every MX host is down
    Given an outage: all of Cloudflare's MX hosts are down
    When outside senders write to every address before it, during it and after it
    Then everything that was accepted has arrived, nothing bounced, and it is known whose queue held it for how long
