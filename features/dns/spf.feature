Feature: Exactly one SPF record, and it names Cloudflare and the relay host
  Forwarded mail has an envelope sender in the operator's own domain, so the domain's SPF must name Cloudflare, and
  the relay host by which the operator's own mail leaves. Enabling Email Routing can replace the record and disabling can
  delete it, so it is read at every gate. It is evaluated as receivers do, for every address there is: a wide network
  counts wherever it stands, also in a record that is included.

  @N-4 @P2.2 @X9 @X10 @observe @soak @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Cloudflare and the relay host are named, and EC2 only while it is ours
    Given the domains of this gate
    When their SPF records are read and evaluated
    Then each has exactly one, within ten DNS lookups
    And it names Cloudflare and the relay host
    And it does not let the whole world send
    And it names EC2's address only while that address is ours

  @N-4 @P2.2 @M2 @observe @after_rollback
  Scenario: After a rollback whoever could send before can send
    Given the domains of this gate
    When their SPF records are read and evaluated
    Then each has exactly one, within ten DNS lookups
    And it is the one of the snapshot, or has Cloudflare and the relay host as well until the clean-up
