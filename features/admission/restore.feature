Feature: Restoring main.cf and master.cf brings the old reception back
  The way back from a change of Postfix's configuration is to copy two files into their place. It is tried before
  anybody needs it.

  @A-14 @T @M2 @drill @before_phase2 @before_phase3 @before_phase4 @after_rollback
  Scenario: Mail is received with the restored files as before
    Given Postfix's two files as the snapshot has them
    And both were copied back from their backups, and Postfix started with them
    When EC2 delivers to a mailbox of each domain, as it did before
    Then both files are those of the snapshot, to the last byte
    And each message is in its mailbox in time, unaltered
