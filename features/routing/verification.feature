Feature: Cloudflare's verification mail arrives
  A destination counts once a person has opened the link in Cloudflare's mail to it, in a browser: the page is made to
  stop programs, and none of ours opens it. Where that mail comes from is documented nowhere, so Dell may refuse it, and
  a destination that has to be verified again would wait forever.

  @E-5 @P1.3 @observe @before_phase3
  Scenario: Cloudflare's verification mail reached Dell for each destination, and its source is recorded
    Given every destination at the delivery domains
    When Cloudflare's mail to each of them is looked for
    Then each was delivered by Dell
    And its source is recorded
    And a person has opened its link
