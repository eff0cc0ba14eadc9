Feature: Dell has no back door
  Rules for port 25 say nothing of a port 2525 that somebody opened for a provider that blocks 25, of a listener whose
  clients may say who they are, of LMTP that Dovecot takes from anybody, or of IMAP in the clear: each is as good as the
  front door to whoever finds it. So every port on which Dell takes mail is looked for, and judged or named in the settings.

  @A-13 @T @X16 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Every port on which Dell takes mail is closed to strangers, or named
    Given every port on which Dell takes mail
    When strangers knock at each of them, in the clear and over TLS
    Then each but port 25 takes nothing from whoever has not logged in, unless the settings name it

  @A-13 @T @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: No password is taken in the clear
    Given the ports by which mail is read and submitted without TLS
    When a login is begun at each of them
    Then none of them takes a password

  @A-13 @T @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: The private keys of Postfix and Dovecot are nobody else's to read
    Given the private keys by which Dell's mail servers show who they are
    When their files are examined
    Then nobody but root and these servers may read one

  @A-13 @T @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: A wrong password lets nobody in
    Given every account that Dell's Dovecot knows
    When each is tried with a password that nobody has
    Then each refuses it

  @A-13 @T @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Each mailbox is its user's, and nobody else's to read
    Given the places where the mailboxes lie on Dell, and the passwords to them
    When an account of Dell's without any rights looks into each of them
    Then it sees neither mail nor a password, and Dovecot writes none into its log
    And no two mailboxes lie in the same place
