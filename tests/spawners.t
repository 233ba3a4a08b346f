#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Every program that may start dewey does so with the file of contrib/: whole
# sessions, octet for octet, as root where that is its way and as a user; not an
# octet of ours on descriptor 2 where that is the client's connection.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Spawner;
use Test::More;

my @messages = (
	"Subject: one\n\n.dot\n..\n.\nFrom here\n>From there\n",
	"Subject: two\nX-Long: " . 'y' x 5000 . "\n\n\xe4\xf6\xfc\n",
	"Subject: three\n\n" . join('', map { "line $_\n" } 1 .. 2000),
);

# What RETR sends for a message, dot-stuffed, with its end.
sub sent {
	my ($message) = @_;
	$message =~ s/^\./../mg;
	return $message =~ s/\n/\r\n/gr . ".\r\n";
}

sub octets { my ($m) = @_; return length($m) + ($m =~ tr/\n//) }

# The whole session as it must be seen on the wire.  The unique-ids are not
# foreseen here.
sub expected {
	my ($name) = @_;
	my @octets = map { octets($_) } @messages;
	my $all = eval join '+', @octets;
	return (
		"USER $name" => "+OK $name is a real hoopy frood\r\n",
		"PASS pass-$name" =>
		    "+OK $name\'s maildrop has 3 messages ($all octets)\r\n",
		STAT => "+OK 3 $all\r\n",
		LIST => "+OK 3 messages ($all octets)\r\n" .
		    join('', map { "$_ $octets[$_ - 1]\r\n" } 1 .. 3) . ".\r\n",
		map({ ("RETR $_" => "+OK $octets[$_ - 1] octets\r\n" .
		    sent($messages[$_ - 1])) } 1 .. 3),
		'DELE 2' => "+OK message 2 deleted\r\n",
		QUIT => '+OK dewey POP3 server signing off ' .
		    "(2 messages left)\r\n",
	);
}

sub stored { return Dewey::mbox(@_) }

sub first_difference {
	my ($got, $expected) = @_;
	return 'none' if $got eq $expected;
	my $n = 0;
	$n++ while substr($got, $n, 1) eq substr($expected, $n, 1);
	my $from = $n < 30 ? 0 : $n - 30;
	return "at octet $n: got " .
	    (substr($got, $from, 80) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger) .
	    ' expected ' . (substr($expected, $from, 80) =~
	    s/([^ -~])/sprintf '\\x%02x', ord $1/ger);
}

# A command at a time stops at the first wrong answer, so that a wrong length
# does not make the test wait.
sub whole_session {
	my ($spawner, $site, $name, $one_packet) = @_;
	my @dialogue = ('' => "+OK POP3 server ready\r\n", expected($name));
	my ($got, $expected) = ('', '');
	my $c = $spawner->connect;
	for my $i (grep { !($_ & 1) } 0 .. $#dialogue) {
		my ($command, $reply) = @dialogue[$i, $i + 1];
		$expected .= $reply;
		next if !$one_packet && $got ne substr $expected, 0,
		    length($expected) - length $reply;
		$c->cmd($command) if $i;
		$got .= $c->line . "\r\n" unless $one_packet;
		$got .= $c->octets(length($expected) - length $got)
		    if !$one_packet && $got eq substr $expected, 0, length $got;
	}
	$c->close_write if !$one_packet && $got ne $expected;
	$got .= $c->rest;
	my $how = $one_packet ? 'in one packet' : 'a command at a time';
	is first_difference($got, $expected), 'none',
	    "session $how, to the last octet";
	ok !$c->was_reset, '... the connection was closed, not reset';
	# QUIT is answered when the work is done.
	is first_difference(Dewey::read_file($site->mailbox($name)),
	    stored(@messages[0, 2])), 'none', '... the mailbox as it must be';
}

# dewey has been told to talk to descriptor 2 as much as it can.
sub descriptor_2 {
	my ($kind, $spawner) = @_;
	my $log = $spawner->log;
	if ($kind =~ /inetd/) {
		is $log, '', 'descriptor 2 is the connection: the log is empty';
	} else {
		my $line = qr/user=\w+ peer=127\.0\.0\.1 .*end=quit/;
		ok $spawner->wait_log(qr/$line.*$line/s),
		    'two lines in the log, with the address';
		$log = $spawner->log;
		like $log, qr/C: STAT/, '... and the dialogue';
		unlike $log, qr/pass-/, '... without passwords';
	}
}

my %table;
for my $kind (Spawner::kinds()) {
	for my $as_root ($> ? (0) : (1, 0)) {
		my $who = $as_root ? 'root' : 'user';
		subtest "$kind as $who" => sub {
			my $reason = Spawner::missing($kind);
			$table{$kind}{$who} = 'skipped';
			plan skip_all => $reason if $reason;
			my $site = Spawner->site(as_root => $as_root,
			    mail => { map { $_ => stored(@messages) }
				qw(ann bob cid) });
			my $spawner = Spawner->start($kind,
			    as_root => $as_root, config =>
			    $site->configuration(secrets => 'none',
				verbose => 'yes'));
			whole_session($spawner, $site, 'ann', 0);
			whole_session($spawner, $site, 'bob', 1);
			descriptor_2($kind, $spawner);

			my $c = $spawner->connect;
			$c->line;
			$c->say('USER cid');
			like $c->say('PASS pass-cid'), qr/^\+OK/, 'a third';
			like $c->say('DELE 1'), qr/^\+OK/, '... deletes';
			$c->close;
			is first_difference(
			    Dewey::read_file($site->mailbox('cid')),
			    stored(@messages)), 'none',
			    '... but hung up: all is kept';
			$spawner->stop;
			$table{$kind}{$who} = Test::More->builder->is_passing
			    ? 'passed' : 'failed';
		};
	}
}

# A mistake in the options is told to the client, whatever descriptor 2 is.
for my $kind (grep { !Spawner::missing($_) } qw(inetd tcpserver)) {
	my $site = Spawner->site(mail => { ann => '' });
	my $spawner = Spawner->start($kind,
	    config => $site->configuration('no-such-key' => 1));
	is $spawner->connect->rest,
	    "-ERR [SYS/PERM] server is misconfigured\r\n",
	    "$kind: a mistake in the options";
}

# A pipe, as `ssh host dewey --preauth` is one: no greeting of AUTHORIZATION,
# and the address from the environment.
{
	my $name = getpwuid Dewey::uid();
	my $site = Spawner->site(mail => { $name => stored(@messages) });
	my $c = Dewey->start('--preauth', '--config=' .
	    $site->configuration, { transport => 'pipe',
	    env => { SSH_CONNECTION => '192.0.2.7 40000 192.0.2.1 22' } });
	my ($reply) = (expected($name))[3];
	is $c->line . "\r\n", $reply, 'preauth over pipes: the greeting';
	like $c->say('RETR 1'), qr/^\+OK/, '... RETR';
	is first_difference($c->body . ".\r\n", sent($messages[0])), 'none',
	    '... to the last octet';
	$c->say('QUIT');
	is $c->exit_code, 0, '... QUIT';
	like $c->stderr, qr/user=\Q$name\E peer=192\.0\.2\.7 .*end=quit/,
	    '... the log line with the address';
}

diag 'spawner     root     user';
diag sprintf '%-11s %-8s %s', $_, $table{$_}{root} // '-', $table{$_}{user}
    for Spawner::kinds();
done_testing;
