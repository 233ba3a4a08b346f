#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# contrib/dovecot-proxy and contrib/perdition under the real Dovecot and the real
# perdition, with their files where these belong and ports 110 and 995: two deweys with
# a spool each, and what README says of TLS, refusals, pipelining and the log; then
# sessions and deliveries while move-users moves users.  No message is lost or comes
# twice, and nobody is sent to a host that has not his mail.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Rootfs;
use Spawner;
use Spread;
use Test::More;
use Time::HiRes qw(sleep);
use Tls;

plan skip_all => 'a tool watches the processes' if $ENV{DEWEY_WRAPPER};
my ($users, $rounds, $batches) = $ENV{DEWEY_LONG} ? (60, 600, 20)
    : (8, 32, 2);
Rootfs::enter();

for my $program (qw(rsync openssl tcpserver)) {
	plan skip_all => "$program is not installed"
	    unless Spawner::program($program);
}
eval { require IO::Socket::SSL }
    or plan skip_all => 'IO::Socket::SSL is not installed';
my $contrib = Spawner::srcdir() . '/contrib';
my $certificate = Dewey::tmpdir() . '/tls.pem';
Spawner::certificate($certificate) or plan skip_all => 'no certificate';
chmod 0600, $certificate;
$ENV{PATH} = (Spawner::program('rsync') =~ s{/[^/]+\z}{}r) . ":$ENV{PATH}";
my %address = (a => '127.0.0.2', b => '127.0.0.3');

# ---- Two deweys, on their ports

my @names = map { "u$_" } 1 .. $users;
my (%site, %dewey);
sub start_deweys {
	$site{a} = Spawner->site(as_root => 1, mail => { map { $_ => '' } @names });
	$site{b} = Spawner->site(as_root => 1, mail => {});
	for my $host (qw(a b)) {
		my $file = $site{$host}->configuration(private => 'yes',
		    secrets => 'none', users => $site{a}->dir . '/users',
		    'cache-dir' => 'none');
		$dewey{$host} = spawn($host, 110, "--config=$file");
	}
}

sub spawn {
	my ($host, $port, @flags) = @_;
	return Spawner->start('front', as_root => 1, make => sub {
		my ($s) = @_;
		$s->{port} = $port;
		return (Spawner::program('tcpserver'), qw(-H -R -l0 -c200),
		    $address{$host}, $port, $s->{dewey}, @flags);
	});
}

# ---- The front ends: files of contrib/, only addresses replaced

sub lay_file {
	my ($from, $to, @replace) = @_;
	return Dewey::write_file($to, Spawner::contrib($from, @replace), 0644);
}

sub must { system(@_) == 0 or die "@_ failed\n" }

# moved.map, hosts and the certificate; returns the directory.
sub beside {
	my ($dir) = @_;
	must('mkdir', '-p', $dir);
	must('cp', '-p', $certificate, "$dir/tls.pem");
	Dewey::write_file("$dir/moved.map", '', 0644);
	Dewey::write_file("$dir/hosts", "# name address\n\n" .
	    join('', map { "$_ $address{$_}\n" } sort keys %address), 0644);
	return $dir;
}

# Dovecot 2.4 has another language of configuration.
my $is_2_4;

sub dovecot {
	my ($timeout) = @_;
	$is_2_4 = qx{dovecot --version} !~ /^2\.[0-3]\./;
	for my $user (qw(dovecot dovenull)) {
		getpwnam $user or must('useradd', '-r', $user);
	}
	my $dir = beside('/etc/dovecot/dewey');
	lay_file('dovecot-proxy/' . ($is_2_4 ? 'dovecot-2.4.conf' : 'dovecot.conf'),
	    '/etc/dovecot/dovecot.conf',
	    qr{192\.0\.2\.1} => $address{a},
	    qr{proxy_timeout( ?= ?)5} => "proxy_timeout=$timeout",
	    qr{^listen = \*, ::$}m => 'listen = 127.0.0.1',
	    qr{^protocols = pop3$}m => "protocols = pop3\nlog_path = /dev/stderr");
	return ($dir, "$contrib/dovecot-proxy/reload $dir " . ($timeout + 1));
}

