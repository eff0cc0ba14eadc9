Feature: The test domain goes first
  A domain that nobody depends on is switched first and held for a while. Only if it has been well all that time may the
  others follow.

  @X-4 @M1 @recorded @before_phase3
  Scenario: The pilot has been well since it was switched
    Given that a domain other than the pilot is about to be switched
    When the pilot's time since its switch is reviewed
    Then it was switched first, was watched, and has been served long enough without a red night
    And Cloudflare serves it, and its mail arrived all the while
