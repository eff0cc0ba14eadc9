# Verifies every DKIM signature and the ARC chain of the message on standard input, with keys from the name server
# at 127.0.0.1, port ARGV[0]. Prints a line for each signature and one for the chain.
use strict;
use warnings;
use Net::DNS;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Mail::DKIM::ARC::Verifier;

my $resolver = Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $ARGV[0], recurse => 1);
Mail::DKIM::DNS::resolver($resolver);
binmode STDIN;
my $message = do { local $/; <STDIN> };
my $dkim = Mail::DKIM::Verifier->new();
$dkim->PRINT($message);
$dkim->CLOSE;
printf "dkim %s %s %s\n", $_->domain, $_->selector, $_->result_detail for $dkim->signatures;
my $arc = Mail::DKIM::ARC::Verifier->new();
$arc->PRINT($message);
$arc->CLOSE;
printf "arc %s\n", $arc->result_detail;
