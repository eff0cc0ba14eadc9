Feature: The keys to verify the operator's mail are published
  Cloudflare signs what it forwards, and the relay host what it sends. A key that is missing, truncated or behind a proxy
  makes good signatures worthless: mail lands in the spam folder, or is refused where the domain's own policy says so.

  @N-5 @P2.2 @observe @soak @before_phase4 @before_deletion @at_signoff
  Scenario: Cloudflare's and the relay host's keys can be read everywhere
    Given the domains of this gate
    When every name server and every resolver is asked for the keys of Cloudflare and the relay host
    Then each key is there and fit to verify with
    And Cloudflare's is the one that Cloudflare asks for
