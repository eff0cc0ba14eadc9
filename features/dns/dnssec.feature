Feature: A signed zone validates
  Resolvers that check signatures answer nothing at all for a zone whose signatures don't hold: its mail stops, and only
  for their users. Each record of mail has to be signed by a key that the parent zone vouches for.

  @N-11 @P2.2 @observe @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Every signature that mail depends on holds
    Given the domains judged here
    When those that are signed are checked from their parent down
    Then every name server's signatures hold for the records of mail
    And every resolver that checks signatures gives an answer, and vouches for it
