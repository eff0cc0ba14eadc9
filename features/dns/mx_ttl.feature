Feature: Caches let go of the old answer quickly
  An MX record that may be cached for an hour sends mail to the old gateway for an hour after the switch.
  So its TTL is shortened a day ahead, and the switch waits until the longest old TTL has run out everywhere.

  @N-2 @P2.3 @R2 @observe @before_phase3
  Scenario: The short TTL is in force, and the long one has run out
    Given the domains that are about to be switched
    When every name server is asked for the TTL of their MX
    Then none is longer than the settings say
    And the longest TTL from before has run out since it was shortened

  @N-2 @P2.3 @R2 @M2 @observe @before_phase4
  Scenario: The TTL stays short while a domain may have to move again
    Given the domains of this gate
    When every name server is asked for the TTL of their MX
    Then none is longer than the settings say

  @N-2 @M2 @observe @after_rollback
  Scenario: After a rollback the TTL stays short until the clean-up
    Given the domains that were taken back and not cleaned up
    When every name server is asked for the TTL of their MX
    Then none is longer than the settings say
