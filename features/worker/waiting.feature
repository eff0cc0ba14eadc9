Feature: Mail waits at its senders while the Worker can't hand it over
  A Worker that can't hand a message over throws, and by most reports the sender hears that it should try again. One
  report has the message refused for good after three calls: then mail bounces in an outage, and no lab can exclude
  that. The trial finds out which it is, and C-8 closes phase 3 where it bounces.

  @W-9 @R1 @drill @before_phase3 @before_phase4
  Scenario Outline: Mail waits at its senders while <what>
    Given that Cloudflare defers the sender when the Worker throws, unless the Worker has a bucket
    And an outage: <what>
    When outside senders write to every address before it, during it and after it
    Then everything that was accepted has arrived, nothing bounced, and it is known whose queue held it for how long

    Examples:
      | what                            |
      | the Worker's way to Dell is cut |
      | Dell loses its power            |
      | Dell refuses the Worker's login |
      | the Worker's runtime is killed  |
