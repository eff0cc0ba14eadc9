Feature: The test domain goes first
  A domain that nobody depends on is switched first and held for a while. Only if it has been well all that time may the
  others follow.

  @X-4 @M1 @recorded @before_phase3
  Scenario: The pilot has been well since it was switched
    Given the pilot, where another domain is about to be switched
    When its hold is looked at
    Then it was switched first, and has been held long enough
    And Cloudflare serves it, and its mail arrived all the while
