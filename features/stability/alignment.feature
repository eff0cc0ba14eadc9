Feature: The domains' own mail still proves that it is genuine
  Receivers report daily how much of a domain's mail was aligned with its SPF and DKIM. If that falls when SPF records
  are merged and the MX moves, then the operator's own mail begins to be taken for forged somewhere, unseen from here.

  @S-5 @M3 @observe @before_phase4 @before_deletion
  Scenario: Reports on DMARC show no fall in alignment across the switch
    Given the domains judged here
    When the DMARC reports that came before and after each domain's switch are read
    Then as much of its own mail is aligned as before
