Feature: EC2 is stopped, and nobody misses it
  Before anything is deleted, the machine is off: its port 25 is dead, and mail flows without it.

  @D-1 @P4.2 @observe @before_deletion
  Scenario: The gateway is off and mail flows
    Given the EC2 gateway
    When its state is read and its port 25 is tried from outside
    Then it is stopped, and its port 25 is dead
    And numbered mail sent since then has arrived
