Feature: Nothing on Dell shuts out an address that Dell admits
  A few refused recipients in a row, as any spam brings them, and fail2ban or its like shuts Email Routing out: all mail
  is delayed, and bounces in the end. A rule of the firewall does the same for good: one that refuses a range or a
  country, one that lets only so many connections in at a time, a route that throws the answers away. A job
  adds such a rule some night, or the next start loads it. All mail comes from Email Routing's few addresses then: a limit
  that no stranger ever reached is soon reached.

  @A-19 @R1 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Whatever bans by itself spares the admitted addresses
    Given the addresses that Dell is to admit
    When whatever on Dell bans clients by itself is examined
    Then none of it can touch these addresses

  @A-19 @R1 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: No rule of the firewall and no route shuts out the admitted addresses
    Given the addresses that Dell is to admit
    When a kernel with Dell's ruleset and routes is asked with connections from them
    Then none of them is refused, limited or left without an answer at port 25

  @A-19 @R1 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: No job changes the rules that were asked, or takes the network away
    Given the addresses that Dell is to admit
    When the jobs of its machine are searched for what changes its rules or its network
    Then no job loads other rules or takes the network away
