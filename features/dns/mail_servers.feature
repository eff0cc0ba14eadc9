Feature: No MX record leads into a dead end
  A null MX ("no mail here", RFC 7505), an MX host that is only an alias (CNAME), or one behind Cloudflare's web proxy
  can each lose mail in their own way. A forgotten record at some label of the zone takes mail to where nobody looks.

  @N-10 @P2.2 @observe @before_phase1 @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: No MX record leads into a dead end
    Given the domains of this gate
    When every MX that their zones name is examined
    Then none is a null MX
    And no MX host is an alias, and no name with an MX is one
    And no MX host is behind the web proxy
    And each MX stands at a name that the settings know
