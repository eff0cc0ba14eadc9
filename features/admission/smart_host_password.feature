Feature: Dell's password at the relay host is readable only by root, and free of stray text
  A comment behind the password becomes part of it, and no message gets out any more. A map older than its source still
  holds yesterday's password. And where Postfix was set to say more, to find some fault, it writes the password into its
  log with each message, for as long as nobody takes that back.

  @A-15 @X7 @T @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Only root may read the password, and Postfix uses what was written
    Given the file that holds Dell's password at the relay host
    When the file, its map and what Postfix finds there are examined
    Then nobody but root may read it
    And Postfix writes no password into its log
    And the map is no older than the file
    And what Postfix finds is a user and a password, and nothing more
