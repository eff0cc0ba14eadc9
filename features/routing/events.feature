Feature: Cloudflare's own record and the ledger tell the same story
  Email Routing writes down what it did with each message, or with a sample of them, and keeps that for 31 days. If its
  record and our ledger of numbered mail differ by more than the sample explains, then either mail was lost where nobody
  looks, or one of the two can't be trusted.

  @C-7 @M3 @observe @soak @before_phase4 @before_deletion @at_signoff
  Scenario: Cloudflare's events and the ledger agree
    Given the numbered mail since each domain's switch
    When Cloudflare is asked what it did with that mail
    Then what it says that it delivered is what arrived through it
    And every event with one of our numbers has its message in a mailbox
