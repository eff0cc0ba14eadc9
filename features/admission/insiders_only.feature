Feature: What is for insiders is closed to outsiders
  Claiming another client's address, logging in, asking who has a mailbox, making the queue run: each helps somebody who
  attacks, and none of them is any business of those who deliver mail.

  @A-13 @T @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario Outline: <what> is not open to outsiders
    Given Email Routing and a stranger at Dell's door
    When each of them asks for <what>, in the clear and over TLS
    Then Dell neither offers nor grants it

    Examples:
      | what                        |
      | another client's address    |
      | a login                     |
      | the names of mailboxes      |
      | a run of the queue          |
