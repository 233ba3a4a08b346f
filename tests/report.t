#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# contrib/sessions-report counts generated log lines right, in every form of
# date, takes nothing from other programs' lines, and draws what it has counted.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use POSIX qw(strftime);
use Spawner;
use Test::More;

my $report = Spawner::srcdir() . '/contrib/sessions-report';
my $dir = Dewey::tmpdir();

# Runs the report on the lines; (what it says, exit code).
sub report {
	my ($lines, @flags) = @_;
	Dewey::write_file("$dir/log", join '', map { "$_\n" } @$lines);
	open my $fh, '-|', $^X, $report, @flags, "$dir/log" or die "$report: $!";
	local $/;
	my $text = <$fh> // '';
	close $fh;
	return ($text, $? >> 8);
}

sub row {
	my ($text, $day) = @_;
	my ($row) = $text =~ /^\Q$day\E +(.*)$/m;
	return join ' ', split ' ', $row // 'none';
}

sub session {
	my ($user, $retrieved, $octets, $deleted, $end) = @_;
	return "user=$user peer=192.0.2.1 method=pass messages=9 octets=999 " .
	    "retrieved=$retrieved retrieved-octets=$octets deleted=$deleted " .
	    "left=3 seconds=0.120 end=$end";
}

# Three days of March 2026, noon and midnight, in the forms that logs have.
my %form = (
	'RFC 3339' => sub { strftime('%Y-%m-%dT%H:%M:%S+00:00', gmtime $_[0]) .
	    ' mail dewey[17]:' },
	syslog => sub { strftime('%b %e %H:%M:%S', gmtime $_[0]) .
	    ' mail dewey[17]:' },
	svlogd => sub { strftime('%Y-%m-%d_%H:%M:%S', gmtime $_[0]) .
	    '.12345 dewey[17]:' },
	'journalctl -o short-iso' => sub {
	    strftime('%Y-%m-%dT%H:%M:%S+0000', gmtime $_[0]) .
	    ' mail dewey[17]:' },
	'ts %s' => sub { "$_[0] dewey[17]:" },
);
my $noon = 1772452800;		# 2026-03-02 12:00 UTC
$ENV{TZ} = 'UTC';
POSIX::tzset();

for my $name (sort keys %form) {
	my $stamp = $form{$name};
	my @lines = (
		$stamp->($noon) . ' ' . session('ann', 3, 1000, 2, 'quit'),
		$stamp->($noon) . ' ' . session('bob', 1, 24, 0, 'eof'),
		$stamp->($noon) . ' ' . session('ann', 0, 0, 0, 'timeout'),
		$stamp->($noon) . ' refused login peer=192.0.2.9 method=pass try=1',
		$stamp->($noon + 43199) . ' ' . session('-', 0, 0, 0, 'auth-failed'),
		$stamp->($noon + 2 * 86400) . ' ' .
		    session('cid', 5, 5_000_000_000, 5, 'quit'),
	);
	my ($text) = report(\@lines, '--year=2026');
	is row($text, '2026-03-02'), '4 2 4 1024 2 1 1', "$name: a day";
	is row($text, '2026-03-03'), 'none', '... a day without anything';
	is row($text, '2026-03-04'), '1 1 5 5000000000 5 0 0', '... another';
	is row($text, 'total'), '5 3 9 5000001024 7 1 1', '... the sum';
	like $text, qr/ended by: quit 2, auth-failed 1, eof 1, timeout 1$/m,
	    '... how they ended';
}

# The year of syslog's dates: never in the future.
for my $back (0, 1, 40, 300) {
	my $time = time - 86400 * $back;
	my ($text) = report([ strftime('%b %e %H:%M:%S', gmtime $time) .
	    ' mail dewey[1]: ' . session('ann', 1, 1, 1, 'quit') ]);
	is row($text, strftime('%Y-%m-%d', gmtime $time)), '1 1 1 1 1 0 0',
	    "syslog's date of $back days ago";
}

# What is not dewey's.
my $line = session('ann', 1, 1, 1, 'quit');
my @foreign = (
	"Mar  2 12:00:00 mail sshd[1]: Invalid user dewey[17]: $line",
	"2026-03-02T12:00:00 mail other: dewey[17]: $line",
	"2026-03-02T12:00:00 mail dewey[17]: something else",
	"2026-03-02T12:00:00 mail dewey[17]: $line and more",
	"2026-03-02T12:00:00 mail dewey: $line",
	'', "\0\xff", 'x' x 100_000,
);
my ($text) = report(\@foreign);
is row($text, 'total'), '0 0 0 0 0 0 0', 'lines of others count for nothing';
($text) = report([ "dewey[1]: $line" ]);
like $text, qr/^lines without a date: 1$/m, 'a line without a date is counted';

# The plot.
my @many = map {
	my $day = $_;
	map { $form{'RFC 3339'}->($noon + 86400 * $day) . ' ' .
	    session("u$_", 2, 30_000 * $_, 1, $_ % 7 ? 'quit' : 'error') }
	    1 .. 10 + $day
} 0 .. 20, 25;
my ($table, $code) = report(\@many, "--svg=$dir/plot.svg");
is $code, 0, '--svg';
my $svg = Dewey::read_file("$dir/plot.svg");
like $svg, qr/\A<svg .*<\/svg>\n\z/s, 'one svg element';
my @sessions = $svg =~ /<title>(\d{4}-\d\d-\d\d: \d+ sessions)</g;
is scalar(@sessions), 22, 'a bar for each day that has sessions';
is $sessions[4], '2026-03-06: 14 sessions', '... that says how many';
is scalar(() = $svg =~ /<title>[^<]* broken sessions</g), 22,
    'bars of broken sessions';
