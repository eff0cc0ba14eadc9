Feature: Mail waits while Dell is off
  EC2 kept mail while Dell was away; Cloudflare's pages disagree on what it does. It may defer its sender (4xx), or
  accept and queue. Either way nothing may be lost of what some server has accepted. If it rejects instead (5xx), mail
  bounces. No lab can exclude that: to know it, close Dell's port 25 for some minutes while only the pilot is switched.
  Tried in the lab for minutes; a longer outage is survived for as long as the queue that holds the mail keeps it.

  @O-1 @R1 @drill @before_phase3 @before_phase4
  Scenario Outline: All accepted mail arrives after Dell's return, if Cloudflare <does>
    Given that Cloudflare <does> while Dell is down
    And an outage: Dell loses its power
    When outside senders write to every address before it, during it and after it
    Then everything that was accepted has arrived, nothing bounced, and it is known whose queue held it for how long

    Examples:
      | does                |
      | defers the sender   |
      | queues the message  |
