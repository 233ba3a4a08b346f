#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The delivery agents of real systems, as root for real accounts in /var/mail as
# Debian has it, while sessions fetch and delete: every message
# arrives exactly once.  procmail, maildrop, exim4's local delivery, dma, fdm.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Rootfs;
use Spawner;
use Storm;
use Test::More;

Rootfs::enter();

# Packages that exclude each other are unpacked beside the build; here those
# that can run may be where they belong.
my $unpacked = Spawner::unpacked();
for my $program (qw(dma exim4 maildrop)) {
	Rootfs::lay('/', $program)
	    if (Spawner::program($program) // '') =~ /^\Q$unpacked\E/;
}

my $more = $ENV{DEWEY_LONG} ? 10 : 1;
my $few = $ENV{DEWEY_WRAPPER} ? 8 : 1;

# What an administrator sets up; mailboxes and messages each.  procmail sleeps
# for a second in each delivery (for NFS).
sub exim4 {
	system 'useradd', '-r', 'Debian-exim' unless getpwnam 'Debian-exim';
	mkdir $_ for qw(/etc/exim4 /var/spool/exim4);
	my @owner = (getpwnam 'Debian-exim')[2, 3];
	chown @owner, '/var/spool/exim4' or die "chown: $!";
	Dewey::write_file('/etc/exim4/exim4.conf', <<'CONF', 0644);
keep_environment =
primary_hostname = dewey.example
log_file_path = /var/spool/exim4/log-%s
begin routers
local:
  driver = accept
  check_local_user
  transport = local
begin transports
local:
  driver = appendfile
  file = /var/mail/$local_part_data
  group = mail
  mode = 0660
  lock_interval = 1s
begin retry
* * F,2h,1s
CONF
	chown 0, 0, '/etc/exim4/exim4.conf';
	chmod 04755, Spawner::program('exim4');
}

sub fdm {
	Dewey::write_file('/etc/fdm.conf', <<'CONF', 0600);
set lock-types flock
set no-received
set no-create
account "in" stdin
action "box" mbox "/var/mail/${box}"
match all action "box"
CONF
	chown 0, 0, '/etc/fdm.conf';
}

my %agent = (
	procmail => { boxes => 40, each => 6,
		command => sub { ('procmail', '-d', @_) },
		setup => sub { Dewey::write_file('/etc/procmailrc',
		    "LOCKSLEEP=1\n", 0644) } },
	maildrop => { boxes => 12, each => 60,
		command => sub { ('maildrop', '-d', @_) },
		setup => sub { my $path = Spawner::program('maildrop');
		    chown 0, scalar getgrnam('mail'), $path;
		    chmod 02755, $path } },
	exim => { boxes => 12, each => 30, program => 'exim4',
		command => sub { ('exim4', '-odi', '-i', '-f', 'a@b.example',
		    @_) }, setup => \&exim4,
		# What met a lock for too long.
		after => sub { system 'exim4 -qff >/dev/null 2>&1' } },
	# dma takes flock(2) only.
	dma => { boxes => 12, each => 60,
		command => sub { ('dma', '-D', '-i', '-f', 'a@b.example', @_) },
		setup => sub {}, after => sub {
		    system 'dma -q1 >/dev/null 2>&1' } },
	# fdm too, and it tells any trouble by exit code 1.
	fdm => { boxes => 12, each => 60, makes_none => 1,
		command => sub { ('fdm', '-c', 'fdm -l -m -f /etc/fdm.conf ' .
		    "-u $_[0] -D '\$box=$_[0]' -a in fetch || exit 75") },
		shell => 1, setup => \&fdm },
);

my (%each, %deliver, @after);
for my $name (sort keys %agent) {
	my $agent = $agent{$name};
	my $program = Spawner::program($agent->{program} // $name);
	SKIP: { skip "$name is not installed", 1 unless $program }
	next unless $program;
	$agent->{setup}->();
	push @after, $agent->{after} if $agent->{after};
	for my $n (1 .. int $agent->{boxes} / $few) {
		my $box = sprintf '%s%02d', $name, $n;
		my (undef, @words) = $agent->{command}->($box);
		system('useradd', '-m', '-p', crypt("pass-$box",
		    '$6$rounds=1000$dewey'), $box) == 0 or die 'useradd';
		chown scalar(getpwnam $box), scalar(getgrnam 'mail'),
		    Dewey::write_file("/var/mail/$box", '', 0660)
		    if $agent->{makes_none};
		$each{$box} = int($agent->{each} / $few) * $more;
		$deliver{$box} = [ $agent->{shell} ? '/bin/sh' : $program,
		    @words ];
	}
}
if (!%each) {
	done_testing;
	exit;
}

# Not inetd: so many sessions a minute are above its limit.
my ($kind) = grep { !Spawner::missing($_) } qw(tcpserver runit systemd socat);
BAIL_OUT('no spawner is installed') unless $kind;
my $site = Spawner->site(as_root => 1, mail => {});
my $spawner = Spawner->start($kind, as_root => 1, config =>
    $site->configuration(users => 'system', secrets => 'none',
	mailbox => '/var/mail/%u', log => 'syslog', 'lock-timeout' => 30,
	locks => 'fcntl,flock,dotlock'));

my $storm = Storm->new(each => \%each, deliver => \%deliver, as_root => 1,
	login => sub {
		my ($name) = @_;
		my $c = $spawner->connect(timeout => 60);
		$c->line;
		$c->say("USER $name");
		my $reply = $c->say("PASS pass-$name") // 'nothing';
		$reply =~ /^\+OK/ or die "$name is refused: $reply\n";
		return $c;
	},
	mailbox => sub { "/var/mail/$_[0]" },
	after => sub { $_->() for @after },
	timeout => $ENV{DEWEY_LONG} ? 900 : 240,
);
$storm->run;

diag sprintf '%s: %d sessions in %.1f s, %d put off', $kind,
    @$storm{qw(sessions seconds refused)};
diag sprintf '%-10s %9s %9s %9s %9s %9s', qw(agent sent fetched lost double
    damaged);
for my $name (sort keys %{ $storm->{sum} }) {
	my $sum = $storm->{sum}{$name};
	diag sprintf '%-10s %9d %9d %9d %9d %9d', $name, map { $_ // 0 }
	    @$sum{qw(sent delivered lost double damaged)};
	is $sum->{lost} // 0, 0, "$name: lost";
	is $sum->{double} // 0, 0, "$name: double";
	is $sum->{damaged} // 0, 0, "$name: damaged";
}
diag $storm->{odd} if defined $storm->{odd};
is $storm->{changed}, 0, 'refused because the mailbox seemed changed';
is join(' ', grep { -s } glob '/var/mail/.*.dewey'), '', 'journals left';
done_testing;
