Feature: All mail is led to one Worker, and it is the one that is meant
  Mail passes through a program in the account. Who may write Workers there can put another in its place, or have it
  speak to another machine, and nothing else looks different. So its source is read back and compared with ours, and
  so are the variables by which it finds Dell. Its password can't be read: that it is the right one shows as mail
  arrives.

  @W-1 @P3.1 @R1 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: The Worker at Cloudflare is this version's, and speaks to Dell
    Given the Worker that the settings name
    When its source and its variables are read back from Cloudflare
    Then its source is this version's, to the last octet
    And it speaks to Dell by the host, port and login of the settings, and has a password

  @W-2 @P3.1 @X5 @observe @soak @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Each domain's mail is led to the Worker, and nowhere else
    Given the domains of this gate
    When Cloudflare is asked for the domains' rules
    Then each catch-all is enabled, and leads to the Worker
    And no rule leads an address anywhere

  @W-2 @M2 @observe @after_rollback
  Scenario: After a rollback late mail is led to the Worker
    Given the domains that were taken back and not cleaned up
    When Cloudflare is asked for the domains' rules
    Then each catch-all is enabled, and leads to the Worker
    And no rule leads an address anywhere
