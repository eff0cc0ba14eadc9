Feature: The pins of Dell's certificate fit
  TLSA records pin the certificate that Dell shows when mail is handed over. A sender that reads them delivers to nothing
  else: a certificate that was renewed without its pin, or a pin of EC2's, stops that sender's mail.

  @N-13 @P1.2 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Where Dell's certificate is pinned, it is the one that Dell shows
    Given Dell's public name
    When its pins are looked up, and the certificate that Dell shows to those who deliver
    Then every name server and resolver gives pins that fit
