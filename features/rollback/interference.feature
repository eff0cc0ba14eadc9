Feature: The way back leads to EC2, whatever somebody did or does meanwhile
  Nerves fail, and somebody disables Email Routing; Cloudflare falls silent just when it is asked; or the day after,
  all that the way back left in place is to go too. To disable Email Routing is no way back: Cloudflare refuses that
  mail then, and its removal of records takes the SPF record along. Proved in the lab, for Dell's configuration of
  today.

  @X-5 @M2 @X10 @drill @before_phase3 @before_phase4 @after_rollback
  Scenario: The records come back even if somebody has disabled Email Routing by hand
    Given a domain as it stood before anybody touched its DNS
    When it goes through the switch, loses Email Routing by hand, and is rolled back while outside senders write to it
    Then its MX is the old one, whoever could send before can send, and nothing else was changed
    And every name server and resolver leads to EC2 within the TTL and a minute

  @X-5 @M2 @X10 @drill @before_phase3 @before_phase4 @after_rollback
  Scenario: Later all of it is taken back, while mail comes through EC2
    Given a domain as it stood before anybody touched its DNS
    When it goes through the switch, and is rolled back and cleaned up while outside senders write to it
    Then its MX and SPF are the old ones, and Cloudflare routes none of its mail
    And no accepted message was lost, and in the end mail came through EC2

  @X-5 @M2 @R3 @drill @before_phase3 @before_phase4 @after_rollback
  Scenario: With Cloudflare's name servers and API silent together, the way back by hand is shown
    Given a domain as it stood before anybody touched its DNS
    When it goes through the switch, and is rolled back while Cloudflare is silent, and once more afterwards
    Then the first try said within half a minute how to go back by hand
    And every name server and resolver leads to EC2 within the TTL and a minute
    And no accepted message was lost, and in the end mail came through EC2
