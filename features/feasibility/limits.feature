Feature: The mail fits Email Routing's limits
  Cloudflare limits the number of rules and destinations, and the size of a message. What does not fit bounces, or is
  never set up. No limit by day is documented, so the busiest day is shown with that: whoever signs should have seen
  it.

  @I-5 @P1.1 @R4 @observe @before_phase1 @before_phase3 @before_phase4
  Scenario: Addresses, domains and messages stay below the limits
    Given the domains of this gate
    When what they need is counted, and the mail of the last 30 days with it
    Then each number is within Cloudflare's limit, and what is left is stated
    And the largest message was within the limit, and the busiest day is shown with what is documented of one by day
