Feature: The saving is real
  The plan reckons with $9.50 a month, by another region's prices, without the charge for a public address, and without
  what a fixed address for Dell may cost. So the bill is made again, from what was there and from what is left.

  @D-4 @C1 @X17 @observe @at_signoff
  Scenario: What EC2 cost is gone, and what the migration adds is less
    Given everything that belonged to the EC2 gateway
    When what it cost, what is left of that and what is new are added up
    Then nothing is paid for any more but what stays for a reason
    And by the price of every charge the net saving is more than nothing, and is shown with the plan's
