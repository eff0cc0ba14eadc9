Feature: No automatic ban can touch an address that Dell admits
  A few refused recipients in a row, as any spam brings them, and fail2ban or its like shuts Email Routing out: all mail
  is delayed, and bounces in the end.

  @A-19 @R1 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Whatever bans by itself spares the admitted addresses
    Given the addresses that Dell is to admit
    When whatever on Dell bans clients by itself is examined
    Then none of it can touch these addresses
