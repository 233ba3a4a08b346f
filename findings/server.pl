# SPDX-License-Identifier: ISC
# A POP3 server for one connection, which notes what it is sent.
#
#	perl server.pl GREETING VERB=ANSWER...
#
# Its port is in the file `port', what came in the file `commands', a line
# each.  In an answer | is a line end; a verb without one gets -ERR.  Octets
# that are no printable text are noted as the word BINARY, and end it.
use strict;
use warnings;
use IO::Socket::INET;

my ($greeting, @answers) = @ARGV;
my %answer = map { split /=/, $_, 2 } @answers;
s/\|/\r\n/g for $greeting, values %answer;
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
    or die "listen: $!";
open my $log, '>', 'commands' or die "commands: $!";
$log->autoflush(1);
open my $port, '>', 'port.new' or die "port: $!";
print {$port} $listener->sockport;
close $port;
rename 'port.new', 'port';
alarm 30;
my $client = $listener->accept or die "accept: $!";
$client->autoflush(1);
print {$client} "$greeting\r\n";
while (<$client>) {
	s/\r?\n//;
	if (/[^ -~]/) {
		print {$log} "BINARY\n";
		last;
	}
	print {$log} "$_\n";
	my ($verb) = split ' ';
	print {$client} ($answer{$_} // $answer{ uc($verb // '') } // '-ERR no')
	    . "\r\n";
	last if uc($verb // '') eq 'QUIT';
}
