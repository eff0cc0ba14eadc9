Feature: Cloudflare serves the zones, and nobody but us writes their mail records
  A zone that its parent delegates elsewhere does not change when we change it. Two name servers that differ send half
  of the mail astray. And a forgotten Terraform or dynamic-DNS client puts the old record back at night.

  @I-2 @P1.1 @observe @before_phase1 @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Each zone is served by Cloudflare's name servers, and all of them agree
    Given the domains of this gate
    When the parent, the name servers and Cloudflare are asked for the NS set, and each name server for our mail records
    Then parent and zone name exactly the servers that Cloudflare assigned
    And every server has the same SOA serial and gives the same answers

  @I-2 @P4.5 @observe @before_phase1 @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Nobody else writes the records that we write
    Given the domains of this gate
    When Terraform, the programs on Dell and EC2, and the records themselves are searched for other writers
    Then no other writer was found
