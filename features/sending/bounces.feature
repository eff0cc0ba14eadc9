Feature: Bounces reach their sender, and make no loops
  Cloudflare puts an address in our own domain in place of the sender's. So only a refusal in session gets back to the
  real envelope sender: Cloudflare passes it on, and the sender's server makes the bounce. What Dell itself writes to
  such an address later, a DSN or a vacation note, reaches nobody any more: after the switch outside authors get no
  vacation notes. Such mail must not go in circles either.

  @E-7 @R1 @drill @before_phase4
  Scenario: Whoever writes to a mailbox that Dell refuses gets a bounce
    Given a mailbox that Cloudflare still has a rule for, and Dell does not know
    When an outside sender writes to it
    Then the message comes back to its sender, with Dell's own reason

  @E-7 @R1 @X9 @drill @before_phase4
  Scenario Outline: <what> to a sender that Cloudflare has rewritten comes to rest on Dell
    Given <what> that Dell makes for a sender that Cloudflare has rewritten
    When it is followed through Dell's log
    Then it is tried once, does not leave Dell, and no report of it is sent

    Examples:
      | what              |
      | a delivery report |
      | a vacation note   |
