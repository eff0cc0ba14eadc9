Feature: Signatures still verify in the mailbox
  Forwarding changes who hands a message over, so SPF no longer speaks for its author. What speaks for it is its own
  signature, under which nothing may be altered, and Cloudflare's ARC set (RFC 8617), which tells what Cloudflare saw.
  Filters on Dell rest on both.

  @E-4 @P2.2 @observe @before_phase4 @before_deletion @at_signoff
  Scenario: Signatures and seals verify in the mailbox
    Given the domains of this gate
    When a sender that signs writes to each of them
    Then the sender's own signature verifies in the mailbox
    And both DKIM signatures that Cloudflare adds verify, and its ARC seal
    And the envelope sender has one of Cloudflare's known rewritten forms
