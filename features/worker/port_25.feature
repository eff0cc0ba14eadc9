Feature: Nobody in the world has business at Dell's port 25
  Where mail comes by the Worker, Email Routing never comes to port 25 itself. Its prefixes, admitted there, would be
  a second way in that nobody watches. EC2 stays admitted as long as it could still receive, and our own networks
  always.

  @W-5 @X2 @X8 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Dell's port 25 is for EC2 and our own networks
    Given Dell's table of admitted clients
    When a client at one address of each Email Routing prefix offers Dell a message at port 25
    Then the table holds our own networks and, while it may deliver, EC2, and nobody else
    And each of these addresses is refused
    And no client is admitted by its host name only
