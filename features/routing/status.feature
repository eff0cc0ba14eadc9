Feature: Nothing leads mail to Cloudflare before the switch, and Email Routing is ready after it
  Before the switch nothing may lead mail to Cloudflare. Afterwards Email Routing says of itself that it is enabled and
  ready, and that no record is missing. Its records are left unlocked: while they are locked, only Email Routing's own
  API could let a domain go back. What Cloudflare finds wrong, such as a foreign SPF record, is shown in its own words.

  @C-4 @P3.1 @observe @before_phase3
  Scenario: Before the switch no answer leads mail to Cloudflare
    Given the domains that are about to be switched
    When every name server and every resolver is asked for their MX
    Then no answer leads to Cloudflare

  @C-4 @M2 @observe @after_rollback
  Scenario: After a rollback no answer leads to Cloudflare, which still takes what comes late
    Given the domains that were taken back and not cleaned up
    When Cloudflare is asked for the state of Email Routing
    Then it is still enabled, for mail that comes late
    And no name server and no resolver leads to Cloudflare

  @C-4 @P1.1 @observe @soak @before_phase4 @before_deletion @at_signoff
  Scenario: After the switch Email Routing is enabled and ready
    Given the domains of this gate
    When Cloudflare is asked for the state of Email Routing
    Then it is enabled and ready, and no record is missing
