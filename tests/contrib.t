#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The files of contrib/ as their own tools see them: units verified and rated,
# sysusers and tmpfiles applied in a directory, configurations parsed, scripts
# checked, the completion asked.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Spawner;
use Test::More;

my $contrib = Spawner::srcdir() . '/contrib';
my $dir = Dewey::tmpdir();
# Where completion finds no other files.
chdir $dir or die "$dir: $!";

# Runs a command; (exit code, what it said).
sub said {
	my (@command) = @_;
	my $pid = open my $fh, '-|';
	defined $pid or die "fork: $!";
	if (!$pid) {
		open STDERR, '>&', \*STDOUT;
		open STDIN, '<', '/dev/null';
		exec @command or POSIX::_exit(127);
	}
	local $/;
	my $text = <$fh> // '';
	close $fh;
	return ($? >> 8, $text);
}

my @units = qw(dewey.socket dewey@.service dewey-recover.service);
for my $unit (@units) {
	my $text = Spawner::contrib("systemd/$unit");
	(my $there = $text) =~ s{/usr/sbin/dewey}{Dewey::binary(1)}ge;
	Dewey::write_file("$dir/$unit", $there, 0644);
	next unless $unit =~ /service$/;

	# Every exception has its reason beside it.
	like $text, qr/^# .*\bUser= is not set.*\n(?:# .*\n)*/m,
	    "$unit: says why User= is not set";
	for my $what (qw(CapabilityBoundingSet SystemCallFilter
	    RestrictAddressFamilies ReadWritePaths)) {
		like $text, qr/^# .*\n(?:AmbientCapabilities=\n)?$what=/m,
		    "$unit: a comment above $what";
	}
	my ($capabilities) = $text =~ /^CapabilityBoundingSet=(.*)$/m;
	for (split ' ', $capabilities) {
		my $word = lc s/^CAP_//r =~ s/^SYS_//r;
		like $text, qr/^# .*\b$word\b/m, "$unit: says what $_ is for";
	}
}

SKIP: {
	my $analyze = Spawner::program('systemd-analyze')
	    or skip 'systemd-analyze is not installed', 1;
	my ($code, $text) = said($analyze, 'verify', '--man=no',
	    map { "$dir/$_" } @units);
	# What other units of this machine are blamed for is not ours.
	$text = join '', grep { /dewey/ } split /^/, $text;
	is $text, '', 'systemd-analyze verify has nothing to say';
	for my $unit (grep { /service$/ } @units) {
		($code, $text) = said($analyze, 'security', '--offline=yes',
		    '--threshold=30', '--no-pager', "$dir/$unit");
		my ($exposure) = $text =~ /exposure level .*: (\d+\.\d+)/;
		skip "no offline rating: $text", 1 unless defined $exposure;
		cmp_ok $exposure, "<=", $unit =~ /@/ ? 2.0 : 3.0, "exposure of $unit";
		diag "systemd-analyze security: $unit $exposure";
	}
}

SKIP: {
	Spawner::program('systemd-sysusers')
	    && Spawner::program('systemd-tmpfiles')
	    or skip 'systemd-sysusers is not installed', 5;
	skip 'this needs root', 5 if $>;
	my $root = "$dir/root";
	mkdir $_ or die "$_: $!" for $root, map { "$root/$_" }
	    qw(etc var var/cache tmp);
	Dewey::write_file("$root/etc/$_", "root:x:0:0:root:/root:/bin/sh\n")
	    for qw(passwd);
	Dewey::write_file("$root/etc/group", "root:x:0:\n");
	my ($code, $text) = said('systemd-sysusers', "--root=$root",
	    "$contrib/systemd/dewey.sysusers");
	is $code, 0, 'systemd-sysusers' or diag $text;
	like Dewey::read_file("$root/etc/passwd"),
	    qr{^dewey-$_:.*:/:/\S*nologin$}m,
	    "makes $_ without a home and a shell" for qw(gate judge wait);
	($code, $text) = said('systemd-tmpfiles', '--create', "--root=$root",
	    "$contrib/systemd/dewey.tmpfiles");
	is sprintf('%o %d', (stat "$root/var/cache/dewey")[2, 4]), '40755 0',
	    'systemd-tmpfiles makes the cache directory' or diag $text;
}

# Scripts: parsed by their shells, and by shellcheck where it is there.
my @scripts = qw(tcpserver/run runit/run socat/pop3 socat/pop3s
    dovecot-proxy/reload nginx/reload perdition/reload);
for my $script (@scripts, 'bash-completion/dewey') {
	my $shell = $script =~ /bash/ ? 'bash' : 'sh';
	is((said($shell, '-n', "$contrib/$script"))[1], '', "$shell -n $script");
	SKIP: {
		Spawner::program('shellcheck')
		    or skip 'shellcheck is not installed', 1;
		is((said('shellcheck', '-s', $shell, "$contrib/$script"))[1],
		    '', "shellcheck $script");
	}
}
ok -x "$contrib/$_", "$_ is executable" for @scripts, 's6/run';

