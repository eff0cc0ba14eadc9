Feature: There is never a moment without a mail server
  A resolver that asks between the old records and the new ones, and finds none, may bounce mail at once and remember
  "none" for half an hour. So the old set is replaced by the new one in a single batch.

  @X-1 @P3.2 @R1 @recorded @before_phase4
  Scenario: No answer was without a mail server while a domain moved
    Given the domains that have been switched
    When what every name server answered around the switch is read back
    Then there are enough answers to judge by, also in the moment of the switch
    And each of them was the old set of mail servers or the new one
