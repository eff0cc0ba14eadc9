Feature: Dell refuses everyone else
  Only Email Routing, the operator's own networks and, while it lives, EC2 have business at Dell's port 25. Strangers
  are refused for good and in session, so that nothing they send is ever half accepted.

  @A-3 @X2 @X16 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario Outline: <who> may not deliver here
    Given <who> on the Internet
    When they offer Dell a message for a mailbox
    Then Dell refuses every one of them for good
    And an admitted address is served in the same minute

    Examples:
      | who                                     |
      | strangers                               |
      | Cloudflare's web proxies                |
      | addresses just outside each mail prefix |
