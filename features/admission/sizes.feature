Feature: Sizes agree along the path
  Cloudflare passes messages of up to 25 MiB and adds headers of its own. What a later server refuses for its size, an
  earlier one has to bounce, and within one server a limit that contradicts another makes it wait, and bounce in the
  end.

  @A-11 @R4 @observe @before_phase2 @before_phase3 @before_phase4
  Scenario: A message announced as larger than the limit is rejected at MAIL FROM
    Given the largest message that Email Routing passes on, and one above Dell's limit
    When Email Routing announces each of them to Dell
    Then Dell accepts the one, and rejects the other permanently

  @A-11 @R4 @X13 @observe @before_phase2 @before_phase3 @before_phase4
  Scenario: No limit contradicts another
    Given the limits on a message's size at Cloudflare, on EC2 and on Dell
    When they are compared with each other
    Then no server takes what the next one on the way refuses
    And EC2 refuses nothing for its size that Cloudflare takes
    And Dell's own limits leave room for the largest message
    And the disks of queues and mailboxes have room for some of that size
