Feature: EC2 is the machine that is meant, and nothing hangs on it but mail
  Stopping and deleting act on ids. If those of the settings are another machine's, or if this one also renews a
  certificate, runs a job or relays somebody's mail, then more than a mail gateway disappears. And an address whose reverse
  DNS AWS support has set can't be given back before a support case, which takes days.

  @I-8 @P2.1 @observe @before_phase1 @before_phase4
  Scenario: The gateway and its parts are the ones that the settings name
    Given the EC2 gateway
    When its parts are read at AWS and in Terraform, and compared with the first snapshot
    Then each is the one that was named
    And AWS lets everybody in at its port 25
    And AWS will stop it when it is to be stopped

  @I-8 @P2.1 @observe @before_deletion
  Scenario: What is about to be deleted is the stopped gateway and its parts
    Given the EC2 gateway
    When its parts are read once it is stopped
    Then each is the one that was named
    And AWS will delete it when it is to be deleted

  @I-8 @P4.4 @observe @before_phase1 @before_phase4 @before_deletion
  Scenario: AWS will take the gateway's address back
    Given the EC2 gateway
    When the reverse DNS of its address is asked of AWS and of DNS
    Then there is none, or one that the account can reset

  @I-12 @P4.2 @observe @before_phase1 @before_phase4
  Scenario: EC2 has no other job than mail
    Given the EC2 gateway
    When it is asked what listens, runs from cron or a timer, runs in containers, renews certificates, and gets mail
    Then there is nothing that the settings do not expect

  @I-12 @P4.2 @observe @before_phase1 @before_phase4
  Scenario: No way of sending leads to EC2, and no record but those that the migration changes
    Given the EC2 gateway
    When the domains' records, Dell's relay host and files, and the users' ways of sending are searched for it
    Then nothing refers to it but the records that the migration itself changes
