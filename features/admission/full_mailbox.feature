Feature: A full mailbox is refused in session
  A message that doesn't fit, once Postfix has accepted it, can only bounce, and Email Routing hands no such bounce on:
  its sender never learns of it. If Dell rejects it in session, Cloudflare passes that on, and the sender learns of it.
  Dovecot 2.3 says nothing at the end of a message: one whose size was not announced then waits in Dell's queue, and is
  delivered once there is room.

  @A-17 @X6 @X18 @drill @before_phase2 @before_phase3 @before_phase4
  Scenario: Mail for a mailbox over its quota is refused in session
    Given a mailbox that is over its quota, with all addresses that lead to it
    When Email Routing brings a message for each of them
    Then Dell refuses each in session, as one that doesn't fit
    And nothing for this mailbox was accepted and bounced
    And another mailbox is served

  @A-17 @X18 @drill @before_phase2 @before_phase3 @before_phase4
  Scenario: A message that does not fit is refused in session
    Given a mailbox with little room left
    When Email Routing brings it a message that is too large, with and without its size announced
    Then Dell refuses each in session, as one that doesn't fit
    And nothing for this mailbox was accepted and bounced
    And another mailbox is served
