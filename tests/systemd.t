#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The units of contrib/systemd under a real systemd, which runs in a root of its
# own: sockets on ports 110 and 995, sessions for a real account with everything
# that dewey@.service closes closed, and dewey-recover.service after a crash.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Rootfs;
use Spawner;
use Test::More;
use Tls;
use Time::HiRes qw(sleep time);

my $systemd = '/lib/systemd/systemd';
plan skip_all => 'systemd is not installed' unless -x $systemd
    && Spawner::program('systemctl');
plan skip_all => 'a tool watches the processes' if $ENV{DEWEY_WRAPPER};
Rootfs::enter();
my $no_tls = Tls::missing();

my $units = '/etc/systemd/system';
my $boot = Dewey::write_file('/run-systemd', <<'SCRIPT', 0755);
#!/bin/sh
# The first process of a pid and cgroup namespace becomes systemd.
set -e
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
for name in null zero random urandom tty full; do
	cp -a /dev/$name /mnt/$name
done
mkdir /mnt/pts /mnt/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts /mnt/pts
ln -s pts/ptmx /mnt/ptmx
mount --move /mnt /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /sys/fs/cgroup
if grep -q '	1$' /proc/cgroups && grep -q '^[1-9].*:name=systemd:' /proc/self/cgroup
then
	mkdir /sys/fs/cgroup/unified /sys/fs/cgroup/systemd
	mount -t cgroup2 none /sys/fs/cgroup/unified
	mount -t cgroup -o none,name=systemd none /sys/fs/cgroup/systemd
else
	mount -t cgroup2 none /sys/fs/cgroup
fi
unset NOTIFY_SOCKET
exec /lib/systemd/systemd --system --unit=dewey-test.target \
    --log-target=journal --show-status=0
SCRIPT

# What a package does: files, the gate's user, directories.
for my $name (qw(dewey.socket dewey@.service dewey-recover.service)) {
	my $text = Spawner::contrib("systemd/$name");
	# The build may look for it elsewhere.
	$text =~ s{^(ExecStart=-/usr/sbin/dewey)$}
	    {$1 --config=/etc/dewey/dewey.conf}m;
	Dewey::write_file("$units/$name", $text, 0644);
}
# The unit for TLS is made of the one without, by `make'.
Dewey::write_file("$units/dewey-pop3s.socket",
    Spawner::contrib('systemd/dewey-pop3s.socket'), 0644);
Dewey::write_file("$units/dewey-pop3s@.service",
    Dewey::read_file("$units/dewey@.service") =~
    s{^(ExecStart=.*)$}{$1 --tls=implicit}mr, 0644);
Dewey::write_file("$units/dewey-test.target", <<'UNIT', 0644);
[Unit]
Requires=sockets.target systemd-journald.service dewey.socket dewey-pop3s.socket
UNIT
my $from = Spawner::srcdir() . '/contrib/systemd';
system('cp', Dewey::binary(1), '/usr/sbin/dewey') == 0 or die 'cp';
chmod 0755, '/usr/sbin/dewey';
system("mkdir -p /usr/lib/sysusers.d /usr/lib/tmpfiles.d && " .
    "cp $from/dewey.sysusers /usr/lib/sysusers.d/dewey.conf && " .
    "cp $from/dewey.tmpfiles /usr/lib/tmpfiles.d/dewey.conf && " .
    'systemd-sysusers dewey.conf 2>/dev/null && ' .
    'systemd-tmpfiles --create dewey.conf') == 0
    or plan skip_all => 'systemd-sysusers does not work here';
ok defined getpwnam $_, "sysusers: $_"
    for qw(dewey-gate dewey-judge dewey-wait);
is sprintf('%o', (stat '/var/cache/dewey')[2] & 07777), '755',
    'tmpfiles: the cache directory';

# Certificate, key and program, each where an administrator has it: what is in
# /tmp the unit does not see.
sub tls_configuration {
	return '' if $no_tls;
	my $pair = Tls::certificate('p256', 1);
	system('cp', '-p', "$pair.crt", "$pair.key", '/etc/dewey') == 0 &&
	    system("mkdir -p /usr/libexec && cp " . Tls::built() .
		' /usr/libexec/dewey-tls') == 0 or die 'cp';
	my ($name) = $pair =~ m{([^/]+)$};
	return "tls = stls\ntls-cert = /etc/dewey/$name.crt\n" .
	    "tls-key = /etc/dewey/$name.key\n" .
	    "tls-program = /usr/libexec/dewey-tls\n";
}

my @names = map { "mailer$_" } 1 .. 12;
for my $name (@names) {
	system('useradd', '-p', crypt("pass-$name", '$6$rounds=1000$dewey'),
	    $name) == 0 or die 'useradd';
	Dewey::write_file("/var/mail/$name", Spawner::mbox(), 0660);
	chown((getpwnam $name)[2], scalar getgrnam 'mail', "/var/mail/$name");
}
mkdir '/etc/dewey';
Dewey::write_file('/etc/dewey/dewey.conf',
    "host = dewey.example\nsecrets = none\n" . tls_configuration(), 0644);
chown 0, 0, glob("$units/dewey*"), '/etc/dewey/dewey.conf', $boot;

# The cgroup namespace begins where this process is: below the real root.
my $pid = fork // die "fork: $!";
if (!$pid) {
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', '/systemd.log';
	open STDERR, '>&', \*STDOUT;
	exec 'unshare', '--mount', '--pid', '--fork', '--kill-child',
	    '--cgroup', '--propagation', 'private', $boot;
}

