Feature: When all is over, DNS is as it was, but for EC2
  Lifetimes that were shortened for the switch make every outage of a name server felt within minutes. And an address
  that was EC2's will be somebody else's soon: a record that still names it hands them mail, or the right to send some.

  @N-12 @P4.5 @observe @at_signoff
  Scenario: Records may be kept as long as before
    Given the domains judged here
    When for how long each record may be kept is compared with before
    Then none may be kept for a shorter time, but for those that Cloudflare manages

  @N-12 @P4.5 @observe @at_signoff
  Scenario: Nothing in DNS leads to EC2 any more
    Given the domains judged here
    When every record is searched for EC2's names and addresses
    Then none mentions them
    And its name leads nowhere, whoever is asked
    And no sender policy lets its address send
