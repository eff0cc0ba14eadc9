Feature: Forwarded mail whose envelope sender is in our own domain is accepted
  Email Routing rewrites the envelope sender of what it forwards into our own domain. Rules against spoofing,
  right on any other server, would refuse all of it.

  @A-8 @X9 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Email Routing may use envelope senders in our domains
    Given Email Routing, and the envelope senders that it writes in our domains
    When a message with each of these senders is offered to Dell
    Then Dell accepts each of these senders

  @A-8 @X9 @observe @before_phase2 @before_phase3 @before_phase4
  Scenario: EC2 may use envelope senders in our domains, while it is admitted
    Given EC2, and the envelope senders that forwarded mail has in our domains
    When a message with each of these senders is offered to Dell
    Then Dell accepts each of these senders
