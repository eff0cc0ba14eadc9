Feature: Strict senders follow to the new gateway, and are told nothing wrong
  A domain's MTA-STS policy names the gateways that are genuine, and strict senders deliver to no other. They keep it for
  its max_age, and look for a newer one before they give up: old and new gateway have to be in it while both are met.

  @N-11 @P2.2 @observe @before_phase3 @before_phase4 @before_deletion
  Scenario: While mail moves, the policy admits the old gateway and Cloudflare's
    Given the domains judged here
    When the policy that strict senders go by is read
    Then it can be read, under one record that says which it is
    And it admits the old gateway and Cloudflare's
    And senders have had the time to notice it

  @N-11 @P2.2 @observe @at_signoff
  Scenario: In the end the policy admits Cloudflare's gateways alone
    Given the domains judged here
    When the policy that strict senders go by is read
    Then it can be read, under one record that says which it is
    And it admits Cloudflare's, and not the old gateway
    And it admitted both for as long as senders may have kept it

  @N-11 @P2.2 @observe @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Where reports on TLS are wanted, senders can read where to send them
    Given the domains judged here
    When every name server and every resolver is asked where reports on TLS go
    Then each record that there is can be read
