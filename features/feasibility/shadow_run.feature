Feature: What Cloudflare would refuse is decided beforehand
  Cloudflare refuses mail that today's servers take: what passes neither SPF nor DKIM (a scanner's, say) or fails its
  author's DMARC policy (a mailing list's), what is over 25 MiB or has a local part that is not ASCII, what comes from a
  server whose address has no name in reverse DNS, what goes to an address without a rule. Such senders would find out by
  a bounce after the switch. So the real mail of the last 30 days is judged as Cloudflare would judge it, and the operator
  decides on each sender. What Cloudflare thinks of reputation and spam can't be known beforehand.

  @I-10 @R1 @observe @before_phase1 @before_phase3
  Scenario: The operator has decided on every sender whose mail would be refused
    Given the domains of this gate
    When their mail of the last 30 days is judged as Cloudflare would judge it
    Then each sender who would be refused has been decided on in the settings
    And mail to an address without a rule is given up by name
    And the logs that name this mail are alive