sub perdition {
	my ($timeout) = @_;
	my $dir = beside('/etc/perdition');
	lay_file('perdition/perdition.conf', "$dir/perdition.conf",
	    qr{192\.0\.2\.1} => $address{a},
	    qr{^no_lookup$}m => "no_lookup\nbind_address 127.0.0.1");
	lay_file('perdition/default', '/etc/default/perdition');
	return ($dir, "$contrib/perdition/reload $dir " . ($timeout + 1));
}

# The daemons that Debian's scripts start.
my %start = (
	dovecot => sub { start_front(110, qw(dovecot -F)) },
	perdition => sub {
		my $flags = Dewey::read_file('/etc/default/perdition');
		map {
			my ($name, $port) = @$_;
			my ($more) = $flags =~ /^\U$name\E_FLAGS="(.*)"$/m;
			start_front($port, "perdition.$name", qw(--no_daemon -F -
			    --pid_file), '', split ' ', $more)
		} [pop3 => 110], [pop3s => 995]
	},
);

sub start_front {
	my ($port, $program, @flags) = @_;
	return Spawner->start('front', as_root => 1, make => sub {
		$_[0]{port} = $port;
		return (Spawner::program($program), @flags);
	});
}

# ---- What each of them does

# A client at the front, inside STLS, or TLS from the first octet on.
sub client {
	my ($tls, %o) = @_;
	my $c = Spawner->connect_to($tls eq 'implicit' ? 995 : 110, %o);
	Tls::begin($c) or $c->fail($@) if $tls eq 'implicit';
	$c->greeting;
	Tls::stls($c) or $c->fail($@) if $tls eq 'stls';
	return $c;
}

