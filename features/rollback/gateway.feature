Feature: As long as EC2 runs, mail can go back to it
  A rollback leads a domain's mail to EC2. If somebody has tidied up there since the switch, so that EC2 no longer knows
  the domain or one of its addresses, or its name leads nowhere, the rollback makes bounces of the very mail that it was
  to save. So EC2 is asked before the first switch, and for as long as it runs. To take a message is not all: since the
  switch no other mail shows whether EC2 still brings it to Dell, so one of our own goes that way.

  @X-5 @M2 @observe @soak @before_phase3 @before_phase4
  Scenario: EC2 still takes mail for every address
    Given EC2 and every address of the domains of this gate
    When EC2 is asked whether it takes mail for each address
    Then it says yes to every address
    And it takes bounces
    And its name leads to it, whoever is asked
    And it will listen for it after its next start
    And its next start brings back its firewall as it is, and waits for no disk that is gone
    And its tables hold what is written there
    And senders who insist on TLS can bring it there
    And it will pass it on to Dell once Dell's certificate is renewed

  @X-5 @M2 @observe @soak @before_phase3 @before_phase4
  Scenario: What EC2 takes still ends in its mailbox
    Given EC2 and every address of the domains of this gate
    When an outside sender brings EC2 a message for one address of each domain
    Then each message is in its mailbox in time, unaltered
    And its trace leads through EC2
