Feature: Dell sees its clients by their true addresses
  Behind a container's userland proxy or a router that masquerades, every client looks like the container's bridge or
  the router, whose address is in one of the operator's own networks: a relay open to the world that passes every other
  check. IPv6 may go another way than IPv4, so both are tried, from real addresses and not from ones that are only
  claimed. Where the settings leave Dell's IPv6 address out and port 25 listens there, that address is tried too.

  @A-18 @X16 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Dell's log names the address that a client really has
    Given clients outside that know their own public addresses, over IPv4 and over IPv6
    When each of them says a HELO name of its own at Dell's port 25
    Then Dell's log shows each name with the address that said it
