#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# try.pl SECRET COMMAND...: the session that `./bootstrap try` shows.  Starts
# COMMAND on a socketpair, logs mrose in by APOP, lists, fetches and deletes
# the first of the two sample messages, and prints the dialogue.  The last
# line is `try: ok` if every answer was the right one.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Socket qw(AF_UNIX SOCK_STREAM);

my ($secret, @command) = @ARGV;
die "usage: try.pl secret command ...\n" unless @command;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my $pid;

sub failed {
	my ($why) = @_;
	kill 'TERM', $pid if $pid;
	print "try: failed: $why\n";
	exit 1;
}

$SIG{ALRM} = sub { failed('no answer within 30 seconds') };
alarm 30;

socketpair my $client, my $server, AF_UNIX, SOCK_STREAM, 0
    or failed("socketpair: $!");
$client->autoflush(1);
$pid = fork // failed("fork: $!");
if (!$pid) {
	$SIG{PIPE} = 'DEFAULT';
	open STDIN, '<&', $server or die "dup: $!";
	open STDOUT, '>&', $server or die "dup: $!";
	exec { $command[0] } @command or die "$command[0]: $!\n";
}
close $server;

sub hear {
	my $line = <$client> // failed('the session ended early');
	$line =~ s/\r\n\z// or failed('a line that does not end in CR LF');
	print "S: $line\n";
	return $line;
}

sub ask {
	my ($line, $expected) = @_;
	print "C: $line\n";
	print {$client} "$line\r\n";
	my $reply = hear();
	$reply =~ $expected or failed("$line was not answered as expected");
}

# The lines of a multi-line reply, with the octets they had before dots were
# doubled.
sub lines {
	my ($octets, @lines) = (0);
	while ((my $line = hear()) ne '.') {
		$line =~ s/^\.//;
		$octets += 2 + length $line;
		push @lines, $line;
	}
	return ($octets, @lines);
}

my ($stamp) = hear() =~ /^\+OK .*(<\S+\@\S+>)\z/
    or failed('the greeting has no timestamp');
ask('APOP mrose ' . md5_hex($stamp . $secret),
    qr/^\+OK maildrop has 2 messages \(320 octets\)\z/);
ask('LIST', qr/^\+OK 2 messages \(320 octets\)\z/);
my (undef, @sizes) = lines();
"@sizes" eq '1 120 2 200' or failed('LIST shows other messages');
ask('UIDL', qr/^\+OK/);
my (undef, @ids) = lines();
@ids == 2 or failed('UIDL shows other messages');
ask('RETR 1', qr/^\+OK 120 octets\z/);
my ($octets) = lines();
$octets == 120 or failed("RETR sent $octets octets");
ask('DELE 1', qr/^\+OK message 1 deleted\z/);
ask('QUIT', qr/^\+OK .* \(1 message left\)\z/);
failed('something follows the last reply') if defined readline $client;
waitpid $pid, 0;
undef $pid;
failed("exit status $?") if $?;
print "try: ok\n";
