Feature: Dell's old main.cf and master.cf can be restored
  The way back leads through copies of Postfix's two files. A copy that was made after the first change, or that was
  edited, brings back something else.

  @A-14 @T @M2 @observe @before_phase2 @before_phase3 @before_phase4 @after_rollback
  Scenario: The backups are what stood before the first change
    Given Postfix's two files as the snapshot has them
    When the backups on Dell are compared with them
    Then each file has a backup that is the same to the last byte
