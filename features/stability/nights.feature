Feature: Quiet nights before anything is given up
  A stop that comes too early cuts off whoever still needs EC2; a deletion takes the way back. So every night what is
  marked for it (@soak) is judged again, and only enough green nights without a red one between them let the migration
  go on. A red night starts the count again; one on which nobody could look, or that is missing, does not count, and
  neither does one without mail, one of another system, version or settings, or a second one within the same day.

  @S-1 @P4.1 @observe @before_phase4
  Scenario: Enough green nights since the last domain was switched
    Given the nights since the last switch
    When they are counted
    Then as many in a row are green as the settings ask, and as many days have passed

  @S-1 @P4.3 @observe @before_deletion
  Scenario: Enough green nights since EC2 was stopped
    Given the nights since the stop
    When they are counted
    Then as many in a row are green as the settings ask, and as many days have passed

  @S-2 @M3 @observe @before_phase4
  Scenario: Nothing was lost since the last domain was switched
    Given the numbered mail since the last switch
    When what was accepted of it is compared with what has arrived
    Then every message of it has arrived
    And it was as quick as the settings ask

  @S-2 @M3 @observe @before_deletion
  Scenario: Nothing was lost since EC2 was stopped
    Given the numbered mail since the stop
    When what was accepted of it is compared with what has arrived
    Then every message of it has arrived
    And it was as quick as the settings ask