# Runs a command where systemd runs; returns what it says.
my $inside;
sub inside {
	my (@command) = @_;
	open my $fh, '-|', 'nsenter', '-t', $inside, '-m', '-p', '-C',
	    '--root', '--', @command or die "nsenter: $!";
	local $/;
	return scalar(<$fh>) // '';
}

# Logs in and deletes the second message.
sub login {
	my ($c, $name) = @_;
	$c->say("USER $name");
	for my $line ("PASS pass-$name", 'DELE 2', 'QUIT') {
		my $reply = $c->say($line) // '';
		next if $reply =~ /^\+OK/;
		diag "$line: $reply";
		return 0;
	}
	return Dewey::read_file("/var/mail/$name") eq Spawner::mbox(1, 3);
}

my $deadline = time + 20;
until ($inside && inside('systemctl', 'is-active', 'dewey.socket')
    =~ /^active/) {
	if (time > $deadline || waitpid($pid, POSIX::WNOHANG()) == $pid) {
		my $why = -e '/systemd.log'
		    ? Dewey::read_file('/systemd.log') : '';
		diag $why;
		diag inside('systemctl', 'status', 'dewey.socket') if $inside;
		SKIP: { skip 'systemd does not come up here', 1 }
		done_testing;
		exit;
	}
	sleep 0.1;
	open my $fh, '<', "/proc/$pid/task/$pid/children" or next;
	($inside) = split ' ', <$fh> // '';
	next unless $inside;
	# Not yet systemd: the script still mounts.
	undef $inside if (readlink "/proc/$inside/exe" // '') !~ /systemd/;
}

# A command at a time, in one packet, and ten at once.
for my $i (0, 1) {
	is Spawner::dialogue(Spawner->connect_to(110), $names[$i], $i),
	    'none', 'session ' . ($i ? 'in one packet' : 'a command at a time');
}
my $begin = time;
my @c = map { Spawner->connect_to(110) } 2 .. $#names;
is join(' ', map { Spawner::dialogue($c[$_ - 2], $names[$_], 1) }
    2 .. $#names), join(' ', ('none') x @c), scalar(@c) . ' at once';
diag sprintf '%d sessions at once under systemd: %.2f s', scalar @c,
    time - $begin;
is join(' ', grep { Dewey::read_file("/var/mail/$_") ne Spawner::mbox(1, 3) }
    @names), '', 'all mailboxes as they must be';
is join(' ', glob '/var/mail/*.lock'), '', 'no locks left behind';

my $journal = '';
for (1 .. 100) {
	$journal = inside('journalctl', '--no-pager', '-o', 'cat');
	last if 12 <= (() = $journal =~ /^user=mailer\d+ .*end=quit$/mg);
	sleep 0.05;
}
is scalar(() = $journal =~ /^user=mailer\d+ peer=127\.0\.0\.1 .*end=quit$/mg),
    12, 'the journal has a line for each, with the address';
unlike $journal, qr/dewey.*(?:fail|denied|not permitted)/i,
    '... and nothing was refused by the unit';
is inside('systemctl', '--no-legend', '--plain', 'list-units', '--failed',
    'dewey*'), '', 'no unit has failed';

# TLS from the first octet on, and begun by STLS; the journal says so.
SKIP: {
	skip $no_tls, 5 if $no_tls;
	my ($one, $other) = @names;
	for my $name ($one, $other) {
		Dewey::write_file("/var/mail/$name", Spawner::mbox(), 0660);
		chown((getpwnam $name)[2], scalar getgrnam('mail'),
		    "/var/mail/$name");
	}
	my $c = Spawner->connect_to(995);
	ok Tls::begin($c), 'port 995: a handshake' or diag $@;
	$c->greeting;
	ok login($c, $one), '... a session';
	$c = Spawner->connect_to(110);
	$c->greeting;
	ok Tls::stls($c), 'port 110: STLS' or diag $@;
	ok login($c, $other), '... a session';
	my $line = qr/^user=(?:$one|$other) .*tls=1\.3.*end=quit/m;
	for (1 .. 100) {
		$journal = inside('journalctl', '--no-pager', '-o', 'cat');
		last if 2 <= (() = $journal =~ /$line/g);
		sleep 0.05;
	}
	is scalar(() = $journal =~ /$line/g), 2,
	    '... and the journal has a line for each, with TLS';
}

# A crash in the middle of UPDATE; then the unit that runs after boot.
SKIP: {
	my $strace = Spawner::program('strace')
	    or skip 'strace is not installed', 3;
	my ($name, $box) = ('mailer1', '/var/mail/mailer1');
	Dewey::write_file($box, Spawner::mbox(), 0660);
	chown((getpwnam $name)[2], scalar getgrnam 'mail', $box);
	my $log = '/strace.log';
	system 'sh', '-c', "printf 'DELE 2\\r\\nQUIT\\r\\n' | $strace -f -o $log " .
	    '-e trace=ftruncate -e inject=ftruncate:signal=KILL:when=1 ' .
	    "setpriv --reuid=$name --regid=mail --clear-groups " .
	    '/usr/sbin/dewey --preauth --log=none >/dev/null 2>&1';
	ok -s '/var/mail/.mailer1.dewey', 'killed in UPDATE: a journal is left'
	    or skip 'it was not killed where it should', 2;
	inside('systemctl', 'start', 'dewey-recover.service');
	is Spawner::difference(Dewey::read_file($box), Spawner::mbox(1, 3)),
	    'none', 'dewey-recover.service completes it';
	is -s '/var/mail/.mailer1.dewey', 0, '... and the journal is empty';
	diag inside('journalctl', '--no-pager', '-u', 'dewey-recover.service')
	    unless Test::More->builder->is_passing;
}

kill 'KILL', $inside;
waitpid $pid, 0;
done_testing;
