Feature: Nothing that decides about mail changes unseen
  A gate that was open speaks of what stood then. Since then a colleague may have added a copy of all mail, a package a
  rule of the firewall, an attacker a redirect. So what decides about mail is read whole at every gate and every night:
  Dell's Postfix, Dovecot, Sieve, firewall, ports and jobs, EC2's Postfix, the zones, Email Routing, EC2 at AWS. What
  differs from what was accepted, by the first gate, by our scripts or by name, is named. What stood already at the
  first gate is no better for that: copies to strangers, and an SPF record for everybody, want a person's word.

  @S-6 @R1 @M3 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff @after_rollback
  Scenario: Whatever decides about mail is as it was accepted, and copies go to nobody else
    Given the domains of this gate
    When all that decides about their mail is read
    Then each part of it is as it was accepted, or as our scripts wrote it
    And no copy of mail goes to a stranger unless a person has accepted that by name
    And no SPF record lets in the whole world
