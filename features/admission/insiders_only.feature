Feature: Privileges are closed to outsiders
  Claiming another client's address (XCLIENT), logging in (AUTH), asking who has a mailbox (VRFY), making the queue run
  (ETRN): each helps an attacker, and none of them is any business of those who deliver mail. The submission ports,
  which the same server opens to the world, are for the operator's own users.

  @A-13 @T @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario Outline: <what> is not open to outsiders
    Given Email Routing and a stranger
    When each of them asks for <what> on port 25, in the clear and over TLS
    Then Dell neither offers nor grants it

    Examples:
      | what                                 |
      | the right to pass for another client |
      | a login                              |
      | the names of mailboxes               |
      | a run of the queue                   |

  @A-13 @T @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: The submission ports take mail only from whoever has logged in
    Given Email Routing and a stranger
    When each of them submits mail without a login, for a mailbox here and for one elsewhere
    Then no submission port takes any of it
