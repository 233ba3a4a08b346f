#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# contrib/fail2ban under the real fail2ban-regex and fail2ban-client: every
# refused login counts, for the client's address, and nothing else does.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Spawner;
use Test::More;

my $regex = Spawner::program('fail2ban-regex')
    or plan skip_all => 'fail2ban is not installed';
plan skip_all => 'python3 is not installed'
    unless my $python = Spawner::program('python3');
(my $root = $regex) =~ s{/usr/bin/[^/]+$}{};
$ENV{PYTHONPATH} = join ':', glob "$root/usr/lib/python3*/dist-packages";
# Compiled once, and not where the package is.
$ENV{PYTHONPYCACHEPREFIX} = Dewey::tmpdir();

# A directory of configuration with ours in it, and no jail of anybody else.
my $dir = Dewey::tmpdir();
my $config = "$dir/fail2ban";
system('cp', '-r', "$root/etc/fail2ban", $config) == 0
    or plan skip_all => 'fail2ban has no configuration';
unlink glob "$config/jail.d/*";
my $filter = Dewey::write_file("$config/filter.d/dewey.conf",
    Spawner::contrib('fail2ban/filter.d/dewey.conf'), 0644);
my $log = "$dir/mail.log";
Dewey::write_file("$config/jail.d/dewey.conf",
    Spawner::contrib('fail2ban/jail.d/dewey.conf',
    qr{/var/log/mail\.log}, $log), 0644);

sub said {
	my (@command) = @_;
	my $pid = open(my $fh, '-|') // die "fork: $!";
	if (!$pid) {
		open STDERR, '>&', \*STDOUT;
		open STDIN, '<', '/dev/null';
		exec @command or POSIX::_exit(127);
	}
	local $/;
	return scalar <$fh>;
}

# The addresses that fail2ban finds in ${text}.
sub found {
	my ($text) = @_;
	Dewey::write_file($log, $text, 0644);
	my $said = said($python, $regex, '-c', $config, '-o', 'ip', $log,
	    $filter);
	return join ' ', split /\n/, $said;
}

plan skip_all => 'fail2ban does not run here'
    unless said($python, $regex, '--version') =~ /\b\d+\.\d/;

# ---- What dewey really says

my $site = Dewey->site(users => { frated => 'hoopy' },
    secrets => { mrose => 'tanstaaf' }, mail => { frated =>
    Dewey::mbox("Subject: a\n\nb\n") });

# The log of a session with three refused logins, as it is written to stderr.
sub refused {
	my ($o) = @_;
	my $c = $site->start('--log=stderr', $o);
	$c->greeting;
	for ("USER frated\r\nPASS wrong", "USER nobody\r\nPASS refused login" .
	    ' peer=192.0.2.66 method=pass try=1', 'APOP mrose ' . 'a' x 32) {
		$c->send("$_\r\n");
	}
	$c->rest;
	$c->exit_code;
	return $c->stderr;
}

my ($text, @want) = '';
my %prefix = ('rsyslog of old' => 'Nov 23 08:08:08 mailhost ',
    rsyslog => '2026-11-23T08:08:08.123456+00:00 mail.example.org ',
    'the journal' => 'Nov 23 08:08:08 mailhost.example.org ');
my $said = refused({ transport => 'tcp' });
is scalar(() = $said =~ /refused login peer=127\.0\.0\.1 /g), 3,
    'dewey says what the filter wants';
for my $who (sort keys %prefix) {
	$text .= $said =~ s/^/$prefix{$who}/gmr;
	push @want, ('127.0.0.1') x 3;
}
my $prefix = $prefix{'rsyslog of old'};
for my $address ('192.0.2.1', '2001:db8::25', '::1') {
	$text .= refused({ transport => 'pipe',
	    env => { TCPREMOTEIP => $address } }) =~ s/^/$prefix/gmr;
	push @want, ($address) x 3;
}
# Without an address there is nobody to ban.
$text .= refused({ transport => 'pipe' }) =~ s/^/$prefix/gmr;
is found($text), join(' ', @want), 'three tries of each address, no more';

# ---- What others may make it say

my $c = $site->login('frated', '--log=stderr', { transport => 'tcp' });
$c->say('QUIT');
$c->exit_code;
my $line = 'refused login peer=192.0.2.66 method=pass try=1';
# The last one shows that they are read.
is found(join '', map { "$prefix$_\n" } split(/\n/, $c->stderr),
    "dewey[1]: user=frated $line end=quit", "dewey[1]: /var/mail/$line",
    "dewey[1]: /x: $line", "dewey[1]: $line ", "dewey[1]: $line.",
    "dewey[1]: refused login peer=192.0.2.66 method=pass try=0",
    "dewey[1]: refused login peer=pipe method=pass try=1",
    "dewey[1]: refused login peer=a.example.org method=pass try=1",
    "other[1]: $line", "sshd[1]: dewey[1]: $line",
    "dewey[1]: user=- peer=192.0.2.66 method=- end=auth-failed",
    'dewey[1]: ' . $line =~ s/66/67/r), '192.0.2.67',
    'nothing else is a refused login';

# ---- The journal

# The uid that the filter asks for is that of the process that logs.
SKIP: {
	my ($match) = Dewey::read_file($filter) =~ /^journalmatch = (.*)$/m;
	is $match, 'SYSLOG_IDENTIFIER=dewey _UID=65534',
	    'the journal is asked for the uid that logs';
	skip 'only root starts a dewey that logs as another', 2 if $>;
	my $uid = getpwnam('dewey-judge') // getpwnam('nobody');
	my $c = Dewey->start('--log=stderr', '--fail-delay=0',
	    '--secrets=none', { as_root => 1 });
	$c->greeting;
	$c->say('USER nobody.of.that.name');
	like $c->say('PASS wrong'), qr/^-ERR/, 'a refused login';
	my ($pid) = $c->stderr =~ /dewey\[(\d+)\]: refused login/;
	my $status = Dewey::read_file('/proc/' . ($pid // 'self') . '/status');
	like $status, qr/^Uid:\t$uid\t$uid\t$uid\t$uid$/m,
	    '... is logged as the comment says';
	$c->close;
	$c->exit_code;
}

# ---- The jail

my $client = $regex =~ s/regex$/client/r;
like said($python, $client, '-c', $config, '-t'),
    qr/configuration test is successful/, 'the jail';
like said($python, $client, '-c', $config, '-d'),
    qr/'dewey'.*maxretry.*30/, '... is what it says';

done_testing;
