Feature: Forwarded mail has a way to Dell, and only one
  Email Routing hands a message to the mail server of the destination's domain. If that domain were routed too, or
  shared its mailboxes with another, mail would run in a circle or land with a namesake.

  @I-7 @X4 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Each routed domain has a delivery domain of its own, served only by Dell
    Given the domains of this gate
    When every name server and every resolver is asked for the MX of their delivery domains
    Then each answer is Dell, behind it a backup MX that stays, and nothing else
    And no delivery domain is routed itself, or shared with another domain

  @I-7 @X4 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: No rule leads mail back to where it came from
    Given the domains of this gate
    When Cloudflare is asked for the domains' rules
    Then no rule and no catch-all forwards to a routed domain
