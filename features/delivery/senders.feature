Feature: Senders of every kind get through
  Cloudflare wants mail to pass SPF or DKIM, and takes it over IPv4 and IPv6, over TLS and in the clear. Whoever
  passes SPF or DKIM must get through, the small firm without DKIM as well as the large provider. What passes neither
  may be refused: the shadow run of the logs tells beforehand who that would be. Where no sender of ours is of a kind, the
  real mail of the last 30 days shows whether that kind gets through; a kind that nobody uses is not tried. Of the big
  providers (Gmail, Outlook, iCloud, docomo and others) those whose mail came before have to come by the new way too: from
  one that is silent a person writes.

  @E-8 @P3.4 @observe @before_phase4
  Scenario: Whoever passes SPF or DKIM gets through, by whatever way
    Given every address of the domains of this gate
    When a sender of every kind writes to them
    Then the mail of each arrives, over the IP version and with the TLS that its kind uses
    And mail of each big provider that wrote in the last weeks has come by Cloudflare
