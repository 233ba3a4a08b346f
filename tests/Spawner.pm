# SPDX-License-Identifier: ISC
# Spawner.pm: starts the programs that start dewey, with the files of contrib/,
# on a port of loopback, for the tests in tests/*.t.
#
# Only paths, ports, users and the name of a configuration file are replaced in
# those files; a replacement that finds nothing to replace is an error, so the
# tests notice when a file changes.  Every wait has a bound; the spawner and
# what descends from it are ended when its object goes or the test ends.
package Spawner;

use strict;
use warnings;
use Carp qw(croak);
use Dewey ();
use Errno qw(EINTR);
use File::Spec ();
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use POSIX ();
use Socket qw(IN6ADDR_LOOPBACK INADDR_LOOPBACK IPPROTO_TCP PF_INET PF_INET6
    SOCK_STREAM SOL_SOCKET SO_REUSEADDR TCP_NODELAY inet_aton pack_sockaddr_in
    pack_sockaddr_in6);
use Time::HiRes qw(sleep time);

our @CARP_NOT = ('Dewey');

my $owner = $$;
my %running;		# pid -> Spawner
my @helpers;		# pids of clients' programs
sub srcdir { return $ENV{srcdir} // '.' }

# ---- Programs, installed or unpacked beside the build

# Where packages that exclude others have been unpacked, one directory each.
# Root's tests run some programs as other users, who may not get there: into a
# clone in /root, say.  Then this is a copy.
my $unpacked;
sub unpacked {
	my $dir = $ENV{DEWEY_UNPACKED} // ($ENV{builddir} // '.') . '/unpacked';
	return $dir if $> || !-d $dir;
	return $unpacked if defined $unpacked;
	my @above = split m{/}, File::Spec->rel2abs($dir);
	for my $n (1 .. $#above) {
		next if (stat join '/', @above[0 .. $n])[2] & 1;
		$unpacked = Dewey::tmpdir();
		chmod 0755, $unpacked;
		system('cp', '-a', "$dir/.", $unpacked) == 0
		    or croak "$dir cannot be copied";
		last;
	}
	return $unpacked //= $dir;
}

# The path of a program; undef if it is not there.
sub program {
	my ($name) = @_;
	my @bin = qw(usr/sbin usr/bin sbin bin);
	my @places = (split(/:/, $ENV{PATH} // ''), map({ "/$_" } @bin),
	    map { glob unpacked() . "/*/$_" } @bin);
	for my $dir (@places) {
		next unless -f "$dir/$name" && -x _;
		# Unpacked alone, a package may lack libraries.
		next if index($dir, unpacked()) == 0 && do {
			local $ENV{LD_LIBRARY_PATH} = libraries();
			qx{ldd '$dir/$name' 2>&1} =~ /not found/;
		};
		return "$dir/$name";
	}
	return undef;
}

# For LD_LIBRARY_PATH: where the unpacked packages have libraries.
sub libraries {
	my %dirs = map { s{/[^/]+\z}{}r => 1 } map {
		(glob unpacked() . "/*/$_/*.so*")
	} qw(lib usr/lib usr/lib/* usr/lib/*/*);
	return join ':', sort keys %dirs;
}

# Writes a self-signed certificate with its key; false without openssl.
sub certificate {
	my ($path) = @_;
	my $openssl = program('openssl') // return 0;
	system("$openssl req -x509 -newkey rsa:2048 -nodes -days 2 " .
	    '-subj /CN=localhost -addext subjectAltName=DNS:localhost,' .
	    "IP:127.0.0.1 -keyout $path.key -out $path.crt " .
	    '>/dev/null 2>&1') == 0 or return 0;
	Dewey::give("$path.crt");
	Dewey::write_file($path, Dewey::read_file("$path.key") .
	    Dewey::read_file("$path.crt"));
	return 1;
}

# ---- Files of contrib/ with things replaced

# contrib(name, pattern, replacement, ...): a replacement is a string or a sub
# that may look at $1.
sub contrib {
	my ($name, @replace) = @_;
	my $text = Dewey::read_file(srcdir() . "/contrib/$name");
	while (my ($from, $to) = splice @replace, 0, 2) {
		$text =~ s/$from/ref $to ? $to->() : $to/ge
		    or croak "contrib/$name: nothing looks like $from";
	}
	return $text;
}

# ---- A site that can be served as root or as a user

# site(as_root => 0|1, mail => {name => octets}, secrets => {name => secret}):
# every name has the password `pass-NAME`.  As root: each has a uid of his own,
# and the spool is as Debian has it (directory 2775 root:mail, mailboxes 0660
# user:mail).  As a user: everything is his who serves.
sub site {
	my ($class, %o) = @_;
	my $root = !$> && $o{as_root};
	my $self = bless { dir => Dewey::tmpdir(), as_root => $root,
		first => 20_000 + int rand 10_000 }, 'Spawner::Site';
	my $dir = $self->{dir};
	chown 0, 0, $dir or die "chown $dir: $!" if $root;
	chmod 0755, $dir or die "chmod $dir: $!";
	mkdir "$dir/spool" or die "$dir/spool: $!";
	my $gid = $root ? getgrnam('mail') // 8 : Dewey::gid();
	chown $root ? 0 : Dewey::uid(), $gid, "$dir/spool" unless $>;
	chmod 02775, "$dir/spool" or die "chmod $dir/spool: $!";
	my $uid = $self->{first};
	my $users = '';
	for my $name (sort keys %{ $o{mail} }) {
		$users .= "$name:" .
		    crypt("pass-$name", '$6$rounds=1000$dewey');
		$users .= ":$uid:$uid\:::" if $root;
		$users .= "\n";
		my $path = Dewey::write_file($self->mailbox($name),
		    $o{mail}{$name}, $root ? 0660 : 0600);
		chown $uid, $gid, $path or die "chown $path: $!" if $root;
		$self->{uid}{$name} = $uid++;
	}
	my $secrets = $o{secrets} // {};
	my %file = (users => $users, secrets => join '',
	    map { "$_:$secrets->{$_}\n" } sort keys %$secrets);
	for my $name (keys %file) {
		Dewey::write_file("$dir/$name", $file{$name});
		chown 0, 0, "$dir/$name" or die "chown: $!" if $root;
	}
	return $self;
}

# ---- The spawners: what each needs, and a sub that writes its files and
# returns the command.  Its argument: port, dewey (path), config (file), user
# (name), dir, and what the test gave in `extra`.

my $path = qr{/usr/sbin/dewey};

sub with_config { my ($s) = @_; return "$s->{dewey} --config=$s->{config}" }

# With TLS from the first octet on, or without: the line of contrib/ for that.
sub make_inetd {
	my ($s, $tls) = @_;
	my $file = Dewey::write_file("$s->{dir}/inetd.conf",
	    contrib('inetd/inetd.conf',
		$tls ? (qr{^pop3\t.*\n}m => '') : (),
		($tls ? qr{^#pop3s(?=\t)}m : qr{^pop3(?=\t)}m) =>
		    "127.0.0.1:$s->{port}",
		qr{\troot(?=\t$path)} => "\t$s->{user}",
		($tls ? qr{$path\tdewey (--tls=implicit)$}m :
		    qr{$path\tdewey()$}m) => sub { join "\t", $s->{dewey},
		    'dewey', $1 || (), "--config=$s->{config}" }));
	return (program('inetd'), '-i', $file);
}

sub make_xinetd {
	my ($s, $tls) = @_;
	my $service = $tls ? 'pop3s' : 'pop3';
	my $file = Dewey::write_file("$s->{dir}/xinetd.conf",
	    contrib($tls ? 'xinetd/dewey-pop3s' : 'xinetd/dewey',
		qr{^service $service\n\{}m => "service $service\n{\n" .
		    "\ttype = UNLISTED\n\tport = $s->{port}\n" .
		    "\tbind = 127.0.0.1\n",
		qr{(user\t+= )root} => sub { "$1$s->{user}" },
		qr{(server\t+= )$path} => sub { "$1$s->{dewey}" . ($tls ? ''
		    : "\n\tserver_args = --config=$s->{config}") },
		$tls ? (qr{--tls=implicit$}m =>
		    "--tls=implicit --config=$s->{config}") : (),
		# All clients of a test have one address.
		qr{(per_source\t+= )\d+} => sub { "${1}1000" }));
	return (program('xinetd'), '-dontfork', '-f', $file, '-pidfile',
	    "$s->{dir}/xinetd.pid", '-filelog', "$s->{dir}/xinetd.log");
}

# A `run` of contrib/ as an executable.
sub run_file {
	my ($s, $name, $to) = @_;
	my @per_source = $name =~ /runit/ ? (qr{-C 40} => '-C 1000') : ();
	my $dir = "$s->{dir}/service";
	mkdir $dir or die "$dir: $!";
	Dewey::give($dir);
	Dewey::write_file("$dir/run", contrib($name,
	    qr{\b0 110(?= $path)} => "127.0.0.1 $s->{port}",
	    qr{$path$}m => with_config($s), @per_source), 0755);
	return $dir;
}

sub make_tcpserver {
	my ($s) = @_;
	return run_file($s, 'tcpserver/run') . '/run';
}

sub make_s6 {
	my ($s) = @_;
	return (program('s6-supervise'), run_file($s, 's6/run'));
}

sub make_runit {
	my ($s) = @_;
	return (program('runsv'), run_file($s, 'runit/run'));
}

# The same without runsv: a tcpsvd that nobody watches.
sub make_tcpsvd {
	my ($s) = @_;
	return run_file($s, 'runit/run') . '/run';
}

# systemd without systemd: the command of the unit, started as the socket unit
# would do it.
sub make_systemd {
	my ($s) = @_;
	my $socket = contrib('systemd/dewey.socket');
	$socket =~ /^Accept=yes$/m or croak 'dewey.socket: no Accept=yes';
	my $unit = contrib('systemd/dewey@.service',
	    qr{^ExecStart=-$path$}m => 'ExecStart=-' . with_config($s));
	my ($command) = $unit =~ /^ExecStart=-(.*)$/m;
	return (program('systemd-socket-activate'), '--accept', '--inetd',
	    '-l', "127.0.0.1:$s->{port}", split ' ', $command);
}

sub make_socat {
	my ($s) = @_;
	return Dewey::write_file("$s->{dir}/pop3", contrib('socat/pop3',
	    qr{\bTCP-LISTEN:110\b} => "TCP-LISTEN:$s->{port},bind=127.0.0.1",
	    qr{EXEC:$path(?=,nofork$)}m =>
		'EXEC:"' . with_config($s) . '"'), 0755);
}

# TLS and proxies.  They need $s->{certificate}; stunnel and haproxy hand on to
# the plain port $s->{behind}.

sub make_socat_tls {
	my ($s) = @_;
	return Dewey::write_file("$s->{dir}/pop3s", contrib('socat/pop3s',
	    qr{\bOPENSSL-LISTEN:995\b} =>
		"OPENSSL-LISTEN:$s->{port},bind=127.0.0.1",
	    qr{/etc/dewey/tls\.pem} => $s->{certificate},
	    qr{EXEC:$path$}m => 'EXEC:"' . with_config($s) . '"'), 0755);
}

# Those that start dewey on a socketpair or on pipes, without TLS; v6 => 1: over
# IPv6.
sub make_socat_exec {
	my ($s, @how) = @_;
	return (program('socat'), ($s->{v6} ? 'TCP6-LISTEN' : 'TCP4-LISTEN') .
	    ":$s->{port},fork,reuseaddr,bind=" .
	    ($s->{v6} ? '[::1]' : '127.0.0.1'),
	    join ',', 'EXEC:"' . with_config($s) . '"', @how);
}

sub make_ncat {
	my ($s) = @_;
	return (program('ncat'), '-lk', $s->{v6} ? '::1' : '127.0.0.1',
	    $s->{port}, '--exec', with_config($s));
}

sub stunnel_file {
	my ($s, $name, @replace) = @_;
	my $file = Dewey::write_file("$s->{dir}/stunnel.conf",
	    "foreground = quiet\nsyslog = no\n" . contrib("stunnel/$name",
		qr{^pid = .*$}m => 'pid =',
		qr{^accept = 995$}m => "accept = 127.0.0.1:$s->{port}",
		qr{/etc/dewey/tls\.pem} => $s->{certificate}, @replace));
	return (program('stunnel') // program('stunnel4'), $file);
}

sub make_stunnel {
	my ($s) = @_;
	return stunnel_file($s, 'dewey.conf',
	    qr{^setuid = .*\nsetgid = .*\n}m => '',
	    qr{^connect = 127\.0\.0\.1:110$}m =>
		"connect = 127.0.0.1:$s->{behind}");
}

sub make_stunnel_exec {
	my ($s) = @_;
	return stunnel_file($s, 'dewey-exec.conf',
	    qr{^exec = $path$}m => "exec = $s->{dewey}",
	    qr{^(execArgs = dewey --private=yes)$}m =>
		sub { "$1 --config=$s->{config}" });
}

sub make_haproxy {
	my ($s) = @_;
	my $file = Dewey::write_file("$s->{dir}/haproxy.cfg",
	    contrib('haproxy/dewey.cfg',
		qr{bind :110$}m => "bind 127.0.0.1:$s->{port}",
		qr{bind :995 } => "bind 127.0.0.1:$s->{port_tls} ",
		qr{/etc/dewey/tls\.pem} => $s->{certificate},
		qr{(?<=server local )127\.0\.0\.1:1110 } =>
		    "127.0.0.1:$s->{behind} ",
		qr{inter 30s} => 'inter 100'));
	return (program('haproxy'), '-db', '-q', '-f', $file);
}

# The same with TLS from the first octet on, by the files for that; certificate
# and key are in the configuration.
sub make_inetd_tls { return make_inetd($_[0], 1) }
sub make_xinetd_tls { return make_xinetd($_[0], 1) }

sub make_tcpserver_tls {
	my ($s) = @_;
	return Dewey::write_file("$s->{dir}/run", contrib('tcpserver/run-pop3s',
	    qr{\b0 995(?= $path)} => "127.0.0.1 $s->{port}",
	    qr{$path(?= --tls=implicit$)}m => with_config($s)), 0755);
}

sub make_systemd_tls {
	my ($s) = @_;
	contrib('systemd/dewey-pop3s.socket') =~ /^Accept=yes$/m
	    or croak 'dewey-pop3s.socket: no Accept=yes';
	return (make_systemd($s), '--tls=implicit');
}

my %spawner = (
	inetd => { need => ['inetd'], make => \&make_inetd },
	xinetd => { need => ['xinetd'], make => \&make_xinetd },
	tcpserver => { need => ['tcpserver'], make => \&make_tcpserver },
	s6 => { need => [qw(s6-supervise tcpserver execlineb)],
		make => \&make_s6 },
	runit => { need => [qw(runsv tcpsvd)], make => \&make_runit },
	tcpsvd => { need => ['tcpsvd'], make => \&make_tcpsvd },
	systemd => { need => ['systemd-socket-activate'],
		make => \&make_systemd },
	'inetd-tls' => { need => ['inetd'], make => \&make_inetd_tls },
	'xinetd-tls' => { need => ['xinetd'], make => \&make_xinetd_tls },
	'tcpserver-tls' => { need => ['tcpserver'],
		make => \&make_tcpserver_tls },
	'systemd-tls' => { need => ['systemd-socket-activate'],
		make => \&make_systemd_tls },
	socat => { need => ['socat'], make => \&make_socat },
	'socat-tls' => { need => ['socat'], make => \&make_socat_tls },
	'socat-exec' => { need => ['socat'], make => \&make_socat_exec },
	'socat-pipes' => { need => ['socat'],
		make => sub { make_socat_exec(@_, 'pipes') } },
	ncat => { need => ['ncat'], make => \&make_ncat },
	stunnel => { need => ['stunnel4'], make => \&make_stunnel },
	'stunnel-exec' => { need => ['stunnel4'],
		make => \&make_stunnel_exec },
	haproxy => { need => ['haproxy'], make => \&make_haproxy },
	# A front end whose files the test writes: make => a sub like those.
	front => { need => [], make => sub { $_[0]{make}->($_[0]) } },
);

# Those that start dewey on a plain port.
sub kinds {
	return qw(inetd xinetd tcpserver s6 runit tcpsvd systemd socat);
}

# Those that start dewey with TLS.
sub tls_kinds {
	return qw(inetd-tls xinetd-tls tcpserver-tls systemd-tls);
}

# Why a spawner cannot be started here; undef if it can.
sub missing {
	my ($kind) = @_;
	my $what = $spawner{$kind} or croak "no spawner $kind";
	for my $name (@{ $what->{need} }) {
		return "$name is not installed" unless program($name);
	}
	# xinetd ends without a word where no protocol has a name.
	return 'netbase is not installed'
	    if $kind =~ /^xinetd/ && !getprotobyname 'tcp';
	return undef;
}

# ---- Ports and processes

# A port outside the range that the kernel gives to clients.  Another process
# may take it before the spawner does: see listens().
sub free_port {
	for (1 .. 200) {
		my $port = 20000 + int rand 12000;
		socket my $s, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
		setsockopt $s, SOL_SOCKET, SO_REUSEADDR, 1;
		return $port if bind $s,
		    pack_sockaddr_in($port, INADDR_LOOPBACK);
	}
	die "no free port on loopback\n";
}

# A process and all that descend from it.
sub family {
	my ($pid) = @_;
	my %parent;
	for my $file (glob '/proc/[0-9]*/stat') {
		open my $fh, '<', $file or next;
		my $line = <$fh> // next;
		$parent{$1} = $2 if $line =~ /^(\d+) .*\) \S (\d+)/s;
	}
	my @family = ($pid);
	my %seen = ($pid => 1);
	for (my $i = 0; $i < @family; $i++) {
		push @family, grep { !$seen{$_}++ }
		    grep { $parent{$_} == $family[$i] } keys %parent;
	}
	return @family;
}

# Whether a process of the family listens on the port: not a stranger that
# took it in between.
sub listens {
	my ($pid, $port) = @_;
	my $hex = sprintf ':%04X', $port;
	my %inode;
	for my $file ('/proc/net/tcp', '/proc/net/tcp6') {
		open my $fh, '<', $file or next;
		while (<$fh>) {
			my @f = split ' ';
			$inode{$f[9]} = 1 if $f[3] eq '0A' && $f[1] =~ /$hex$/;
		}
	}
	return 0 unless %inode;
	for my $member (family($pid)) {
		for my $fd (glob "/proc/$member/fd/*") {
			my $to = readlink $fd // next;
			return 1 if $to =~ /^socket:\[(\d+)\]$/ && $inode{$1};
		}
	}
	return 0;
}

# ---- Starting and ending

sub drop_rights {
	my ($uid, $gid) = (Dewey::uid(), Dewey::gid());
	$) = "$gid $gid";
	POSIX::setgid($gid) or die "setgid: $!";
	POSIX::setuid($uid) or die "setuid: $!";
}

# start(kind, config => FILE, [as_root => 1], [dewey => PATH], [more]): as the
# user of Dewey::uid() unless as_root.
sub start {
	my ($class, $kind, %o) = @_;
	my $what = $spawner{$kind} or croak "no spawner $kind";
	my $user = !$> && $o{as_root} ? 'root' :
	    getpwuid Dewey::uid() // croak 'a user without a name';
	for my $try (1 .. 10) {
		my $self = bless {
			%o, kind => $kind, user => $user,
			dir => Dewey::tmpdir(), port => free_port(),
			port_tls => free_port(),
			dewey => $o{dewey} // Dewey::binary($o{as_root}),
		}, $class;
		return $self if $self->try($what->{make}->($self));
		my $said = $self->log;
		$self->stop;
		croak "$kind does not listen: $said" if $try == 10;
	}
}

sub try {
	my ($self, @command) = @_;
	my $log = "$self->{dir}/log";
	Dewey::write_file($log, '');
	my $env = Dewey::environment({ PATH => "$ENV{PATH}:/usr/sbin:/sbin",
	    LD_LIBRARY_PATH => libraries() || undef });
	Dewey::without_leaks($env) if !$> && $self->{as_root};
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		$SIG{$_} = 'DEFAULT' for qw(PIPE HUP INT TERM);
		POSIX::setsid();
		open STDIN, '<', '/dev/null' or POSIX::_exit(127);
		open STDOUT, '>>', $log or POSIX::_exit(127);
		open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
		chdir $self->{dir} or POSIX::_exit(127);
		drop_rights() if !$> && !$self->{as_root};
		%ENV = %$env;
		no warnings 'exec';
		exec { $command[0] } @command or print "$command[0]: $!\n";
		POSIX::_exit(127);
	}
	@$self{qw(pid uid)} = ($pid, $self->{as_root} ? $> : Dewey::uid());
	$running{$pid} = $self;
	my $deadline = time + 20;
	while (time < $deadline) {
		return 1 if listens($pid, $self->{port});
		if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
			delete $running{$pid};
			delete $self->{pid};
			return 0;
		}
		sleep 0.01;
	}
	return 0;
}

sub alive {
	my ($pid) = @_;
	open my $fh, '<', "/proc/$pid/stat" or return 0;
	my $line = <$fh> // return 0;
	return $line !~ /\) Z/;
}

# The spawner first, so that a supervisor can end what it looks after; then
# what is left of its family.
sub stop {
	my ($self) = @_;
	my $pid = delete $self->{pid} // return;
	delete $running{$pid};
	my @family = family($pid);
	shift @family;
	kill 'TERM', $pid;
	my $deadline = time + 5;
	my $gone = 0;
	until ($gone || time > $deadline) {
		$gone = waitpid($pid, POSIX::WNOHANG()) != 0;
		sleep 0.01 unless $gone;
	}
	kill 'KILL', $pid unless $gone;
	waitpid $pid, 0 unless $gone;
	kill 'TERM', grep { alive($_) } @family;
	while ((my @left = grep { alive($_) } @family) && time < $deadline + 2) {
		kill 'KILL', @left if time > $deadline + 1;
		sleep 0.01;
	}
}

sub DESTROY {
	my ($self) = @_;
	local ($@, $!, $?);
	$self->stop if $$ == $owner;
}

END {
	if ($$ == $owner) {
		local ($!, $?);
		$_->stop for values %running;
		kill 'TERM', @helpers;
		waitpid $_, 0 for @helpers;
	}
}

sub port { return $_[0]{port} }
sub port_tls { return $_[0]{port_tls} }
sub dir { return $_[0]{dir} }

# What the spawner and its children wrote to descriptors 1 and 2.
sub log {
	my ($self) = @_;
	return Dewey::read_file("$self->{dir}/log");
}

# Polls until the log, or the file, matches; false in the end.
sub wait_log {
	my ($self, $pattern) = @_;
	return wait_file("$self->{dir}/log", $pattern);
}

sub wait_file {
	my ($file, $pattern) = @_;
	my $deadline = time + 20;
	while (1) {
		return 1 if Dewey::read_file($file) =~ $pattern;
		return 0 if time > $deadline;
		sleep 0.01;
	}
}

# ---- A client of ours

# Connects to a port and returns an object with Dewey's methods line, say,
# multi, rest ... (there is no exit code to ask for).  from => an address of this
# host; v6 => 1: over IPv6.
sub connect_to {
	my ($class, $port, %o) = @_;
	socket my $s, $o{v6} ? PF_INET6 : PF_INET, SOCK_STREAM, 0
	    or die "socket: $!";
	!$o{from} || bind $s, pack_sockaddr_in(0, inet_aton($o{from}))
	    or die "bind to $o{from}: $!";
	connect $s, $o{v6} ? pack_sockaddr_in6($port, IN6ADDR_LOOPBACK)
	    : pack_sockaddr_in($port, INADDR_LOOPBACK)
	    or die "connect to port $port: $!";
	setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1 or die "TCP_NODELAY: $!";
	my $flags = fcntl $s, F_GETFL, 0 or die "F_GETFL: $!";
	fcntl $s, F_SETFL, $flags | O_NONBLOCK or die "F_SETFL: $!";
	return bless {
		transport => 'tcp', r => $s, w => $s, in => '', eof => 0,
		reset => 0, timeout => $o{timeout} // 60, dialogue => [],
		flags => [], pid => 0,
	}, 'Dewey';
}

sub connect { my ($self, %o) = @_; return Spawner->connect_to($self->{port}, %o) }

# The same through TLS, by way of openssl's client, from the address ${from}.
sub connect_tls {
	my ($class, $port, $certificate, $from) = @_;
	pipe my $in, my $w or die "pipe: $!";
	pipe my $r, my $out or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		POSIX::dup2(fileno $in, 0);
		POSIX::dup2(fileno $out, 1);
		open STDERR, '>', '/dev/null';
		no warnings 'exec';
		exec program('openssl'), 's_client', '-quiet', '-nocommands',
		    '-verify_return_error', '-CAfile', "$certificate.crt",
		    '-verify_hostname', 'localhost', '-connect',
		    "127.0.0.1:$port", $from ? ('-bind', $from) : ()
		    or POSIX::_exit(127);
	}
	push @helpers, $pid;
	for my $fh ($r, $w) {
		my $flags = fcntl $fh, F_GETFL, 0 or die "F_GETFL: $!";
		fcntl $fh, F_SETFL, $flags | O_NONBLOCK or die "F_SETFL: $!";
	}
	return bless {
		transport => 'pipe', r => $r, w => $w, in => '', eof => 0,
		reset => 0, timeout => 60, dialogue => [], flags => [],
		pid => 0,
	}, 'Dewey';
}

