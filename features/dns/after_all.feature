Feature: When all is over, TTLs are back to normal and DNS no longer names EC2
  TTLs that were shortened for the switch make every outage of a name server felt within minutes. And an address
  that was EC2's will be somebody else's soon: a record that still names it hands them mail, or the right to send some.

  @N-12 @P4.5 @observe @at_signoff
  Scenario: TTLs are at least what they were
    Given the domains of this gate
    When the TTL of each record for mail is compared with the one from before
    Then none is shorter, but for those that Cloudflare manages

  @N-12 @P4.5 @observe @at_signoff
  Scenario: Nothing in DNS leads to EC2 any more
    Given the domains of this gate
    When every record is searched for EC2's names and addresses
    Then none mentions them
    And its name does not exist, whoever is asked
    And no SPF record lets its address send
