Feature: Every mail server that DNS names is one that can be reached
  A record that says "no mail here", a mail server's name that is only an alias, or one behind Cloudflare's web proxy
  each lose mail in their own way. A forgotten record at some label of the zone takes mail to where nobody looks.

  @N-10 @P2.2 @observe @before_phase1 @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: No record leads mail into a dead end
    Given the domains judged here
    When every mail server that their zones name is looked at
    Then none says that no mail is taken
    And none is an alias, or stands beside one
    And none is behind the web proxy
    And each stands at a name that the settings know
