Feature: Cloudflare refuses what it should, where the sender sees it
  What is refused in session comes back to whoever wrote it; what is taken and dropped is lost without a word. An
  address with a detail behind a plus sign works today: it must not stop with the switch.

  @C-5 @P3.4 @observe @before_phase4 @before_deletion @at_signoff
  Scenario: Mail to an address that nobody has is refused
    Given the domains judged here
    When Cloudflare is offered mail for an address that nobody has
    Then it is refused in session, or taken where the catch-all drops it

  @C-5 @P3.4 @observe @before_phase4 @before_deletion @at_signoff
  Scenario: Addresses with a detail go where the settings say
    Given the domains judged here
    When Cloudflare is offered mail for addresses with a detail
    Then each goes where the settings say

  @C-6 @P1.1 @observe @before_phase4
  Scenario: Mail that nobody vouches for is refused visibly
    Given the domains judged here
    When a sender that passes neither SPF nor DKIM writes to each of them
    Then Cloudflare refuses each message in session, for good
