Feature: Nobody can hide a second message in a first
  A message ends with a dot on a line of its own. A server that takes anything else for the end of data can be made to
  receive a second message from inside a first, with an envelope that no server checked: forged mail that passes SPF,
  from whoever brought the first.

  @A-12 @R1 @drill @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario Outline: <who> smuggles nothing in
    Given <who> and the known forms of a false end of data
    When a message with a second one behind each false end is sent to a mailbox
    Then each makes exactly one message, without a bare CR or LF
    And the same second message, behind a true end of data, does arrive

    Examples:
      | who                     |
      | Email Routing           |
      | EC2                     |
      | one of our own networks |
