#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Neither the text nor the time of a refusal tells why: unknown user, wrong
# password, locked or expired account, a user with a secret who sends PASS, a
# wrong digest or proof for known and unknown names; nor what saslauthd takes.
# The rule itself is in tests/unit/talk/verdict-t.c, with a clock of its own;
# here is what a client sees.
# DEWEY_LONG: medians are compared, too.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Saslauthd;
use Scram;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'times mean nothing under such a tool' if Dewey::slow();
Accounts::enter() unless $>;

my $refused = '-ERR [AUTH] name or credentials refused';
my $digest = '0123456789abcdef' x 2;

# [what, user, line], and how to start a session.
my @causes = (
	['an unknown user', 'dwzaphod', 'PASS hoopy'],
	['a wrong password', 'dwfrated', 'PASS wrong'],
	['an empty password', 'dwfrated', 'PASS '],
	['a locked account', 'dwlocked', 'PASS hoopy'],
	['a user with a secret who sends PASS', 'dwmrose', 'PASS hoopy'],
	['a name that cannot be', '../dwfrated', 'PASS hoopy'],
	['a wrong digest', undef, "APOP dwmrose $digest"],
	['a wrong digest for a user without a secret', undef,
	    "APOP dwfrated $digest"],
	['a wrong digest for an unknown user', undef,
	    "APOP dwzaphod $digest"],
);
my $start;
if ($>) {
	my $site = Dewey->site(users => { dwfrated => 'hoopy',
	    dwmrose => 'hoopy' }, secrets => { dwmrose => 'tanstaaf' });
	my $users = $site->dir . '/users';
	Dewey::write_file($users, Dewey::read_file($users) . 'dwlocked:!' .
	    crypt('hoopy', '$5$rounds=1000$dewey') . "\n");
	$start = sub { $site->start(@_) };
} else {
	Accounts::add($_, password => 'hoopy') for qw(dwfrated dwmrose
	    dwlocked dwexpired dwaged dwdenied);
	Accounts::run('passwd', '-q', '-l', 'dwlocked');
	Accounts::run('chage', '-E', '2020-01-01', 'dwexpired');
	Accounts::run('chage', '-d', '2020-01-01', '-M', '30', 'dwaged');
	Dewey::write_file('/dewey-secrets', "dwmrose:tanstaaf\n" .
	    "dwexpired:tanstaaf\n", 0600);
	Dewey::write_file('/dewey-deny', "dwdenied\n", 0600);
	chown 0, 0, '/dewey-secrets', '/dewey-deny';
	$start = sub {
		Accounts::start('--secrets=/dewey-secrets',
		    '--deny=/dewey-deny', @_);
	};
	push @causes, ['an expired account', 'dwaged', 'PASS hoopy'],
	    ['an account that has run out', 'dwexpired', 'PASS hoopy'],
	    ['a digest for it', undef, "APOP dwexpired $digest"],
	    ['root', 'root', 'PASS hoopy'],
	    ['a user whom --deny keeps out', 'dwdenied', 'PASS hoopy'];
}

# saslauthd takes its time for a wrong password alone.
my $dir = Dewey::tmpdir();
chmod 0755, $dir;
my $fake = Saslauthd->start("$dir/mux", backlog => 50, answer => sub {
	my ($name) = @_;
	return Saslauthd::answer('NO such user') if $name ne 'dwfrated';
	sleep 0.02;
	return Saslauthd::answer('NO wrong password');
});
my @asked = ("--passwords=saslauthd:$dir/mux", '--secrets=none');
push @causes, map { [@$_[0 .. 2], \@asked] }
    ['an unknown user, asked of saslauthd', 'dwzaphod', 'PASS hoopy'],
    ['a wrong password, asked of saslauthd', 'dwfrated', 'PASS hoopy'],
    ['a name that cannot be, not asked', '../dwfrated', 'PASS hoopy'];

