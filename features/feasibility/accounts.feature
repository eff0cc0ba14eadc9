Feature: The accounts can do what is needed, and nobody is locked out
  A missing permission in the middle of a switch leaves half a switch. And when mail breaks, the provider's "reset your
  password" must not be among the mail that is broken.

  @I-11 @R1 @observe @before_phase1
  Scenario: Whoever must be reached when mail is down is reached outside of the domains that move
    Given the accounts at Cloudflare, AWS and the registrar, and the alerts
    When their contact addresses are gathered from the settings and from the accounts themselves
    Then each of them has one
    And none lies in a domain that moves

  @I-4 @P1.1 @observe @before_phase1 @before_phase2 @before_phase3 @before_phase4 @before_deletion
  Scenario: The tokens may do what the scripts need
    Given the tokens for Cloudflare and AWS
    When each kind of reading is done, and each kind of change is tried where it can change nothing
    Then nothing that is needed is refused
    And Cloudflare's token is good for long enough

  @I-4 @P1.1 @observe @before_phase1 @before_phase2 @before_phase3 @before_phase4 @before_deletion
  Scenario: The token can't read what the operator has named as somebody else's
    Given the tokens for Cloudflare and AWS
    When what the settings name as somebody else's is asked for
    Then each request is refused
