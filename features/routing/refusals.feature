Feature: What Cloudflare does not deliver, it rejects in session
  What is rejected in session comes back to whoever wrote it; what is accepted and dropped is lost without a word, and
  only the operator may choose that. A subaddress (user+detail) works today: it must not stop with the switch unless
  the settings say so.

  @C-5 @P3.4 @observe @before_phase4 @before_deletion @at_signoff
  Scenario: Mail to an address that nobody has is refused, unless the catch-all is set to drop
    Given the domains of this gate
    When Cloudflare is offered mail for an address that nobody has
    Then it is rejected permanently in session, or dropped only where the operator chose a dropping catch-all

  @C-5 @P3.4 @observe @before_phase4 @before_deletion @at_signoff
  Scenario: Subaddresses go where the settings say
    Given the domains of this gate
    When Cloudflare is offered mail for subaddresses
    Then each goes where the settings say

  @C-6 @P1.1 @observe @before_phase4
  Scenario: Mail that passes neither SPF nor DKIM is not dropped in silence
    Given the domains of this gate
    When a sender that passes neither SPF nor DKIM writes to each of them
    Then each message is rejected permanently in session, or arrives
