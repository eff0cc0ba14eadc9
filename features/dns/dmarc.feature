Feature: Each domain's DMARC record is valid, and our own mail passes it
  A domain's DMARC policy says what receivers should do with mail that only claims to come from it. Two policies count
  as none, and a policy that our own mail does not pass turns against us.

  @N-6 @P2.2 @observe @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Each domain has one policy that receivers can read
    Given the domains of this gate
    When every name server and every resolver is asked for their DMARC policies
    Then each domain has exactly one, and it can be read
    And every report address in another domain has agreed to receive reports

  @N-6 @P2.2 @observe @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: What users send passes its own domain's policy
    Given the domains of this gate
    When somebody in each of them sends a message as users do
    Then each message arrives outside, and passes DMARC for the domain of its From line