SKIP: {
	my $haproxy = Spawner::program('haproxy')
	    or skip 'haproxy is not installed', 1;
	Spawner::certificate("$dir/tls.pem")
	    or skip 'openssl is not installed', 1;
	Dewey::write_file("$dir/haproxy.cfg", Spawner::contrib(
	    'haproxy/dewey.cfg', qr{/etc/dewey/tls\.pem} => "$dir/tls.pem"));
	# It may be unpacked only, beside its libraries.
	my ($code, $text) = said('env', 'LD_LIBRARY_PATH=' .
	    Spawner::libraries(), $haproxy, '-c', '-f', "$dir/haproxy.cfg");
	is $code, 0, 'haproxy takes its file';
	unlike $text, qr/warning|alert/i, '... without a warning' or diag $text;
}

# The limits of each spawner are said where an administrator reads them.
for ([ 'inetd/inetd.conf', qr/256/, qr/ten minutes/ ],
    [ 'xinetd/dewey', qr/cps/, qr/instances/, qr/per_source/ ],
    [ 'tcpserver/run', qr/-c 400/, qr/default is 40/ ],
    [ 's6/run', qr/-c 400/ ], [ 'runit/run', qr/-c 400/, qr/-C 40/ ],
    [ 'systemd/dewey.socket', qr/MaxConnections/, qr/TriggerLimit/ ],
    [ 'socat/pop3s', qr/max-children/ ], [ 'haproxy/dewey.cfg', qr/maxconn/ ],
    [ 'stunnel/dewey.conf', qr/limit/ ],
    [ 'stunnel/dewey-exec.conf', qr/no limit/ ]) {
	my ($file, @words) = @$_;
	my $text = Spawner::contrib($file);
	is scalar(grep { $text !~ $_ } @words), 0, "$file says its limits";
}

# Completion: what follows `dewey`, as bash splits it, and what it offers.
SKIP: {
	Spawner::program('bash') or skip 'bash is not installed', 1;
	my $ask = <<'SCRIPT';
. "$1"; dewey=$2; shift 2
COMP_WORDS=("$dewey" "$@"); COMP_CWORD=$#; COMPREPLY=()
_dewey "$dewey" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}" | sort
SCRIPT
	my $complete = sub {
		my (undef, $text) = said('bash', '-c', $ask, 'bash',
		    "$contrib/bash-completion/dewey", Dewey::binary(1), @_);
		return join ' ', split /\n/, $text;
	};
	is $complete->('--us'), '--users=', 'a flag with a value';
	is $complete->('--vers'), '--version', 'a flag without';
	is $complete->('--log', '='), 'auto none stderr syslog', 'its values';
	is $complete->('--log', '=', 'sy'), 'syslog', 'one of its values';
	is $complete->('--config', '=', "$dir/dewey.so"), "$dir/dewey.socket",
	    'a file';
	is $complete->('--users', '=', 'sys'), 'system', 'a word or a file';
	is $complete->('--set-secret', 'roo'), 'root', 'a user';
	is $complete->('--list', "$dir/dewey.so"), "$dir/dewey.socket",
	    'an operand';
	my (undef, $help) = said(Dewey::binary(1), '--help');
	my %flags = map { $_ => 1 } $help =~ /^  (--[a-z-]+)/mg;
	is join(' ', sort map { s/=$//r } split / /, $complete->('--')),
	    join(' ', sort keys %flags), 'all flags of --help';
}

# The same for zsh: what its function _arguments is given.
SKIP: {
	Spawner::program('zsh') or skip 'zsh is not installed', 1;
	my $ask = <<'SCRIPT';
_arguments() { print -rl -- "$@" }
words=("$2")
. "$1"
SCRIPT
	my ($code, $text) = said('zsh', '-f', '-c', $ask, 'zsh',
	    "$contrib/zsh-completion/_dewey", Dewey::binary(1));
	is $code, 0, 'zsh: the function runs';
	my %spec = map { /^(--[a-z-]+)(=?\[.*)/ ? ($1 => $2) : () }
	    split /\n/, $text;
	my (undef, $help) = said(Dewey::binary(1), '--help');
	is join(' ', sort keys %spec),
	    join(' ', sort $help =~ /^  (--[a-z-]+)/mg),
	    '... it knows all flags of --help';
	for ([ '--version', qr/^\[print the version\]$/ ],
	    [ '--log', qr/^=\[.*\]:.*: _dewey_values 'auto\|syslog\|/ ],
	    [ '--config', qr/^=\[.*\]:FILE: _dewey_values 'FILE'$/ ],
	    [ '--list', qr/^\[.*\]:\*:MBOX: _dewey_values 'MBOX'$/ ]) {
		like $spec{$_->[0]} // '', $_->[1], "... $_->[0]";
	}
	$ask = <<'SCRIPT';
_arguments() { : }
_files() { print -r -- files $* }
_users() { print -r -- users }
compadd() { print -r -- "${(P@)2}" }
words=("$2")
. "$1"
for argument in "${@:3}"; do print -r -- $(_dewey_values $argument); done
SCRIPT
	my @values = ([ 'system|FILE', 'files system' ], [ 'NAME', 'users' ],
	    [ 'yes|no', 'yes no' ], [ 'DIR|none', 'files -/ none' ],
	    [ 'SECONDS', '' ], [ 'MBOX...', 'files' ],
	    [ 'KINDS', 'none fcntl flock dotlock fcntl,flock,dotlock' ]);
	($code, $text) = said('zsh', '-f', '-c', $ask, 'zsh',
	    "$contrib/zsh-completion/_dewey", Dewey::binary(1),
	    map { $_->[0] } @values);
	is_deeply [split /\n/, $text], [map { $_->[1] } @values],
	    '... and what their arguments are';
}

done_testing;
