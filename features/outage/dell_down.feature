Feature: Mail waits while Dell is off
  EC2 kept mail while Dell was away; Cloudflare's pages do not say for how long it would. So either the sender's server
  holds the mail, or Cloudflare does. Whichever it is, nothing may be lost of what some server has acknowledged.

  @O-1 @R1 @drill @before_phase3 @before_phase4
  Scenario Outline: All mail arrives after Dell's return, if Cloudflare <does> what Dell cannot take
    Given that Cloudflare <does> what Dell cannot take
    And an outage: Dell loses its power
    When strangers write to every address before it, during it and after it
    Then everything that was acknowledged has arrived, and nothing bounced
    And it is told who kept the mail meanwhile, and for how long

    Examples:
      | does                |
      | hands back          |
      | keeps for later     |
