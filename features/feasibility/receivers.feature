Feature: Whoever really receives mail is known
  Today's servers take mail for more addresses than anybody remembers: aliases, a catch-all, an old address that a shop
  still writes to. At Cloudflare mail to an address without a rule bounces, or vanishes where the catch-all drops it. So
  the logs of the last 30 days say who receives, as long as they are alive: our own mark of just now has to be in them.
  Postmaster, abuse and report addresses come on top. Each gets a rule, or is given up by name.

  @I-9 @P3.1 @R1 @observe @before_phase1
  Scenario: Every address that takes mail has its place in the settings
    Given the domains of this gate
    When the logs of the last 30 days, the aliases, postmaster, abuse and the published report addresses are read
    Then each address found there is in the settings, or given up in them by name
    And the logs reach back over that time, and are alive

  @I-9 @P3.1 @R1 @observe @before_phase3
  Scenario: Every address that takes mail has a rule at Cloudflare
    Given the domains of this gate
    When the logs of the last 30 days, the aliases, postmaster, abuse and the published report addresses are read
    Then each address found there has an enabled rule, or is given up in the settings by name
    And the logs reach back over that time, and are alive
