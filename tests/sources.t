#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Users from everywhere that the judge's filter knows: files, libnss-extrausers,
# libnss-ldapd that asks nslcd, libnss-sss that asks sssd, libnss-systemd; and
# from where it does not know.  Each logs in, and a name that nobody has is
# refused as ever.  Of the services only their sockets are here, and what they
# say.  (doc/SECURITY.md, "The judge".)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Processes;
use POSIX ();
use Socket;
use Spawner;
use Test::More;

plan skip_all => 'a tool watches the processes'
    if Dewey::slow() || Dewey::tool_flags();
Accounts::enter();

my $unpacked = Spawner::unpacked();
my $password = 'tanstaaf';
my $hash = Accounts::sha512($password);
my $mail = Dewey::mbox("Subject: one\n\nbody\n");
# uids that no account of this machine has.
my %uid = (dwfile => undef, dwextra => 61101, dwldap => 61102, dwsss => 61103);
$uid{dwfile} = Accounts::add('dwfile', hash => $hash, mail => $mail);
for my $name (grep { !/file/ } keys %uid) {
	my $path = Dewey::write_file("/var/mail/$name", $mail, 0660);
	chown $uid{$name}, scalar getgrnam('mail'), $path or die "$path: $!";
}

# Installs a module of the C library that bootstrap has unpacked.
sub module {
	my ($package, $name) = @_;
	my ($path) = map { glob "$unpacked/$package/$_/$name" } 'usr/lib/*-*',
	    'lib/*-*', 'usr/lib';
	return 0 unless defined $path;
	return system("cp '$path' /usr/lib/ && ldconfig") == 0;
}

sub nsswitch {
	my ($sources) = @_;
	my $path = Dewey::write_file('/etc/nsswitch.conf',
	    "# of this test\npasswd:\t$sources\ngroup: files\n", 0644);
	chown 0, 0, $path or die "$path: $!";
	return;
}

# A stream socket at ${path} and a process that answers there: ${serve} is
# called for each connection.
my @servers;
END { local $?; kill 'KILL', @servers if @servers }
sub serve {
	my ($path, $serve) = @_;
	system 'mkdir', '-p', $path =~ s{/[^/]+$}{}r;
	socket my $s, PF_UNIX, SOCK_STREAM, 0 or die "socket: $!";
	unlink $path;
	bind $s, pack_sockaddr_un($path) or die "$path: $!";
	chmod 0666, $path;
	listen $s, 10 or die "listen: $!";
	my $pid = fork // die "fork: $!";
	push @servers, $pid if $pid;
	return if $pid;
	# Who has asked may stay; all end with this test's namespace.
	$SIG{CHLD} = 'IGNORE';
	while (accept my $c, $s) {
		next if fork;
		$serve->($c);
		POSIX::_exit(0);
	}
	POSIX::_exit(0);
}

sub get {
	my ($c, $n) = @_;
	my $octets = '';
	while (length $octets < $n) {
		sysread $c, $octets, $n - length $octets, length $octets
		    or return;
	}
	return $octets;
}

# nslcd(8) of nss-pam-ldapd: an account by its name.
sub as_nslcd {
	my ($c) = @_;
	my ($version, $action, $n) = unpack 'N3', get($c, 12) // return;
	my $name = get($c, $n);
	my $text = sub { pack 'N/a', $_[0] };
	my $answer = pack 'N2', $version, $action;
	if ($name eq 'dwldap') {
		$answer .= pack('N', 1) . $text->($name) . $text->($hash) .
		    pack('N2', ($uid{$name}) x 2) . $text->('') .
		    $text->('/') . $text->('/bin/sh');
	}
	syswrite $c, $answer . pack 'N', 2;
}

# sssd(8): its responder for accounts.
sub as_sssd {
	my ($c) = @_;
	while (defined(my $head = get($c, 16))) {
		my ($n, $command) = unpack 'L4', $head;
		my $body = get($c, $n - 16) // '';
		my $answer = pack 'L2', 0, 0;
		if ($command == 1) {		# the version of all this
			$answer = pack 'L', 1;
		} elsif ($body =~ /^dwsss\0/) {
			$answer = pack('L4', 1, 0, ($uid{dwsss}) x 2) .
			    join '', map { "$_\0" } 'dwsss', $hash, '', '/',
			    '/bin/sh';
		}
		syswrite $c, pack('L4', 16 + length $answer, $command, 0, 0) .
		    $answer;
	}
}

# ${name} logs in, and who is not there does not.
sub check {
	my ($what, $name, @flags) = @_;
	my $c = Accounts::start('--log=stderr', @flags);
	$c->greeting;
	my ($judge) = Processes::below($c->pid);
	ok eval { $c->wait_for(sub { Processes::look($judge)->{seccomp} == 2 }) },
	    "$what: the judge has a filter";
	for my $who ('dwnobody', $name) {
		$c->say("USER $who");
		like $c->say("PASS $password"), $who eq $name ?
		    qr/^\+OK/ : qr/^-ERR \[AUTH\]/, "... $who";
	}
	$c->say('QUIT');
	is $c->exit_code, 0, '... exit code';
	is join('', grep { !/refused login|user=$name /} split /^/, $c->stderr),
	    '', '... nothing else is logged';
	return;
}

nsswitch('files');
check('files', 'dwfile');
nsswitch('files systemd');
check('files systemd', 'dwfile');
nsswitch('compat');
check('compat', 'dwfile');
nsswitch('files nowhere');
check('a module that is not there', 'dwfile');
unlink '/etc/nsswitch.conf';
check('no nsswitch.conf', 'dwfile');
nsswitch('files');
rename '/etc/nsswitch.conf', '/etc/nsswitch.real';
symlink 'nsswitch.real', '/etc/nsswitch.conf';
check('nsswitch.conf is a link', 'dwfile');
unlink '/etc/nsswitch.conf';

SKIP: {
	module('libnss-extrausers', 'libnss_extrausers.so.2')
	    or skip 'libnss-extrausers is not unpacked', 4;
	mkdir '/var/lib/extrausers';
	Dewey::write_file('/var/lib/extrausers/passwd',
	    "dwextra:$hash:$uid{dwextra}:$uid{dwextra}::/:/bin/sh\n", 0644);
	chown 0, 0, '/var/lib/extrausers/passwd';
	nsswitch('files extrausers');
	check('extrausers', 'dwextra');
	nsswitch('compat extrausers systemd');
	check('extrausers among others', 'dwextra');
}
SKIP: {
	module('libnss-ldapd', 'libnss_ldap.so.2')
	    or skip 'libnss-ldapd is not unpacked', 4;
	# Without nslcd nobody knows what asks whom.
	nsswitch('files ldap');
	check('ldap without nslcd, and files', 'dwfile');
	serve('/var/run/nslcd/socket', \&as_nslcd);
	check('ldap by nslcd', 'dwldap');
}
SKIP: {
	module('libnss-sss', 'libnss_sss.so.2')
	    or skip 'libnss-sss is not unpacked', 4;
	serve('/var/lib/sss/pipes/nss', \&as_sssd);
	nsswitch('files sss');
	check('sss by sssd', 'dwsss');
	nsswitch('sss files systemd');
	check('sss before files', 'dwfile');
}

done_testing;
