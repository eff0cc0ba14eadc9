Feature: Nobody in the world has business at Dell's port 25
  Where mail comes by the Worker, Email Routing never comes to port 25 itself. Its prefixes, admitted there, would be
  a second way in that nobody watches. EC2 stays admitted as long as it could still receive, and our own networks
  always.

  @W-5 @X2 @X8 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Dell's port 25 is for EC2 and our own networks
    Given Dell's table of admitted clients
    When addresses of Email Routing are claimed at port 25, and offer a message for a mailbox
    Then the table holds our own networks and, while it may deliver, EC2, and nobody else
    And each of these addresses is refused
    And nobody may deliver by nothing but a name
