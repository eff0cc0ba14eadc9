Feature: Dell's table of admitted clients is what Cloudflare publishes
  The prefixes that Email Routing sends from stand in an SPF record (_spf.mx.cloudflare.net), and may change any day. A
  prefix that Dell's table lacks loses mail; one that Cloudflare has given up admits whoever has it now. One answer from
  DNS can be old or forged, so two resolvers at least have to say the same before the table is judged by it.

  @A-5 @X2 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Every published prefix stands in the table, and nobody unexpected
    Given the prefixes that Cloudflare publishes for Email Routing, as several resolvers give them
    When Dell's table of admitted clients is compared with them
    Then each published prefix stands in the table
    And no part of one is kept out by another line
    And nothing else stands there but our own networks and, while it may deliver, EC2
    And no client is admitted by its host name only
