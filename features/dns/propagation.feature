Feature: The new answer spreads, and the old one dies out in time
  Caches may keep the old answer for its TTL and no longer, from when Cloudflare's edge last gave it, which may follow
  half a minute late. Some keep it longer all the same, and their mail still goes to EC2: as long as that is so, or
  nobody has looked, EC2 can't be stopped.

  @N-8 @P3.3 @R2 @recorded @before_phase4
  Scenario: Every resolver dropped the old answer within its TTL, under the eyes of a watch
    Given the domains that have been switched
    When what was watched since their switch is reviewed
    Then each resolver was seen to give the new answer, and none the old one after its TTL
    And the watch lasted for as long as the plan says
