Feature: Every destination is verified
  Cloudflare forwards to verified addresses only. A rule that points to one which was never confirmed is disabled, and
  its mail is refused, or lost in silence where the catch-all drops.

  @C-1 @P3.1 @observe @soak @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Each address's destination exists and is verified
    Given every address of the domains of this gate
    When Cloudflare is asked for the account's destinations
    Then each address has its destination there, and it is verified
