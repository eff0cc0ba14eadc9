Feature: Mail to Dell's own names has a home
  Cron, logwatch and the like write to root and to the names in the system's alias file. With an empty
  mydestination Postfix no longer consults that file: without a home of its own, such mail bounces to nobody.

  @A-21 @T @observe @before_phase2 @before_phase4
  Scenario: Mail for root and the system's aliases leads to a mailbox
    Given root and the names in Dell's alias file
    When each of them is looked up as Postfix would
    Then each leads to a mailbox, or to where its alias sends it
