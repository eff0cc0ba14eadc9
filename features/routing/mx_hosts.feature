Feature: Cloudflare's MX hosts answer for every address
  A host that doesn't know an address yet rejects its mail from the moment of the switch; one that doesn't resolve or
  greet delays it. Before the switch Cloudflare may not know the domain at all: what its hosts say to an address then is
  shown, and judges nothing. Hosts are asked by the families that whoever asks has, and one answer a host suffices. A
  host that turns the asking client away, for a missing PTR or since it is on a block list say, or that is silent, has
  said nothing of any address: that is inconclusive.

  @N-9 @P3.2 @R3 @observe @soak @before_phase4 @before_deletion @at_signoff
  Scenario: Each MX host takes every address
    Given Cloudflare's MX hosts and every address of the domains of this gate
    When each host is asked whether it takes mail for each address
    Then every host says yes to every address

  @N-9 @P3.2 @R3 @observe @before_phase3
  Scenario: Before the switch each MX host resolves and greets
    Given Cloudflare's MX hosts and every address of the domains of this gate
    When each host is asked whether it takes mail for each address
    Then every host resolves and greets
