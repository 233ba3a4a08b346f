# SPDX-License-Identifier: ISC
# Accounts.pm: real accounts with real passwords, and /var/mail as Debian ships
# it, for the tests that start dewey as root.  All of it is in a root of the
# test's own (Rootfs.pm): the machine's accounts and mail stay as they are.
package Accounts;

use strict;
use warnings;
use Carp qw(croak);
use Dewey ();
use Rootfs ();
use Test::More ();

# Settings for crypt(3), one for each kind of hash that libxcrypt knows.
my @settings = (
	yescrypt => '$y$j75$LdJMENpBABJJ3hIHjB1Bi.$',
	'gost-yescrypt' => '$gy$j75$LdJMENpBABJJ3hIHjB1Bi.$',
	scrypt => '$7$8/..../....LdJMENpBABJJ3hIHjB1Bi.$',
	bcrypt => '$2b$05$abcdefghijklmnopqrstuu',
	'bcrypt of PHP' => '$2y$05$abcdefghijklmnopqrstuu',
	sha512 => '$6$rounds=1000$dewey$',
	sha256 => '$5$rounds=1000$dewey$',
	sha1 => '$sha1$1000$dewey$',
	'md5 of Sun' => '$md5,rounds=904$dewey$',
	md5 => '$1$dewey$',
	'des of BSDI' => '_J9..dewe',
	des => 'dw',
);

# Enters a root of its own, or skips the whole test.
sub enter {
	Test::More::plan(skip_all => 'this needs root') if $>;
	Test::More::plan(skip_all => 'a tool watches the processes')
	    if $ENV{DEWEY_WRAPPER};
	Rootfs::enter();
	for my $program (qw(useradd passwd chage)) {
		run('sh', '-c', "command -v $program >/dev/null") or
		    Test::More::plan(skip_all => "$program is missing");
	}
}

sub run { return system(@_) == 0 }

# (kind => hash, ...) of ${password}, of all kinds that this system has.
sub hashes {
	my ($password) = @_;
	my @found;
	for (my $i = 0; $i < @settings; $i += 2) {
		my $hash = crypt $password, $settings[$i + 1];
		push @found, $settings[$i], $hash
		    if defined $hash && $hash !~ /^\*/;
	}
	return @found;
}

sub sha512 { return crypt $_[0], '$6$rounds=1000$dewey$' }

# add(name, password => ..., or hash => ..., mail => octets, home => 1, more =>
# [words for useradd]): an account; its uid is returned.
sub add {
	my ($name, %o) = @_;
	my $hash = $o{hash} // (defined $o{password} ? sha512($o{password})
	    : '!');
	run('useradd', $o{home} ? '-m' : '-M', '-s', '/usr/sbin/nologin',
	    '-p', $hash, @{ $o{more} // [] }, $name)
	    or croak "useradd $name failed";
	put($name, $o{mail}) if defined $o{mail};
	return uid($name);
}

sub uid { return scalar getpwnam $_[0] }
sub gid { return (getpwnam $_[0])[3] }
sub mailbox { return "/var/mail/$_[0]" }

# Delivers as Debian's agents do: 0660, the user's and group mail's.
sub put {
	my ($name, $octets) = @_;
	my $path = Dewey::write_file(mailbox($name), $octets, 0660);
	chown uid($name), scalar getgrnam('mail'), $path
	    or croak "chown $path: $!";
	return $path;
}

# Starts dewey as root.
sub start {
	my (@flags) = @_;
	my %o = ref $flags[-1] ? %{ pop @flags } : ();
	return Dewey->start('--host=dewey.example', '--fail-delay=0',
	    '--log=stderr', @flags, { %o, as_root => 1 });
}

# ... and logs a user in.
sub login {
	my ($name, $password, @flags) = @_;
	my $c = start(@flags);
	$c->greeting;
	$c->say("USER $name");
	my $reply = $c->say("PASS $password") // '';
	$reply =~ /^\+OK/ or $c->fail("$name is not logged in");
	return $c;
}

1;
