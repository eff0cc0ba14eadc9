Feature: Dell receives and hands on
  Mail that waits in the queue is late before anybody notices, and becomes a bounce after some days.

  @A-16 @R1 @observe @soak @before_phase1 @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  @after_rollback
  Scenario: No inbound message waits too long, and everything that mail passes through is up
    Given Dell's mail servers as they run
    When the queue and the servers are examined
    Then no inbound message has waited for too long
    And Postfix, the delivery to mailboxes and IMAP are up

  @A-16 @R1 @observe @before_phase1 @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  @after_rollback
  Scenario: Postfix and Dovecot come back when the machine is started again
    Given Dell's mail servers as they run
    When systemd is asked which of them it starts with the machine
    Then each that is a service of its own is among them
    And nothing puts the machine to sleep
    And nothing stops them after some time
    And Dell's IPv6 stays on, and Postfix's log goes on when it is rotated

  @A-16 @R1 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: No job puts another configuration in the place of Dell's
    Given Dell's mail servers as they run
    When the jobs of its machine are searched for what writes their configuration
    Then no job replaces Dell's configuration

  @A-16 @R1 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: No job deletes mail that was delivered
    Given Dell's mail servers as they run
    When the jobs of its machine are searched for what deletes mail
    Then no job deletes mail, except from users' Junk and Trash folders
    And none stops Postfix or Dovecot for good

  @A-16 @R1 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: What Dell has acknowledged outlives a power cut
    Given where Dell's queue and its mailboxes lie
    When their disks are examined, and how Dovecot acknowledges mail
    Then each lies on a disk, and a message is there before it is acknowledged
