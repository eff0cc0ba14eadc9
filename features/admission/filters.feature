Feature: Filters don't judge forwarded mail by who brought it
  To a filter on Dell, forwarded mail comes from Cloudflare's address, with an envelope sender of our own. Where it asks
  whether that address may send for the author's domain, the answer is no, and a domain with a strict policy is refused.

  @A-20 @X9 @observe @before_phase2 @before_phase3 @before_phase4
  Scenario: Every filter is known
    Given Dell's Postfix as it receives mail from outside
    When whatever judges a client by its address, its name or SPF is looked for
    Then each such filter is one that the settings name

  @A-20 @X9 @observe @before_phase2 @before_phase3 @before_phase4
  Scenario: A message that only its first sender's address vouched for still arrives
    Given a message without a signature, from a domain that asks for such mail to be rejected
    When Email Routing forwards it to an address of each domain
    Then each message is in its mailbox within the bound, unharmed
