Feature: Nothing refers to EC2 any more
  An address that was given back may be anybody's tomorrow. A record, an SPF mechanism, a client access table or a way
  of sending that still names it would then trust, or write to, a stranger.

  @D-5 @P4.5 @T @observe @at_signoff
  Scenario: No record, no setting of Dell's, no way of sending and no monitoring names the gateway
    Given everything that belonged to the EC2 gateway
    When records, Dell's files, the users' ways of sending and the monitoring are searched for its names and addresses
    Then nothing that is in use names it
