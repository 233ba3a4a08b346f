#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# What clients make of the texts with which a login is refused.  fetchmail looks
# for words: "lock", "Lock", "LOCK", "wait" or [IN-USE] anywhere in a -ERR mean
# that it comes back, anything else that the password is wrong.  Thunderbird, mpop
# and others that know RFC 3206 look at the response code alone.  A table of all
# texts, and the real fetchmail with each of them.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Client;
use Dewey;
use Spawner;
use Socket qw(INADDR_LOOPBACK PF_INET SOCK_STREAM pack_sockaddr_in
    unpack_sockaddr_in);
use Test::More;

# Of each text: does what it says pass by itself?  What a fetchmail that runs as
# a daemon does about it: it comes back (9, PS_LOCKBUSY), or tells its user of the
# password (3, PS_AUTHFAIL).
my %passes = (
	IN_USE => 1, EARLY => 1, LOCKED => 1, CHANGED => 1, TROUBLE => 1,
	REFUSED => 0, REFUSED_LAST => 0, NO_USER => 0, NO_USER_UNNAMED => 0,
	NO_PLAINTEXT => 0, NO_PASSWORDS => 0, NO_APOP => 0, NO_NAME => 0,
	NOT_MBOX => 0, NO_DIRECTORY => 0, NOT_A_FILE => 0, FOREIGN => 0,
	DENIED => 0, MISCONFIGURED => 0, TOO_MANY_BAD => 0,
	NO_MECHANISM => 0, BAD_EXCHANGE => 0, CANCELLED => 0,
	NOT_ONESELF => 0, NO_LANGUAGE => 0, HAS_TLS => 0, UNJUDGED => 1,
);
# Not at a login.
my @later = qw(NO_SUCH NO_SUCH_TOP IS_DELETED ALREADY_DELETED READ_ONLY
    NOT_REMOVED UNKNOWN WRONG_STATE BAD_ARGUMENT TOO_LONG MALFORMED);

my $source = Dewey::read_file("$ENV{srcdir}/src/talk/reply.c");
my %text;
while ($source =~ /\[REPLY_(\w+)\] =\s*\(?((?:"[^"]*"\s*)+)/g) {
	my ($name, $text) = ($1, $2);
	$text{$name} = $text =~ s/"\s*"|^"|"\s*\z//gr if $text =~ /^"-ERR/;
}
is_deeply [sort keys %text], [sort keys %passes, @later],
    'every refusal has a row';

my $words = qr/lock|Lock|LOCK|wait|\[IN-USE\]|\[LOGIN-DELAY\]/;
my $codes = qr/^-ERR \[(?:SYS\/TEMP|IN-USE|LOGIN-DELAY)\] /;
for my $name (sort keys %passes) {
	my $text = $text{$name} // '';
	is $text =~ $words ? 1 : 0, $passes{$name}, "fetchmail: $text";
	is $text =~ $codes ? 1 : 0, $passes{$name},
	    '... and for who looks at the code';
	unlike $text, qr/[Ss]ervice.*unavailable/,
	    '... and it is not the other word of fetchmail';
}
like $text{$_}, qr/^-ERR \[AUTH\] /, "credentials: $_" for qw(REFUSED
    REFUSED_LAST NO_USER NO_USER_UNNAMED);

# A server that answers one session, PASS with ${text}.
sub serve {
	my ($text) = @_;
	socket my $l, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
	bind $l, pack_sockaddr_in(0, INADDR_LOOPBACK) or die "bind: $!";
	listen $l, 1 or die "listen: $!";
	my ($port) = unpack_sockaddr_in getsockname $l;
	my $pid = fork // die "fork: $!";
	return ($pid, $port) if $pid;
	alarm 30;
	accept my $s, $l or POSIX::_exit(1);
	$s->autoflush;
	print {$s} "+OK POP3 server ready\r\n";
	while (<$s>) {
		print {$s} /^PASS/ ? "$text\r\n"
		    : /^CAPA/ ? "+OK\r\nUSER\r\nRESP-CODES\r\n.\r\n"
		    : "+OK\r\n";
	}
	POSIX::_exit(0);
}

if (my $why = Client::missing('fetchmail')) {
	$ENV{CI} ? fail($why) : diag("NOT TESTED: $why");
	done_testing;
	exit;
}
for my $name (sort keys %passes) {
	my ($pid, $port) = serve($text{$name});
	my $o = { dir => Dewey::tmpdir(), ok => [3, 9] };
	my $rc = Client::write_rc($o, <<"RC");
set invisible
set no syslog
set pidfile '$o->{dir}/pid'
poll 127.0.0.1 service $port protocol POP3 timeout 20 no dns
    user 'ann' password 'x' is tester here sslproto '' keep mda 'true'
RC
	my $code = $passes{$name} ? 9 : 3;
	$o->{ok} = [$code];
	ok eval { Client::run($o, 'fetchmail', '-f', $rc); 1 },
	    "fetchmail exits with $code: $text{$name}" or diag $@;
	kill 'TERM', $pid;
	waitpid $pid, 0;
}

done_testing;