# ---- A session that is known to the last octet

my @messages = (
	"Subject: one\n\n.dot\n..\n.\nFrom here\n>From there\n",
	"Subject: two\nX-Long: " . 'y' x 5000 . "\n\n\xe4\xf6\xfc\n",
	"Subject: three\n\n" . join('', map { "line $_\n" } 1 .. 2000),
);

sub message { return $messages[$_[0] - 1] }

# The mailbox of the messages named, or of all.
sub mbox {
	my @n = @_ ? @_ : 1 .. @messages;
	return Dewey::mbox(map { message($_) } @n);
}

# What RETR sends for a message, dot-stuffed, with its end.
sub sent {
	my ($message) = @_;
	$message =~ s/^\./../mg;
	return $message =~ s/\n/\r\n/gr . ".\r\n";
}

# Commands and replies of a session that deletes the second message.
sub expected {
	my ($name) = @_;
	my @octets = map { length($_) + tr/\n// } @messages;
	my $all = 0;
	$all += $_ for @octets;
	return (
		"USER $name" => "+OK $name is a real hoopy frood\r\n",
		"PASS pass-$name" =>
		    "+OK $name\'s maildrop has 3 messages ($all octets)\r\n",
		STAT => "+OK 3 $all\r\n",
		LIST => "+OK 3 messages ($all octets)\r\n" .
		    join('', map { "$_ $octets[$_ - 1]\r\n" } 1 .. 3) . ".\r\n",
		map({ ("RETR $_" => "+OK $octets[$_ - 1] octets\r\n" .
		    sent(message($_))) } 1 .. 3),
		'DELE 2' => "+OK message 2 deleted\r\n",
		QUIT => '+OK dewey POP3 server signing off ' .
		    "(2 messages left)\r\n",
	);
}

# Where two strings differ, for people; 'none' if they do not.
sub difference {
	my ($got, $expected) = @_;
	return 'none' if $got eq $expected;
	my $n = 0;
	$n++ while $n < length $got &&
	    substr($got, $n, 1) eq substr $expected, $n, 1;
	my $from = $n < 30 ? 0 : $n - 30;
	my ($g, $e) = map {
		substr("$_ ", $from, 80) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger
	} $got, $expected;
	return "at octet $n: got $g expected $e";
}

# Has this session; returns the difference.  A command at a time, it stops at
# the first wrong answer, so that a wrong length does not make the test wait.
sub dialogue {
	my ($c, $name, $one_packet) = @_;
	my @dialogue = ('' => "+OK POP3 server ready\r\n", expected($name));
	my @turns = grep { !($_ & 1) } 0 .. $#dialogue;
	my ($got, $expected) = ('', join '', map { $dialogue[$_ + 1] } @turns);
	if ($one_packet) {
		$c->send(join '', map { "$dialogue[$_]\r\n" } @turns[1 .. $#turns]);
	} else {
		my $end = 0;
		for my $turn (@turns) {
			$end += length $dialogue[$turn + 1];
			$c->cmd($dialogue[$turn]) if $turn;
			$got .= ($c->line // last) . "\r\n";
			last if $got ne substr $expected, 0, length $got;
			$got .= $c->octets($end - length $got);
		}
		$c->close_write if $got ne $expected;
	}
	return difference($got . $c->rest, $expected);
}

package Spawner::Site;

use strict;
use warnings;

my $serial = 0;

sub dir { return $_[0]{dir} }
sub uid { my ($self, $name) = @_; return $self->{uid}{$name} }
sub mailbox { my ($self, $name) = @_; return "$self->{dir}/spool/$name" }

# A configuration file for this site, with other or more lines.
sub configuration {
	my ($self, %more) = @_;
	my $dir = $self->{dir};
	my %c = (
		host => 'dewey.example',
		users => "$dir/users",
		secrets => "$dir/secrets",
		mailbox => "$dir/spool/%u",
		'fail-delay' => 0,
		log => 'stderr',
		(map { /^--([\w-]+)=(.*)/ ? ($1 => $2) : () }
		    Dewey::tool_flags()),
		%more,
	);
	my $path = "$dir/dewey-" . $serial++ . '.conf';
	Dewey::write_file($path, join('', map { "$_ = $c{$_}\n" }
	    grep { defined $c{$_} } sort keys %c), 0644);
	chown 0, 0, $path or die "chown $path: $!" if $self->{as_root};
	return $path;
}

1;
