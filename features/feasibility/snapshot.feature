Feature: What stands today is on record, and can be put back
  A rollback is only as good as what it goes back to. So before anything is changed, every mail record, every routing
  rule and the configuration of both machines are written down, and before each step that record is read again.

  @I-1 @P2.1 @M2 @observe @before_phase1 @before_phase2 @before_phase3
  Scenario: The first snapshot is whole, and everything since then is accounted for
    Given the snapshot that was taken before anything was changed
    When it is compared with what stands
    Then it has every mail record and routing rule of each domain
    And nobody but us has changed a mail record since
    And it has the configuration of Dell and of EC2, in files that can be put back, passwords excepted
    And it is as it was written
