Feature: The Worker reaches Dell, and knows it by its certificate
  A Worker connects to any port but 25, by a name that the whole world can look up, and goes on only where the
  certificate is one that browsers accept. With one that has run out, or is for another name, all mail waits at its
  senders. By a Cloudflare Tunnel it asks Cloudflare's own proxy for a WebSocket, and hears Dell in that.

  @W-3 @P1.2 @observe @before_phase1
  Scenario: Before the start, the Worker's way has a public end
    Given the Worker's way to Dell
    When its name is looked up, and its port is tried
    Then the name leads to where a Worker may connect
    And somebody answers or refuses there, or the settings name who confirmed that it can be reached

  @W-3 @P1.2 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: The Worker's way leads to Dell
    Given the Worker's way to Dell
    When its name is looked up, and its port is tried
    Then the name leads to where a Worker may connect
    And Dell's Postfix greets there, within TLS and under a certificate that browsers accept, good for long enough
    And where Cloudflare Access guards it, the Worker's service token is good for long enough
