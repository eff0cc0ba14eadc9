Feature: A signed zone validates
  Validating resolvers answer SERVFAIL for a zone whose signatures don't hold: its mail stops, and only for their
  users. Each record of mail has to be signed by a key that the parent zone vouches for.

  @N-11 @P2.2 @observe @soak @before_phase3 @before_phase4 @before_deletion @at_signoff @after_rollback
  Scenario: Every signature that mail depends on holds
    Given the domains of this gate
    When those that are signed are checked from their parent down
    Then every name server's signatures hold for the records that mail needs
    And every validating resolver gives an answer, and marks it as authentic
