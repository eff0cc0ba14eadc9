Feature: The domains' own mail still proves that it is genuine
  Receivers report daily how much of a domain's mail passed SPF or DKIM for the domain of its From line (alignment). If
  that falls when SPF records are merged and the MX moves, then the operator's own mail begins to be treated as forged
  somewhere, unseen from here. Senders report on TLS in the same way, and a policy (MTA-STS, TLSA) that keeps them from
  the new servers shows only there.

  @S-5 @M3 @observe @before_phase4 @before_deletion
  Scenario: DMARC aggregate reports show no fall in alignment across the switch
    Given the domains of this gate
    When the DMARC aggregate reports from before and after each domain's switch are read
    Then the share of their own mail that is aligned has not fallen by more than the settings allow

  @S-5 @M3 @observe @before_phase4 @before_deletion
  Scenario: Reports on TLS show no more failures than before the switch
    Given the domains of this gate
    When the TLS reports from before and after each domain's switch are read
    Then no larger share of the sessions with its mail servers has failed since, by more than the settings allow
