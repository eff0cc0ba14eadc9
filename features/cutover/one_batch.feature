Feature: A domain changes its mail servers in one batch
  A sender that finds no MX, between the old records and the new ones, tries the domain's own address or bounces at once
  (RFC 5321, 5.1), and resolvers remember "none" for as long as the zone's SOA says (RFC 2308), half an hour at
  Cloudflare. So the old set is turned into the new one in a single batch, record into record. Cloudflare writes that in
  one transaction, but its servers learn it record by record: a part of both sets within seconds of the batch is shown,
  and is no fault.

  @X-1 @P3.2 @R1 @recorded @before_phase4
  Scenario: No answer was without a mail server while a domain moved
    Given the domains that have been switched
    When what every name server answered around the switch is reviewed
    Then every answer, of enough of them, was the old set of mail servers or the new one, or for seconds a part of both
