Feature: Nobody but our own users relays through Dell
  Dell sends through the operator's account at the relay host. Who may connect is one question, who may relay is another: to
  trust Cloudflare's ranges in mynetworks would let anyone behind them send mail at the operator's expense.

  @A-6 @X3 @X14 @drill @before_phase1 @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  @after_rollback
  Scenario Outline: <who> can't relay
    Given <who> and the classic forms of a relay attempt
    When each form is offered to Dell for a mailbox elsewhere
    Then Dell accepts none of them
    And none arrives elsewhere, though direct mail to the same mailbox does

    Examples:
      | who                     |
      | Email Routing           |
      | EC2                     |
      | a neighbour at home     |
      | a stranger              |

  @A-6 @X3 @drill @before_phase1 @before_phase2 @before_phase3 @before_phase4 @after_rollback
  Scenario: EC2 relays nothing for a stranger while it lives
    Given a stranger and the classic forms of a relay attempt
    When each form is offered to EC2 for a mailbox elsewhere
    Then EC2 accepts none of them
    And none arrives elsewhere, though direct mail to the same mailbox does