# A wrong proof of SCRAM: what is sent last, after the rest of the exchange.
sub proof {
	my ($name) = @_;
	return sub {
		my ($c) = @_;
		my %o = (name => $name, nonce => 'rOprNGfwEbeRWgbNEkqO',
		    password => 'hoopy');
		my $said = $c->say('AUTH SCRAM-SHA-256 ' .
		    Scram::b64(Scram::first(%o))) // '';
		like $said, qr/^\+ \S/, "a challenge for $name";
		my ($final) = Scram::final(Scram::unb64($said =~ s/^\+ //r), %o);
		return Scram::b64($final);
	};
}
my $key = Scram::stored('towel', 'a salt of sixteen', 4096);
Dewey::write_file("$dir/keys", "dwfrated:$key\ndwlocked:!$key\ndwhashed:" .
    crypt('hoopy', '$5$rounds=1000$dewey') . "\n");
chown 0, 0, "$dir/keys" unless $>;
my @keys = ("--users=$dir/keys", '--secrets=none',
    $> ? () : '--mail-user=dwmrose');
push @causes, map { [$_->[0], undef, proof($_->[1]), \@keys] }
    ['a wrong proof', 'dwfrated'], ['a proof of an unknown user', 'dwzaphod'],
    ['a proof for a locked key', 'dwlocked'],
    ['a proof of who has a hash', 'dwhashed'];

# Asks on all sessions at once: [answer, seconds] of each.
sub ask {
	my ($cases, $sessions) = @_;
	my (@asked, @got, @lines, %left);
	for my $i (0 .. $#$cases) {
		my $c = $sessions->[$i];
		is $c->say("USER $cases->[$i][1]"), $cases->[$i][1] =~ /\// ?
		    '+OK send PASS' :
		    "+OK $cases->[$i][1] is a real hoopy frood",
		    "USER tells nothing: $cases->[$i][0]"
		    if defined $cases->[$i][1];
		$left{ fileno $c->{r} } = $i;
		my $line = $cases->[$i][2];
		$lines[$i] = ref $line ? $line->($c) : $line;
	}
	for my $i (0 .. $#$cases) {
		$asked[$i] = time;
		$sessions->[$i]->cmd($lines[$i]);
	}
	my $deadline = time + 20;
	while (%left && time < $deadline) {
		my $r = '';
		vec($r, $_, 1) = 1 for keys %left;
		next unless select($r, undef, undef, 1) > 0;
		for my $fd (grep { vec($r, $_, 1) } keys %left) {
			my $i = delete $left{$fd};
			my $seconds = time - $asked[$i];
			$got[$i] = [$sessions->[$i]->line, $seconds];
		}
	}
	return @got;
}

# ---- One text, and a time that no work shows in

my @sessions = map { $start->('--fail-delay=1', @{ $_->[3] // [] }) } @causes;
$_->greeting for @sessions;
for my $try (1 .. 3) {
	my @got = ask(\@causes, \@sessions);
	for my $i (0 .. $#causes) {
		my ($what) = @{ $causes[$i] };
		is $got[$i][0], $refused . ($try == 3 ? ', too many tries' : ''),
		    "$what, try $try";
		ok $got[$i][1] >= $try - 0.01 && $got[$i][1] < $try + 0.9,
		    sprintf '... after %d s: %.3f', $try, $got[$i][1];
	}
}
for my $i (0 .. $#causes) {
	my ($c, $what) = ($sessions[$i], $causes[$i][0]);
	is $c->rest, '', "$what: closed";
	is $c->exit_code, 1, '... exit code';
	my @lines = sort map { s/^dewey\[\d+\]: //r =~
	    s/seconds=\S+|method=\S+| user=\w\S*//gr }
	    grep { !/saslauthd says no/ } split /\n/, $c->stderr;
	is_deeply \@lines, [sort((map { "refused login peer=pipe  try=$_" }
	    1 .. 3), 'user=- peer=pipe  messages=0 octets=0 retrieved=0 ' .
	    'retrieved-octets=0 deleted=0 left=0  end=auth-failed')],
	    '... the log does not tell the cause' unless $>;
}

# ---- Medians

sub median {
	my @sorted = sort { $a <=> $b } @_;
	return $sorted[$#sorted / 2];
}

SKIP: {
	skip 'only with DEWEY_LONG', 1 unless $ENV{DEWEY_LONG};
	my @seconds;
	for my $round (1 .. 41) {
		# One after the other would take hours; all at once, they
		# would wait for each other.
		for my $part (0 .. 2) {
			my @mine = grep { $_ % 3 == $part } 0 .. $#causes;
			my @parts = map { $start->('--fail-delay=1',
			    @{ $causes[$_][3] // [] }) } @mine;
			$_->greeting for @parts;
			my @got = ask([@causes[@mine]], \@parts);
			push @{ $seconds[$mine[$_]] }, $got[$_][1]
			    for 0 .. $#mine;
			$_->close for @parts;
			$_->exit_code for @parts;
		}
	}
	my @medians = map { median(@$_) } @seconds;
	note sprintf '%.4f s: %s', $medians[$_], $causes[$_][0]
	    for 0 .. $#causes;
	my ($least, $most) = (sort { $a <=> $b } @medians)[0, -1];
	cmp_ok $most - $least, '<', 0.005, 'medians differ by less than 5 ms';
}

done_testing;
