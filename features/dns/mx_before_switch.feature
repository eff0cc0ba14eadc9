Feature: Until its switch, a domain's mail goes to EC2
  A domain that has not been switched names today's gateway as its only MX, wherever one asks.
  An answer that already differs means that somebody else is changing the zone, or that a rollback is not over.

  @N-1 @P2.1 @observe @before_phase1 @before_phase2 @before_phase3 @after_rollback
  Scenario: Every name server and resolver names only today's gateway
    Given the domains that have not been switched
    When every name server and every resolver is asked for their MX
    Then each answer is the EC2 gateway, with the backup MX of the settings, and nothing else
