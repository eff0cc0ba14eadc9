Feature: Dell keeps mail that it cannot file
  Postfix takes a message before Dovecot has it. If Dovecot is away, or a disk is full, the message has to stay in a
  queue: Dell's own, or the sender's. To bounce it would lose it, since Cloudflare returns no bounces to the sender.

  @O-3 @R1 @drill @before_phase3 @before_phase4
  Scenario Outline: Nothing is lost or bounced when <what>
    Given an outage: <what>
    When outside senders write to every address before it, during it and after it
    Then everything that was accepted has arrived, nothing bounced, and it is known whose queue held it for how long

    Examples:
      | what                                 |
      | Dovecot is down                      |
      | Dovecot's LMTP socket is gone        |
      | the disk of Dell's queue is full     |
      | the disk of Dell's mailboxes is full |

  @O-3 @R1 @observe @before_phase2 @before_phase3 @before_phase4
  Scenario: Dell gives no message up early, and EC2 neither
    Given how long Dell keeps mail, and EC2 while it runs, and how often they try
    When this is compared with what senders do
    Then mail is kept for days, and tried again within hours
