Feature: What waits in the bucket is fetched
  With a bucket, the Worker keeps there what it can't hand over, and the sender has heard that it was taken: from then
  on nobody else has the message, and nobody tries again but Dell. A timer that is off, keys that have run out, or a
  message that Dell puts off again and again are noticed by nobody else. And whoever can read the bucket reads mail.

  @W-10 @R1 @T @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Dell fetches what waits in the bucket, before it is old, and nobody else reads it
    Given the bucket that the settings name
    When Cloudflare is asked what waits there, and Dell what fetches it
    Then nothing has waited there for longer than mail may wait in a queue
    And the timer on Dell is active and begins with the machine, and its last run went well
    And only root reads the keys on Dell, and the world reads no message
    And the keys on Dell open that bucket, and nothing else
