Feature: The Worker changes nothing
  It hands on the octets that came, and the envelope with them. So the author's own signature goes on to verify, and
  a reply to the envelope sender, a vacation note or a delivery report of Dell's, reaches whoever wrote. SPF then
  fails at Dell, which sees the Worker's address: nothing there may judge by it (A-20).

  @W-8 @P2.2 @X9 @observe @before_phase4 @before_deletion @at_signoff
  Scenario: A message comes as it was sent, envelope and signature
    Given the domains of this gate
    When a sender that signs writes to each of them
    Then the sender's own signature verifies in the mailbox
    And its envelope sender is the one that it was sent with
