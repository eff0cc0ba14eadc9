Feature: Dell's certificate holds, and goes on holding without EC2
  Users notice at once when a certificate has run out or has another name; a sender that verifies it just delivers no
  more. One that EC2 renews holds for some weeks after EC2 is gone.

  @A-10 @T @X12 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Mail is delivered, submitted and read under a valid certificate
    Given Dell's ports for delivery, submission and reading
    When a client that trusts public authorities takes up TLS at each
    Then each shows a valid certificate of the right name, good for long enough

  @A-10 @T @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Outdated versions of TLS are not spoken where mail is delivered and read
    Given Dell's ports for delivery and reading
    When a client that knows nothing newer than TLS 1.1 tries each
    Then none of them completes a handshake

  @A-10 @T @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Its renewal does not lead through EC2
    Given the names and addresses of EC2
    When it is looked up how Dell's certificates are renewed
    Then no way of renewal leads through EC2, and each client of an authority is run by a job

  @A-10 @T @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Whoever renews it may do so
    Given the authorities by which Dell's certificates are renewed
    When the CAA records that stand for Dell's name are looked up
    Then they shut out none of these authorities
