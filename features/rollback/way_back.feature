Feature: Until EC2 is given up, every step can be rolled back
  Mail goes wrong at night, and somebody wants EC2 back. From whatever step before EC2's access is retired: the domain's
  MX records are the old ones again, caches follow within the TTL and a minute, and no accepted message is lost. SPF,
  rules, Email Routing and Dell's admission of Cloudflare stay, since stale caches still lead mail that way; they go
  back later. Proved in the lab, for Dell's configuration of today.

  @X-5 @M2 @X10 @drill @before_phase3 @before_phase4 @after_rollback
  Scenario Outline: A domain that has gone <how far> comes back
    Given a domain as it stood before anybody touched its DNS
    When it goes <how far>, and is rolled back while outside senders write to it
    Then its MX is the old one, whoever could send before can send, and nothing else was changed
    And every name server and resolver leads to EC2 within the TTL and a minute
    And no accepted message was lost, and in the end mail came through EC2

    Examples:
      | how far                           |
      | as far as the merged SPF record   |
      | as far as the short TTL           |
      | as far as the wide MTA-STS policy |
      | as far as Cloudflare's rules      |
      | half-way through the switch       |
      | through the switch                |
      | as far as the stop of EC2         |
