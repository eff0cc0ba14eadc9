Feature: Caches let go of the old answer quickly
  An MX record that may be cached for an hour sends mail to the old gateway for an hour after the switch.
  So its lifetime is shortened a day ahead, and the switch waits until the longest old lifetime has run out everywhere.

  @N-2 @P2.3 @R2 @observe @before_phase3
  Scenario: The short lifetime is in force, and the long one has run out
    Given the domains that are about to be switched
    When every name server is asked how long their MX may be kept
    Then none allows more than the settings say
    And the longest lifetime from before has run out since it was shortened
