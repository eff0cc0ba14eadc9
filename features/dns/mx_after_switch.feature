Feature: After its switch, a domain's mail goes to Cloudflare
  Once a domain has been switched and its old TTL has passed, no server and no resolver may name another host than
  Cloudflare's. One that still names EC2 is a cache that will send mail to a machine which is about to be stopped.

  @N-7 @P3.2 @R2 @observe @soak @before_phase4 @before_deletion @at_signoff
  Scenario: Every name server and resolver names only Cloudflare's hosts
    Given the domains that have been switched
    When every name server and every resolver is asked for their MX
    Then each answer is the set of hosts that Cloudflare assigned, and only that