sub login {
	my ($c, $name, $password) = @_;
	$c->say("USER $name");
	return $c->say('PASS ' . ($password // "pass-$name")) // '';
}

sub looks {
	my ($front, $spread) = @_;
	my ($one, $other) = @names;
	for my $tls (qw(implicit stls)) {
		$spread->deliver($one, Spread::mail("by-$tls"));
		my ($state, $seen) = $spread->session($one, client($tls));
		is "$state @{ $seen // [] }", "done by-$tls",
		    "TLS $tls: a session on the first host";
	}
	ok $dewey{a}->wait_log(qr/user=$one peer=127\.0\.0\.1 .*end=quit/),
	    'dewey\'s log has the address of the front end';
	my $plain = Spawner->connect_to(110, from => '127.7.7.7');
	$plain->greeting;
	$plain->say("USER $one");
	$plain->cmd("PASS pass-$one");

	# What dewey says of a login is what a client gets.  perdition takes three
	# seconds to refuse: so these three are asked at the same time.
	my $wrong = client('stls');
	$wrong->say("USER $one");
	$wrong->cmd('PASS wrong');
	my $c = client('stls');
	like login($c, $one), qr/^\+OK \Q$one\E's maildrop has 0/, 'a login';
	like login(client('stls'), $one), qr/^-ERR \[IN-USE\]/,
	    '... and [IN-USE] while it lasts, in dewey\'s words';
	like $wrong->line, qr/^-ERR \[AUTH\]/, 'a wrong password, too';
	like $plain->line, qr/^-ERR/, 'no password without TLS';
	$_->close for $wrong, $plain;
	# A session keeps its user from being moved.
	my ($code, $text) = $spread->move('a', 'b', $one);
	is $code, 75, '... it keeps its user from being moved';
	like $text, qr/$one is in a session/, '... which is said' or diag $text;
	$c->say('QUIT');
	$c->rest;

	# What is sent behind PASS without waiting.
	$spread->deliver($other, Spread::mail('piped'));
	$c = client('stls');
	$c->send("USER $other\r\nPASS pass-$other\r\nSTAT\r\nQUIT\r\n");
	like $c->line, qr/^\+OK/, 'pipelined: USER';
	like $c->line, qr/^\+OK/, '... PASS';
	$c->{timeout} = 1 if $front eq 'perdition';
	my $stat = eval { $c->line } // 'nothing';
	like $stat, $front eq 'perdition' ? qr/^nothing/ : qr/^\+OK 1 /,
	    $front eq 'perdition' ? '... what is behind it is lost'
	    : '... and what is behind it is answered';
	$c->close;
	my ($state, $seen) = $spread->session($other);
	is "$state @{ $seen // [] }", 'done piped', '... and nothing else is';

	# A host that is not in hosts is a mistake that changes nothing.
	my ($reload, $dir) = split ' ', $spread->{reload};
	my $copy = "$spread->{dir}/copy";
	must('cp', '-a', $dir, $copy);
	Dewey::write_file("$copy/moved.map", "$one b;\nu9 z;\n");
	($code, $text) = Spread::said($reload, $copy, 0);
	isnt $code, 0, 'a host that nobody knows: reload refuses';
	like $text, qr/moved\.map sends u9 to z, which is not in hosts/,
	    '... and says so';
	is system("cd $dir && for f in moved.passwd popmap.gdbm.db; do " .
	    "! [ -e \$f ] || cmp -s \$f $copy/\$f || exit 1; done"), 0,
	    '... what is read is as it was';

	# And it moves, with a login at the new host at once.
	$spread->deliver($one, Spread::mail('moved'));
	do {
		($code, $text) = $spread->move('a', 'b', $one);
	} while $text =~ /is in a session/ && sleep 0.05;
	is $code, 0, 'a move' or diag $text;
	($state, $seen) = $spread->session($one);
	is "$state @{ $seen // [] }", 'done moved', '... and his mail is there';
	ok $dewey{b}->wait_log(qr/user=$one /), '... on the second host';
}

# Dovecot and dewey over TLS, as README says: no `private', and a wrong name in the
# certificate is refused.
sub tls_behind {
	my ($spread) = @_;
	my $path = Dewey::tmpdir() . '/behind';
	must("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=a " .
	    '-addext subjectAltName=DNS:a.example ' .
	    "-keyout $path.key -out $path.crt >/dev/null 2>&1");
	# Whoever was moved is not: all are on the first host.
	Dewey::write_file('/etc/dovecot/dewey/moved.passwd', '', 0644);
	must("echo '$address{a} a.example b.example' >>/etc/hosts");
	my $dewey = spawn('a', 995, '--config=' . $site{a}->configuration(
	    secrets => 'none'), '--tls=implicit', "--tls-cert=$path.crt",
	    "--tls-key=$path.key", '--tls-program=' . Tls::program());
	for my $row (['a.example', qr/^\+OK/], ['b.example', qr/^-ERR \[SYS/]) {
		my ($host, $answer) = @$row;
		my $file = '/etc/dovecot/dovecot.conf';
		my $text = Dewey::read_file($file);
		$text =~ s/ host=\S+$/ ssl=yes port=995 host=$host/m;
		$text =~ s/^ *host = \S+$/ssl = yes\nport = 995\nhost = $host/m;
		$text .= $is_2_4 ? "ssl_client_ca_file = $path.crt\n"
		    : "ssl_ca = <$path.crt\nssl_require_crl = no\n";
		Dewey::write_file($file, $text, 0644);
		my ($dovecot) = $start{dovecot}->();
		my $c = client('stls');
		like login($c, $names[-1]), $answer,
		    "TLS to dewey with a.example, asked for $host"
		    or diag $dovecot->log, $dewey->log;
		$c->close;
		$dovecot->stop;
	}
	ok $dewey->wait_log(qr/user=$names[-1] .*tls=1\.3/), '... dewey\'s log';
	$dewey->stop;
}

for my $front (qw(dovecot perdition)) {
	subtest $front => sub {
		Rootfs::lay('/', $front)
		    or plan skip_all => "$front is not unpacked";
		must('cp', '-a', map({ "$_/." } grep { -d } glob
		    Spawner::unpacked() . '/dovecot-{pop3d,sieve}'), '/')
		    if $front eq 'dovecot';
		start_deweys();
		my ($dir, $reload) = $front eq 'dovecot' ? dovecot(1)
		    : perdition(0);
		my $spread = Spread->new(names => \@names, site => \%site,
		    map => "$dir/moved.map", home => sub { 'a' },
		    uid => sub { $site{a}->uid($_[0]) }, reload => $reload,
		    connect => sub { client('stls') });
		is system($reload =~ s/\d+$/0/r), 0, 'reload';
		my @front = $start{$front}->();
		looks($front, $spread);
		$spread->storm($rounds, $batches);
		$_->stop for @front;
		tls_behind($spread) if $front eq 'dovecot' && !Tls::missing();
		$_->stop for values %dewey;
	};
}

done_testing;
