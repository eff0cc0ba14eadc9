Feature: EC2 has fallen silent before it is stopped
  After the last switch nobody should need EC2 any more. Whoever still does would find out by its stop: a sender who
  kept the old server's name, a device that sends through it, a message left in its queue. So its log and its queue are
  read first. Test mail and refused spam, by EC2 or behind it by Dell, don't count. A log that nobody writes is silent,
  too: EC2's counts only while our own mark of just now is in it, and neither Dell's log nor a mailbox has more of EC2.

  @S-4 @P4.2 @observe @before_phase4
  Scenario: EC2 carries no mail any more
    Given the quiet time that the settings ask for
    When EC2's log of that time and its queue are read, and the other witnesses heard
    Then no mail came through it but test mail and refused spam, and no witness says otherwise
    And the logs that say so are alive
    And nobody sent through it to the world
    And nothing waits in its queue
