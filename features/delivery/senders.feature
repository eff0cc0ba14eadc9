Feature: Senders of every kind get through
  Cloudflare wants mail to pass SPF or DKIM, prefers IPv6 and takes what comes in the clear, by its own account. Whoever
  got through to the old gateway must get through to it: the small firm without DKIM as well as the large provider.

  @E-8 @P3.4 @observe @before_phase4
  Scenario: Whoever passes SPF or DKIM gets through, by whatever way
    Given every address of the domains judged here
    When a sender of every kind writes to them
    Then the mail of each arrives, and came as its kind says
