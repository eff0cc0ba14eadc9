Feature: The largest message that Email Routing brings is received
  Email Routing passes messages of up to 25 MiB, and its own header fields come on top: a limit of 25 MiB at Dell would
  refuse what Cloudflare accepted.

  @A-11 @R4 @drill @before_phase2 @before_phase3 @before_phase4
  Scenario: A message of 25 MiB under the fields of Email Routing
    Given a message of 25 MiB under the fields that Email Routing adds
    When Email Routing brings it to a mailbox
    Then each message is in its mailbox within the bound, unharmed
