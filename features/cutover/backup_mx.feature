Feature: A backup MX hands on what it holds
  A domain may have a second MX next to EC2. Cloudflare takes no foreign MX next to its own, so that the backup leaves the
  routed domains with the switch: for good, or to stay as the second MX of the delivery domains. Mail may wait there for
  days. One that hands it on by the MX records would then bring it to Cloudflare, where its address proves nothing.

  @X-6 @P3.2 @R1 @observe @before_phase3 @before_phase4 @before_deletion
  Scenario: Nothing waits at a backup MX, and what comes there goes to Dell
    Given the backup MX hosts of today
    When each is asked for its queue, and for where it hands on the mail of each domain
    Then nothing waits at a backup MX
    And each hands on to Dell, whatever the MX records say

  @X-6 @X8 @observe @before_phase3 @before_phase4 @before_deletion
  Scenario: Dell admits a backup MX as long as it may hold mail
    Given the backup MX hosts of today
    When Dell is asked which of their addresses it would admit
    Then Dell would admit each backup MX

  @X-6 @X8 @observe @at_signoff
  Scenario: In the end Dell admits only a backup MX that stays
    Given the backup MX hosts of today
    When Dell is asked which of their addresses it would admit
    Then Dell would admit those that stay, and no other
