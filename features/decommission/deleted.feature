Feature: Nothing of EC2 is left
  A forgotten disk or address goes on costing money, a forgotten key or role goes on giving access, and a forgotten line
  of Terraform creates the machine again. What another host uses too must stay, and a copy may be the last of something:
  each thing that stays is shown with its reason.

  @D-2 @P4.4 @C1 @observe @at_signoff
  Scenario: The instance and all that belonged to it are gone
    Given everything that belonged to the EC2 gateway
    When AWS is asked for each kind of it, and for who else uses it
    Then nothing is left but what others use, AWS Backup's copies, and what the operator kept by name
    And what stays of its disks is not public

  @D-2 @P4.4 @C1 @observe @before_deletion @at_signoff
  Scenario: What resembles the gateway, in any region, was decided on by name
    Given everything that belonged to the EC2 gateway
    When every region that the account uses is searched for what resembles it
    Then each thing that does was decided on by name, and what was to go is gone in the end

  @D-2 @P4.4 @C1 @observe @at_signoff
  Scenario: The end of a gateway that is not at AWS was confirmed by name
    Given everything that belonged to the EC2 gateway
    When the store is asked who confirmed each line of its checklist
    Then a person has confirmed each of them by name

  @D-3 @P4.5 @observe @at_signoff
  Scenario: Terraform has forgotten the gateway, and keeps the rest
    Given Terraform's state and configuration
    When they are read next to the first snapshot, and a plan is made
    Then no resource of the gateway is in them
    And each other resource of the first snapshot is still there
    And the plan neither makes the gateway again nor changes them
