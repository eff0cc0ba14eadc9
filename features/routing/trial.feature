Feature: What Cloudflare really does is known before the first switch
  A rehearsal's Cloudflare is an emulator: where nobody knows what the real one does, it guesses. A trial on a throw-away
  name finds out, with nobody's mail at stake. Without one the night of the switch is the first time that anybody looks,
  and a difference is met by real mail.

  @C-8 @P1.1 @observe @before_phase3
  Scenario: A trial has shown what Cloudflare does, and nothing of it was unexpected
    Given that a domain's MX is about to move to Cloudflare
    When the last trial of the real Cloudflare is reviewed
    Then it is recent, and showed only what rehearsals know
    And the order of the switch and its window agree with it
