Feature: TLSA records match Dell's certificate
  TLSA records pin the certificate that Dell shows on port 25. A sender that honours them (DANE, RFC 7672) delivers to
  nothing else: a certificate renewed without its record, or a record of EC2's, stops that sender's mail.

  @N-13 @P1.2 @observe @before_phase2 @before_phase3 @before_phase4 @before_deletion @at_signoff
  Scenario: Where there are TLSA records for Dell, they match the certificate that it shows
    Given Dell's public name
    When its TLSA records for port 25 are looked up, and STARTTLS is made there
    Then every name server and resolver gives a record that matches Dell's certificate
