Feature: It is this machine, and nothing hangs on it but mail
  Stopping and deleting act on ids. If those of the settings are another machine's, or if this one also renews a
  certificate, runs a job or serves somebody's mail client, then more than a mail gateway disappears.

  @I-8 @P2.1 @observe @before_phase1 @before_phase4
  Scenario: The gateway and its parts are the ones that the settings name
    Given the EC2 gateway
    When its parts are read at Amazon and in Terraform, beside the first snapshot
    Then each is the one that was named

  @I-8 @P2.1 @observe @before_deletion
  Scenario: What is about to be deleted is the gateway and its parts, and is stopped
    Given the EC2 gateway
    When its parts are read once it is stopped
    Then each is the one that was named

  @I-12 @P4.2 @observe @before_phase1 @before_phase4
  Scenario: EC2 listens to mail, and does nothing else
    Given the EC2 gateway
    When it is asked what listens, runs by the clock, runs in containers and renews certificates
    Then there is nothing that the settings do not expect

  @I-12 @P4.2 @observe @before_phase1 @before_phase4
  Scenario: Nobody's client is set up to use EC2
    Given the EC2 gateway
    When the domains' records, Dell's way out and the ways to Dell are searched for it
    Then nothing refers to it but what makes it the mail server of today
