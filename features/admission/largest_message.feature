Feature: The largest message that Email Routing brings is received
  Email Routing passes messages of up to 25 MiB, and its own header fields come on top: a limit of 25 MiB at Dell would
  refuse what Cloudflare accepted.

  @A-11 @R4 @drill @before_phase2 @before_phase3 @before_phase4
  Scenario: A message of 25 MiB, with Email Routing's header fields on top, is delivered
    Given a message of 25 MiB, with Email Routing's header fields on top
    When Email Routing brings it to a mailbox
    Then each message is in its mailbox in time, unaltered
