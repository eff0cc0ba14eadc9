Feature: Dell can be reached from the Internet
  Email Routing delivers to the MX of a verified address's domain and to nothing else: no private address, no VPN, no
  other port. So Dell needs a public name of its own, and port 25 open behind it.

  @I-6 @P1.2 @X4 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Dell's name leads to Dell, and port 25 opens there
    Given Dell's public name
    When its addresses are looked up and port 25 is tried by an admitted client outside
    Then every address is Dell's own, public and not proxied
    And port 25 opens at each of them

  @I-6 @P1.2 @X4 @observe @before_phase1
  Scenario: Before the start, Dell has a public address and somebody vouches for port 25
    Given Dell's public address as in the settings
    When its kind and port 25 are examined
    Then the address is public, and neither private nor shared by a provider's customers
    And port 25 opens there, or the settings name who confirmed that it can be opened
