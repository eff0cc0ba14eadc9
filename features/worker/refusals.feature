Feature: What Dell refuses, the sender hears in session
  Cloudflare's hosts take every address at RCPT: they know none. The Worker is called once the message is there, asks
  Dell, and passes a refusal on with Dell's words, before the sender has heard that it was taken. Who writes in our
  own name meets Cloudflare's rules first, as by any way.

  @W-7 @P3.4 @X6 @observe @before_phase4 @before_deletion @at_signoff
  Scenario: Whoever writes to an address that nobody has hears so, with Dell's words
    Given the domains of this gate
    When an outside sender writes to an address that nobody has in any of them
    Then each message comes back to its sender, with Dell's own reason

  @W-7 @P3.4 @observe @before_phase4 @before_deletion @at_signoff
  Scenario: A stranger who writes in our own name is not dropped in silence
    Given the domains of this gate
    When a stranger writes to each of them in the name of one of its own addresses
    Then each message is rejected permanently in session, or arrives
