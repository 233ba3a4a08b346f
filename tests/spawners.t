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

# A whole session for ${name}, whose mailbox must then be as it must be.
sub whole_session {
	my ($spawner, $site, $name, $one_packet) = @_;
	my $c = $spawner->connect;
	my $how = $one_packet ? 'in one packet' : 'a command at a time';
	is Spawner::dialogue($c, $name, $one_packet), 'none',
	    "session $how, to the last octet";
	ok !$c->was_reset, '... the connection was closed, not reset';
	# QUIT is answered when the work is done.
	is Spawner::difference(Dewey::read_file($site->mailbox($name)),
	    Spawner::mbox(1, 3)), 'none', '... the mailbox as it must be';
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
			    mail => { map { $_ => Spawner::mbox() }
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
			is Spawner::difference(
			    Dewey::read_file($site->mailbox('cid')),
			    Spawner::mbox()), 'none',
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
	my $site = Spawner->site(mail => { $name => Spawner::mbox() });
	my $c = Dewey->start('--preauth', '--config=' .
	    $site->configuration, { transport => 'pipe',
	    env => { SSH_CONNECTION => '192.0.2.7 40000 192.0.2.1 22' } });
	my ($reply) = (Spawner::expected($name))[3];
	is $c->line . "\r\n", $reply, 'preauth over pipes: the greeting';
	like $c->say('RETR 1'), qr/^\+OK/, '... RETR';
	is Spawner::difference($c->body . ".\r\n", Spawner::sent(Spawner::message(1))), 'none',
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
