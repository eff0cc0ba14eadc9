Feature: Three witnesses agree on what arrived
  Cloudflare counts what it delivered, Postfix's log on Dell says what it took from Cloudflare, and the mailboxes hold
  what is there. Mail that only two of them know of was lost at the third, or one of them can't be relied on. Some
  differences are harmless, and each of those is called by its name: statistics that come late, a user who has deleted a
  message. Of the latter Dovecot's log has to show that it was stored: what a filter discarded is in no mailbox either.

  @S-3 @M3 @observe @before_phase4 @before_deletion
  Scenario: Postfix's log, Cloudflare's statistics and the mailboxes agree
    Given the domains of this gate
    When all three are asked what arrived since each domain's switch
    Then they agree, and each difference between them is explained
