Feature: Dell refuses everyone else
  Only Email Routing, the operator's own networks and, while it lives, EC2 have business at Dell's port 25. Everybody
  else, the rest of Cloudflare among them, is rejected permanently in session, or meets a firewall: nothing that they
  send is ever half accepted.

  @A-3 @X2 @X16 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario Outline: <who> may not deliver here
    Given <who> on the Internet
    When they offer Dell a message for a mailbox
    Then Dell rejects each of them permanently, or does not let it connect
    And an admitted client is served in the same minute

    Examples:
      | who                                     |
      | strangers                               |
      | Cloudflare's web proxies                |
      | addresses just outside each mail prefix |
