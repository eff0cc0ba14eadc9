Feature: Only the Worker hands mail in at its port
  The Worker's port is there for whoever finds it. What keeps them out is one login and its password. Nobody without
  it may hand in a message, no mailbox's own login and no guess; and the Worker itself, whose password may leak, only
  for Dell's own mailboxes: what is taken there is never sent on. A Worker of another account
  has no password, and is a stranger like any other. What Cloudflare itself brings twice, since an answer was lost, comes
  twice, as by any server.
  Where Cloudflare Access guards a tunnel to that port, whoever has no token of its never hears of Dell.

  @W-4 @T @X3 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Only the Worker's login hands mail in, and only for mailboxes here
    Given those who may find the Worker's port
    When each of them offers a message there, for a mailbox here and for one elsewhere
    Then Dell accepts a message only from the Worker's login, and only for the mailbox here
    And nothing is said there in the clear

  @W-4 @T @observe @before_phase2 @before_phase3
  Scenario: A message that was recorded is nobody else's to hand in again
    Given a message that the Worker's login has handed in
    When others who have recorded it hand it in again, envelope and all
    Then each of them is refused
    And its mailbox has it once
