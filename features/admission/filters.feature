Feature: Filters don't judge forwarded mail by who brought it
  To a filter on Dell, forwarded mail comes from Cloudflare's address, with an envelope sender of our own: SPF then
  passes for our domain, and no longer for the author's. Where no DKIM signature speaks for the author either, DMARC
  fails, and mail from a domain with p=reject is refused. And what was let in can still be discarded, copied or led
  elsewhere without a word, by a table of Postfix or a Sieve script that somebody has forgotten, or by whoever has the
  password of a master user, which opens every mailbox.

  @A-20 @X9 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Every filter that judges clients is one that the operator has named
    Given Dell's Postfix as it receives mail from outside
    When whatever judges a client by its address, its name or SPF is looked for
    Then each such filter is one that the settings name

  @A-20 @X9 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Whatever may discard, copy or re-route mail is known to the operator
    Given Dell as it files mail that it has taken
    When whatever may discard, copy, rewrite or re-route a message is looked for
    Then each is one that the settings name

  @A-20 @X9 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Forwarded mail that passed only SPF, from a domain with a strict policy, still arrives
    Given a message without a DKIM signature, from a domain whose DMARC policy is p=reject
    When Email Routing forwards it to an address of each domain
    Then each message is in its mailbox in time, unaltered
