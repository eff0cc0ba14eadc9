Feature: Mail of every shape arrives whole
  Real mail is not plain English text: it comes in Japanese in two encodings, with attachments named in them, from
  addresses that no standard allows, signed or encrypted so that one changed octet spoils it, or from the null sender,
  as automatic replies do (delivery reports are not tried: Email Routing does not forward them). Each shape is sent
  once; bodies, attachments, author and subject must arrive unaltered.

  @E-3 @P3.4 @observe @before_phase3
  Scenario: Dell takes mail of every shape for the delivery domains
    Given the domains of this gate
    When an admitted client delivers mail of every shape
    Then each message is in its mailbox in time, unaltered

  @E-3 @P3.4 @observe @before_phase4 @before_deletion @at_signoff
  Scenario: Mail of every shape comes through Cloudflare
    Given the domains of this gate
    When outside senders write mail of every shape
    Then each message is in its mailbox in time, unaltered

  @E-3 @P3.4 @drill @before_phase3
  Scenario: Dell takes mail of 20 MiB for the delivery domains
    Given the domains of this gate
    When an admitted client delivers mail of 20 MiB
    Then each message is in its mailbox in time, unaltered

  @E-3 @P3.4 @drill @before_phase4 @before_deletion @at_signoff
  Scenario: Mail of 20 MiB comes through Cloudflare
    Given the domains of this gate
    When outside senders write mail of 20 MiB
    Then each message is in its mailbox in time, unaltered
