Feature: The prepared change is exactly what Cloudflare asks for
  What will be written at the switch can be read beforehand. It has to be the records that Cloudflare wants for this
  very domain, preferences and all, and to keep whatever else the zone holds: above all the SPF record.

  @N-3 @P2.2 @observe @before_phase3
  Scenario: The switch writes what Cloudflare asks for and leaves the rest as it is
    Given the domains that are about to be switched
    When the prepared change and Cloudflare's required records are read
    Then it brings exactly the MX that Cloudflare asks for
    And every other record that Cloudflare asks for stands, or comes with it
    And nothing else of the zone changes
