Feature: The way that Dell makes outwards is up, and comes up by itself
  Where nobody can reach Dell, one process on it holds the way open by which all mail comes. It has to begin with the
  machine, and again whenever it ends: nobody is there at night. And the point of it is that no port is open: one
  that is, is forgotten.

  @W-6 @P1.2 @R1 @observe @soak @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: The way outwards is supervised, and no port of Dell's Postfix is open to the world
    Given the unit on Dell that makes the way outwards
    When systemd is asked for it, and strangers knock wherever Postfix listens
    Then it is active, begins with the machine, and begins again whenever it ends
    And Postfix listens for the Worker on loopback only
    And no stranger gets a connection
