Feature: Dell admits Email Routing
  Email Routing sends from prefixes of its own. The IPv4 one lies in none of the web proxy's ranges, the IPv6 one is a
  small part of one of them. Dell must admit the whole of both: a part that is forgotten loses the mail that happens to
  come from there.

  @A-2 @P1.2 @X2 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: The ends and a sample of each prefix are admitted
    Given the addresses that Email Routing sends from
    When each of them offers Dell a message for a mailbox
    Then Dell accepts the recipient from every one
