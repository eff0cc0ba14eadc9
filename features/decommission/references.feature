Feature: Nothing refers to EC2 any more
  An address that was given back may be anybody's tomorrow. A record, an SPF mechanism, an allow-list or a mail client
  that still names it would then trust, or write to, a stranger.

  @D-5 @P4.5 @T @observe @at_signoff
  Scenario: No record, no setting of Dell's, no client and no monitoring names the gateway
    Given everything that belonged to the EC2 gateway
    When records, Dell's files, the ways to Dell and the monitoring are searched for its names and addresses
    Then nothing that is in use names it
