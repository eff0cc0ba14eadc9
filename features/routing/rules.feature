Feature: One rule for each address
  A catch-all would fold all mailboxes into one, so each address has a rule of its own to its own destination. A second
  rule for the same address, a disabled one, or one that nobody knows of sends mail where nobody looks.

  @C-2 @P3.1 @X5 @observe @soak @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Each address has exactly one enabled rule to its own destination
    Given every address of the domains of this gate
    When Cloudflare is asked for the domains' rules
    Then each address has exactly one enabled rule, to its own destination
    And there is no other rule

  @C-2 @M2 @observe @after_rollback
  Scenario: After a rollback the rules still lead late mail to its mailboxes
    Given every address of the domains that were taken back and not cleaned up
    When Cloudflare is asked for the domains' rules
    Then each address has exactly one enabled rule, to its own destination
    And there is no other rule

  @C-3 @X5 @observe @soak @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: The catch-all does what the settings decide
    Given the domains of this gate
    When Cloudflare is asked for the domains' rules
    Then the catch-all is as decided, and leads to no mailbox
