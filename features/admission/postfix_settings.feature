Feature: Dell's Postfix runs as planned
  The plan's parameters, corrected where they would lose mail, are not only written down: the running server uses them.
  A file edited after the last reload, or a service that overrides a parameter, is found here.

  @A-1 @T @X1 @X3 @X11 @X13 @X14 @X15 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: The running server has every parameter of the plan
    Given the plan's parameters, as corrected
    When Postfix is asked for those in force
    Then each has its planned value
    And its tables of mailboxes and aliases hold what the plan holds, and nothing else
    And the files are no newer than what the running server read
    And Postfix finds nothing wrong with its configuration

  @A-1 @T @drill @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Every parameter of the plan is in force after a power cut
    Given the plan's parameters, as corrected
    And Dell has lost its power and come back
    When Postfix is asked for those in force
    Then each has its planned value
    And the files are no newer than what the running server read
    And Postfix finds nothing wrong with its configuration
    And an admitted client is served in the same minute

  @A-1 @T @drill @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Every parameter of the plan is in force in a new container
    Given the plan's parameters, as corrected
    And the container of Dell's Postfix was made again
    When Postfix is asked for those in force
    Then each has its planned value
    And the files are no newer than what the running server read
    And Postfix finds nothing wrong with its configuration
    And an admitted client is served in the same minute

  @A-1 @T @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: The templates say the same as what runs
    Given the templates that own the configuration of Dell's Postfix
    When what they render is compared with what runs
    Then no file differs
