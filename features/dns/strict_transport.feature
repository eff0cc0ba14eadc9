Feature: Senders that honour MTA-STS follow to the new MX hosts
  A domain's MTA-STS policy (RFC 8461) names its MX hosts; where it says "enforce", senders that honour it deliver to no
  other. They keep it for its max_age, and look for a newer one before they give up: old and new hosts have to be in it
  while both are met.

  @N-11 @P2.2 @observe @soak @before_phase3 @before_phase4 @before_deletion
  Scenario: While mail moves, any policy admits EC2 and Cloudflare's MX hosts
    Given the domains of this gate
    When the MTA-STS policy is read as senders read it
    Then it can be read over HTTPS, announced by exactly one record with its id
    And it admits EC2 and Cloudflare's MX hosts
    And senders have had the time to notice it

  @N-11 @P2.2 @M2 @observe @after_rollback
  Scenario: After a rollback any policy admits EC2
    Given the domains of this gate
    When the MTA-STS policy is read as senders read it
    Then it can be read over HTTPS, announced by exactly one record with its id
    And it admits EC2

  @N-11 @P2.2 @observe @soak @at_signoff
  Scenario: In the end any policy admits Cloudflare's MX hosts, and not EC2
    Given the domains of this gate
    When the MTA-STS policy is read as senders read it
    Then it can be read over HTTPS, announced by exactly one record with its id
    And it admits Cloudflare's MX hosts, and not EC2
    And it admitted both for as long as senders may have kept the policy from before

  @N-11 @P2.2 @observe @soak @before_phase3 @before_phase4 @before_deletion @at_signoff @after_rollback
  Scenario: Where TLS reports are wanted, senders can read where to send them
    Given the domains of this gate
    When every name server and every resolver is asked where TLS reports go
    Then each record that there is can be read
