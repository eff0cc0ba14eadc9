Feature: Dell keeps up with Email Routing
  Email Routing brings everybody's mail from a few addresses. What mail servers do against a flood from one address, or
  to one mailbox, would be done to it: connections turned away, clients put off, deliveries deferred.

  @A-9 @R1 @drill @before_phase2 @before_phase3 @before_phase4
  Scenario Outline: A hundred connections from <where> are served side by side
    Given Email Routing at <where>
    When a hundred of its connections stand open at Dell's port 25 at once
    Then each gets a greeting, TLS, and its recipient accepted at the first attempt

    Examples:
      | where                    |
      | one address              |
      | addresses of each prefix |

  @A-22 @R1 @X18 @drill @before_phase2 @before_phase3 @before_phase4
  Scenario: Forty messages at once to one mailbox arrive without being deferred
    Given eighty messages for one mailbox in Dell's queue, about to be delivered
    When Email Routing brings forty more for it at once
    Then none was deferred on the way
    And all of them are in the mailbox in time
