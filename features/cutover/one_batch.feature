Feature: There is never a moment without a mail server
  A sender that finds no MX, between the old records and the new ones, tries the domain's own address or bounces at once
  (RFC 5321, 5.1), and resolvers remember "none" for half an hour. So the old set is replaced by the new one in a single
  batch.

  @X-1 @P3.2 @R1 @recorded @before_phase4
  Scenario: No answer was without a mail server while a domain moved
    Given the domains that have been switched
    When what every name server answered around the switch is reviewed
    Then every name server was asked often enough before, during and after the switch
    And each of them was the old set of mail servers or the new one