like $svg, qr/>dewey, 2026-03-02 to 2026-03-27</, 'from and to';
my ($bad) = grep { $_ < 0 || $_ > 1000 } $svg =~
    /(?:x|y|x1|x2|y1|y2|width|height)="(-?[\d.]+)"/g;
is $bad, undef, 'everything is inside the picture';
is scalar(() = $svg =~ /<(text|title|svg|style)\b/g),
    scalar(() = $svg =~ m{</(text|title|svg|style)>}g), 'elements are closed';
SKIP: {
	my $convert = Spawner::program('rsvg-convert')
	    or skip 'rsvg-convert is not installed', 1;
	is system("$convert -o $dir/plot.png $dir/plot.svg"), 0,
	    'rsvg-convert draws it';
}
($table) = report(\@many, '--days=3');
is scalar(() = $table =~ /^2026-/mg), 1, '--days: the last ones';
is((report([], "--svg=$dir/none.svg"))[1] != 0 && !-e "$dir/none.svg", 1,
    'nothing to draw is said');

# The fields that front ends and TLS add.
($text) = report([ map { my $line = $_; "2026-03-02T12:00:00 mail dewey[17]: $line" }
    session('ann', 1, 1, 1, 'quit') =~ s/method=/port=4660 method=/r,
    session('bob', 1, 1, 1, 'quit') =~ s/messages=/tls=1.3 messages=/r ]);
is row($text, 'total'), '2 2 2 2 2 0 0', 'port= and tls= are no surprise';

# Metrics: whole, and of all lines.
sub sample {
	my ($metrics, $name) = @_;
	return $metrics =~ /^\Q$name\E ([-\d.]+)$/m ? $1 : 'none';
}
my @metered = (
	"x dewey[1]: " . session('ann', 3, 5000, 2, 'quit'),
	"x dewey[1]: " . (session('ann', 1, 2_000_000_000, 0, 'quit')
	    =~ s/seconds=\S+/seconds=2000.500/r =~ s/messages=9/tls=1.3 messages=9/r),
	"x dewey[1]: " . session('-', 0, 0, 0, 'timeout'),
	'x dewey[1]: refused login peer=192.0.2.9 method=pass try=1',
);
my (undef, $exit) = report(\@metered, "--openmetrics=$dir/dewey.prom");
is $exit, 0, '--openmetrics';
my $metrics = Dewey::read_file("$dir/dewey.prom");
for my $row (
	[ 'dewey_sessions_total{end="quit",method="pass",tls="none"}', 1 ],
	[ 'dewey_sessions_total{end="quit",method="pass",tls="1.3"}', 1 ],
	[ 'dewey_sessions_total{end="timeout",method="pass",tls="none"}', 1 ],
	[ 'dewey_refused_logins_total', 1 ],
	[ 'dewey_retrieved_messages_total', 4 ],
	[ 'dewey_deleted_messages_total', 2 ],
	[ 'dewey_session_seconds_bucket{le="0.1"}', 0 ],
	[ 'dewey_session_seconds_bucket{le="0.3"}', 2 ],
	[ 'dewey_session_seconds_bucket{le="1000.0"}', 2 ],
	[ 'dewey_session_seconds_bucket{le="+Inf"}', 3 ],
	[ 'dewey_session_seconds_sum', '2000.740' ],
	[ 'dewey_session_seconds_count', 3 ],
	[ 'dewey_retrieved_bytes_bucket{le="1024.0"}', 1 ],
	[ 'dewey_retrieved_bytes_bucket{le="16384.0"}', 2 ],
	[ 'dewey_retrieved_bytes_sum', '2000005000.000' ],
) {
	is sample($metrics, $row->[0]), $row->[1], "metrics: $row->[0]";
}
is_deeply [ glob "$dir/dewey.prom*" ], [ "$dir/dewey.prom" ],
    'nothing is left beside them';
my (undef, $failed) = report(\@metered, "--openmetrics=$dir/absent/x");
isnt $failed, 0, 'where they cannot be written, that is said';
my %typed = map { $_ => 1 } $metrics =~ /^# TYPE (\S+) /mg;
my @untyped = grep { !$typed{$_} && !$typed{ s/_(?:bucket|sum|count)\z//r } }
    $metrics =~ /^([a-z_]+)/mg;
is "@untyped", '', 'every sample has a type';
my $promtool = Spawner::program('promtool');
SKIP: {
	skip 'promtool is not installed', 2 unless $promtool;
	my $said = `$promtool check metrics <$dir/dewey.prom 2>&1`;
	is $?, 0, 'promtool reads them' or diag $said;
	is $said, '', '... and has no remarks';
}

# What this dewey writes is what the script reads.
my $site = Dewey->site(users => { ann => 'p' },
    mail => { ann => Dewey::mbox("Subject: a\n\nb\n") });
my $c = $site->login('ann', '--log=stderr');
$c->multi('RETR 1');
$c->say('DELE 1');
$c->say('QUIT');
$c->exit_code;
($text) = report([ map { "2026-03-02T12:00:00Z mail $_" } split /\n/,
    $c->stderr ]);
is row($text, '2026-03-02'), '1 1 1 17 1 0 0', "dewey's own line";
$c = $site->start('--log=stderr');
$c->line;
$c->say('USER ann');
$c->say('PASS wrong');
$c->say('QUIT');
$c->exit_code;
($text) = report([ map { "2026-03-02T12:00:00Z mail $_" } split /\n/,
    $c->stderr ]);
is row($text, '2026-03-02'), '1 0 0 0 0 1 0', '... of a refused login';

done_testing;
