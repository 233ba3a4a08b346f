#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The real front ends that say who is calling, before a dewey with --proxy:
# HAProxy (PROXY v1, v2, v2 with TLS, health checks), nginx, stunnel and hitch.
# Clients call from many addresses of loopback, and those are what the log, a
# refused login, sessions-report and fail2ban's filter have; a connection is
# private only where the header says that TLS protects it.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Spawner;
use Test::More;
use Tls;

my $root = !$>;
my $certificate = Dewey::tmpdir() . '/tls.pem';
chmod 0755, $certificate =~ s{/[^/]+\z}{}r;
my $tls = Spawner::certificate($certificate);
# All that was logged, for those who read logs.
my $all = '';
my ($refused, $sessions) = (0, 0);

# A front end: what it is called, the program, and what writes its files.
my %front = (
	'haproxy v1' => [ 'haproxy', 0, sub { haproxy('send-proxy', @_) } ],
	'haproxy v2' => [ 'haproxy', 0, sub { haproxy('send-proxy-v2', @_) } ],
	'haproxy v2-ssl' => [ 'haproxy', 1,
	    sub { haproxy('send-proxy-v2-ssl', @_) } ],
	'nginx' => [ 'nginx', 0, \&nginx ],
	'stunnel' => [ 'stunnel4', 1, \&stunnel ],
	'hitch' => [ 'hitch', 1, \&hitch ],
);

sub haproxy {
	my ($send, $s) = @_;
	my $bind = $send =~ /ssl/ ? "ssl crt $certificate" : '';
	return (Spawner::program('haproxy'), '-db', '-q', '-f',
	    Dewey::write_file("$s->{dir}/haproxy.cfg", <<"CONF"));
defaults
	mode tcp
	timeout connect 10s
	timeout check 10s
	timeout client 60s
	timeout server 60s
frontend pop3
	bind 127.0.0.1:$s->{port} $bind
	default_backend dewey
backend dewey
	server dewey 127.0.0.1:$s->{behind} $send
# Checks only: one waits for the answer to QUIT, one does not, one only connects.
backend polite
	option tcp-check
	tcp-check expect rstring ^\\+OK
	tcp-check send QUIT\\r\\n
	tcp-check expect rstring ^\\+OK
	server dewey 127.0.0.1:$s->{behind} $send check inter 100
backend hasty
	option tcp-check
	tcp-check expect rstring ^\\+OK
	tcp-check send QUIT\\r\\n
	server dewey 127.0.0.1:$s->{behind} $send check inter 100
backend bare
	server dewey 127.0.0.1:$s->{behind} $send check inter 100
CONF
}

sub nginx {
	my ($s) = @_;
	my ($module) = grep { -e } '/usr/lib/nginx/modules/ngx_mail_module.so',
	    glob Spawner::unpacked() .
	    '/*/usr/lib/nginx/modules/ngx_mail_module.so';
	my $dir = $s->{dir};
	my $temp = join "\n", map { "${_}_temp_path $dir/$_;" }
	    qw(client_body proxy fastcgi uwsgi scgi);
	return (Spawner::program('nginx'), '-e', "$dir/error.log", '-p', $dir,
	    '-c', Dewey::write_file("$dir/nginx.conf", <<"CONF"));
load_module $module;
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/error.log info;
events { worker_connections 256; }
http {
	access_log off;
	$temp
	# Who logs in by APOP: nginx has to give the password itself.
	map \$http_auth_method \$pass {
		default "";
		apop pass-ann;
	}
	server {
		listen unix:$dir/auth;
		location / {
			add_header Auth-Status OK;
			add_header Auth-Server 127.0.0.1;
			add_header Auth-Port $s->{behind};
			add_header Auth-Pass \$pass;
			return 204;
		}
	}
}
mail {
	auth_http unix:$dir/auth:/;
	proxy_protocol on;
	server {
		listen 127.0.0.1:$s->{port};
		protocol pop3;
		@{[ $s->{more} // '' ]}
	}
}
CONF
}

sub stunnel {
	my ($s) = @_;
	return (Spawner::program('stunnel4'),
	    Dewey::write_file("$s->{dir}/stunnel.conf", <<"CONF"));
foreground = quiet
syslog = no
pid =
[pop3s]
accept = 127.0.0.1:$s->{port}
connect = 127.0.0.1:$s->{behind}
protocol = proxy
cert = $certificate
CONF
}

sub hitch {
	my ($s) = @_;
	return (Spawner::program('hitch'), '--config=' .
	    Dewey::write_file("$s->{dir}/hitch.conf", <<"CONF"));
frontend = { host = "127.0.0.1" port = "$s->{port}" }
backend = "[127.0.0.1]:$s->{behind}"
pem-file = "$certificate"
write-proxy-v2 = on
workers = 1
daemon = off
syslog = off
ocsp-dir = ""
log-level = 0
CONF
}

sub lacking {
	my ($name) = @_;
	my ($program, $with_tls) = @{ $front{$name} };
	return 'openssl is not installed' if $with_tls && !$tls;
	return "$program is not installed" unless Spawner::program($program);
	return undef;
}

# A dewey that takes the word of 127.0.0.1 for who is calling.
sub server {
	my ($site, %more) = @_;
	my ($kind) = grep { !Spawner::missing($_) } qw(tcpserver xinetd runit);
	return $kind && Spawner->start($kind, as_root => $root,
	    config => $site->configuration(secrets => 'none',
		proxy => '127.0.0.1', %more));
}

# Waits until ${n} sessions of 127.0.0.1 in which nobody logged in are logged.
sub records {
	my ($dewey, $n) = @_;
	for (1 .. 2000) {
		my $found = () = $dewey->log =~
		    /user=- peer=127\.0\.0\.1 .*end=/g;
		return 1 if $found >= $n;
		Time::HiRes::sleep(0.01);
	}
	return 0;
}

my $serial = 1;
for my $name (sort keys %front) {
	subtest $name => sub {
		my $why = lacking($name);
		plan skip_all => $why if $why;
		my (undef, $with_tls, $make) = @{ $front{$name} };
		# HAProxy's v2-ssl and hitch say that there was TLS; of the
		# others only the administrator can say so.
		my $says = $name =~ /ssl|hitch/;
		my $site = Spawner->site(as_root => $root,
		    mail => { map { $_ => Spawner::mbox() } qw(ann bob) });
		my $dewey = server($site,
		    $says ? () : (private => 'yes')) or
		    plan skip_all => 'no spawner';
		my $front = Spawner->start('front', make => $make,
		    behind => $dewey->port);
		my $port = $front->port;
		my $call = sub {
			my ($from) = @_;
			return $with_tls ? Spawner->connect_tls($port,
			    $certificate, $from) :
			    $front->connect(from => $from);
		};
		for my $user (qw(ann bob)) {
			my $from = '127.' . join '.', 10 + $serial++, 2, 3;
			my $c = $call->($from);
			$c->greeting;
			like $c->say("USER $user"), qr/^\+OK/, "$from: USER";
			like $c->say("PASS pass-$user") // '', qr/^\+OK/,
			    '... PASS';
			like $c->say('RETR 3') // '', qr/^\+OK/, '... RETR';
			is Spawner::difference($c->body . ".\r\n",
			    Spawner::sent(Spawner::message(3))), 'none',
			    '... to the last octet';
			$c->say('DELE 2');
			like $c->say('QUIT') // '', qr/^\+OK/, '... QUIT';
			ok $dewey->wait_log(
			    qr/user=$user peer=\Q$from\E port=\d+ .*end=quit/),
			    '... the address in the log' or
			    diag $dewey->log, $front->log;
			is Spawner::difference(
			    Dewey::read_file($site->mailbox($user)),
			    Spawner::mbox(1, 3)), 'none',
			    '... the mailbox as it must be';
			$sessions++;
		}
		my $from = '127.' . join '.', 10 + $serial++, 9, 9;
		my $c = $call->($from);
		$c->greeting;
		$c->say('USER ann');
		like $c->say('PASS wrong'), qr/^-ERR/, "$from: wrong password";
		$c->close;
		ok $dewey->wait_log(qr/refused login peer=\Q$from\E method=/),
		    '... the address fail2ban is to see';
		$refused++;
		# What is no session: a client that leaves, a scanner, checks.
		for my $octets ('', "\r\n", "GET / HTTP/1.0\r\n\r\n") {
			$c = $call->("127.250.0.$serial");
			$c->greeting;
			eval { $c->send($octets) } if $octets ne '';
			$c->close;
		}
		if ($name =~ /haproxy/) {
			ok records($dewey, 12), 'health checks have been here';
		}
		undef $front;
		my $log = $dewey->log;
		is join("\n", grep { !/ (?:user=|refused login)/ }
		    grep { /dewey\[/ } split /\n/, $log), '',
		    'no other lines in the log';
		$dewey->stop;
		$all .= $dewey->log;
		return unless $says || $name eq 'haproxy v1';

		# Without an administrator's word.
		$dewey = server($site);
		$front = Spawner->start('front', make => $make,
		    behind => $dewey->port);
		$port = $front->port;
		$c = $call->('127.7.7.7');
		$c->greeting;
		like $c->say('USER ann'), $says ? qr/^\+OK/ : qr/^-ERR \[AUTH\]/,
		    $says ? 'private, for the header says so' : 'not private';
		return unless $name eq 'haproxy v2-ssl';
		# The same program, without TLS in front.
		my $plain = Spawner->start('front', behind => $dewey->port,
		    make => sub {
			my @command = $make->(@_);
			my $text = Dewey::read_file($command[-1]);
			$text =~ s/ ssl crt \S+//;
			Dewey::write_file($command[-1], $text);
			return @command;
		    });
		$c = $plain->connect(from => '127.7.7.8');
		$c->greeting;
		like $c->say('USER ann'), qr/^-ERR \[AUTH\]/,
		    'the same without TLS is not private';
	};
}

# ---- What front ends do that clients do not

# What dewey wrote, sorted: [records of sessions, refused logins, all else].  Only
# what is all else can be of a higher priority than info.
sub written {
	my ($dewey) = @_;
	my @lines = grep { /dewey\[/ } split /\n/, $dewey->log;
	return map { scalar @$_ } [ grep { /\]: user=/ } @lines ],
	    [ grep { /\]: refused login/ } @lines ],
	    [ grep { !/\]: (?:user=|refused login)/ } @lines ];
}

# One line for each session, one for each refused login, and no error.
sub writes_no_more {
	my ($dewey, $sessions, $refused, $what) = @_;
	for (1 .. 2000) {
		last if (written($dewey))[0] >= $sessions;
		Time::HiRes::sleep(0.01);
	}
	$dewey->stop;
	is join(' ', written($dewey)), "$sessions $refused 0",
	    "$what: $sessions sessions, $refused refused logins, no error"
	    or diag $dewey->log;
}

# stunnel's own STLS: it resets whoever says more than it knows, and dewey, to
# whom that is a client that left, does not mind.
subtest 'stunnel, protocol = pop3' => sub {
	my $why = lacking('stunnel');
	plan skip_all => $why if $why;
	my $site = Spawner->site(as_root => $root, mail => { ann => '' },
	    secrets => { ann => 'tanstaaf' });
	my $dewey = server($site, proxy => undef,
	    secrets => $site->dir . '/secrets', 'apop-only' => 'no') or
	    plan skip_all => 'no spawner';
	my $front = Spawner->start('front', behind => $dewey->port,
	    make => sub {
		my @command = stunnel(@_);
		my $text = Dewey::read_file($command[-1]);
		$text =~ s/= proxy/= pop3/;
		Dewey::write_file($command[-1], $text);
		return @command;
	    });
	my $n = 0;
	for my $commands (("CAPA\r\nCAPA\r\n", "NOOP\r\n", "QUIT\r\n",
	    "USER ann\r\n") x 3) {
		my $c = $front->connect;
		like $c->greeting, qr/<.*> \+ stunnel/, 'its greeting';
		$c->send($commands);
		$c->rest;
		$c->close;
		$n++;
	}
	SKIP: {
		eval { require IO::Socket::SSL }
		    or skip 'IO::Socket::SSL is not installed', 3;
		my $c = $front->connect;
		$c->greeting;
		ok Tls::stls($c), 'its STLS';
		$c->say('USER ann');
		like $c->say('PASS pass-ann'), qr/^\+OK/, '... a login in it';
		like $c->say('QUIT'), qr/^\+OK/, '... QUIT';
		$c->close;
		$n++;
	}
	writes_no_more($dewey, $n, 0, 'stunnel');
};

# nginx has an -ERR of its own and ends the connection, makes USER and PASS of
# APOP, and hands on what is behind PASS.
subtest 'nginx, what it changes' => sub {
	my $why = lacking('nginx');
	plan skip_all => $why if $why;
	my $site = Spawner->site(as_root => $root, mail => { ann => Spawner::mbox(1) });
	my $dewey = server($site, private => 'yes') or
	    plan skip_all => 'no spawner';
	my $front = Spawner->start('front', make => \&nginx,
	    behind => $dewey->port, more => 'pop3_auth plain apop;');
	my ($n, $refused) = (0, 0);
	for (1 .. 3) {
		my $c = $front->connect;
		$c->greeting;
		$c->say('USER ann');
		like $c->say('PASS wrong'), qr/^-ERR(?! \[AUTH\])/,
		    'a wrong password: an -ERR of its own';
		is $c->rest, '', '... and the end';
		$c = $front->connect;
		$c->greeting;
		like $c->apop('ann', 'whatever'), qr/^\+OK/, 'APOP is handed on';
		my $second = $front->connect;
		$second->greeting;
		$second->say('USER ann');
		like $second->say('PASS pass-ann'), qr/^-ERR(?! \[IN-USE\])/,
		    'a maildrop in use: an -ERR of its own'
		    or diag $dewey->log;
		is $second->rest, '', '... and the end';
		$c->say('QUIT');
		$c->rest;
		my $piped = $front->connect;
		$piped->greeting;
		$piped->send("USER ann\r\nPASS pass-ann\r\nSTAT\r\nQUIT\r\n");
		like $piped->rest, qr/^(?:\+OK[^\r]*\r\n){4}\z/,
		    'what is behind PASS is handed on';
		($n, $refused) = ($n + 4, $refused + 1);
	}
	like $dewey->log, qr/user=ann \S+ port=\d+ method=pass/, 'APOP as PASS';
	writes_no_more($dewey, $n, $refused, 'nginx');
};

# STLS at nginx: dewey has been told that such connections are private.
subtest 'nginx, STLS' => sub {
	my $why = lacking('nginx');
	plan skip_all => $why if $why;
	plan skip_all => 'no certificate' unless $tls;
	eval { require IO::Socket::SSL }
	    or plan skip_all => 'IO::Socket::SSL is not installed';
	for my $starttls (qw(on only)) {
		my $site = Spawner->site(as_root => $root,
		    mail => { ann => Spawner::mbox() });
		my $dewey = server($site, private => 'yes') or
		    plan skip_all => 'no spawner';
		my $front = Spawner->start('front', make => \&nginx,
		    behind => $dewey->port, more => "starttls $starttls; " .
		    "ssl_certificate $certificate; " .
		    "ssl_certificate_key $certificate;");
		my $c = $front->connect(from => '127.8.8.8');
		$c->greeting;
		like $c->multi('CAPA'), qr/^STLS\r$/m, "starttls $starttls: CAPA";
		if ($starttls eq 'only') {
			like $c->say('USER ann'), qr/^-ERR/,
			    '... no USER before STLS';
		}
		ok Tls::stls($c), '... STLS';
		like $c->say('USER ann'), qr/^\+OK/, '... USER';
		like $c->say('PASS pass-ann'), qr/^\+OK/, '... PASS';
		like $c->say('RETR 3'), qr/^\+OK/, '... RETR';
		is Spawner::difference($c->body . ".\r\n",
		    Spawner::sent(Spawner::message(3))), 'none',
		    '... to the last octet';
		like $c->say('QUIT'), qr/^\+OK/, '... QUIT';
		$c->close;
		ok $dewey->wait_log(qr/user=ann peer=127\.8\.8\.8 .*end=quit/),
		    '... the address in the log' or diag $dewey->log;
		writes_no_more($dewey, 1, 0, "STLS at nginx, $starttls");
	}
};

# A check that ends with QUIT resets before the answer; a check that only
# connects leaves at once.
subtest 'HAProxy, checks' => sub {
	my $why = lacking('haproxy v2');
	plan skip_all => $why if $why;
	for my $send ('', qw(send-proxy send-proxy-v2)) {
		my $site = Spawner->site(as_root => $root,
		    mail => { ann => '' });
		my $dewey = server($site, $send eq '' ? (proxy => undef) : ())
		    or plan skip_all => 'no spawner';
		my $front = Spawner->start('front', behind => $dewey->port,
		    make => sub { haproxy($send, @_) });
		ok records($dewey, 30), "${send}: 30 checks and more";
		$front->stop;
		$dewey->stop;
		my ($sessions, $refused, $else) = written($dewey);
		is "$refused $else", '0 0', "... a line each, no error"
		    or diag $dewey->log;
	}
};

# Who reads logs.
my $prefixed = $all =~ s/^(?=dewey\[)/Nov 23 08:08:08 mailhost /gmr;
my $log = Dewey::write_file(Dewey::tmpdir() . '/mail.log', $prefixed);
my $report = Spawner::srcdir() . '/contrib/sessions-report';
my $table = qx{$^X '$report' '$log' 2>&1};
my $records = () = $prefixed =~ / user=\S+ peer=.*end=/g;
my $failed = () = $prefixed =~ / refused login peer=/g;
like $table, qr/^\S+\s+.*\b$records\b/m,
    "sessions-report counts $records sessions" or diag $table;
is $failed, $refused, 'a refused login for each front end';
SKIP: {
	my $regex = Spawner::program('fail2ban-regex')
	    or skip 'fail2ban is not installed', 1;
	my $python = Spawner::program('python3')
	    or skip 'python3 is not installed', 1;
	(my $top = $regex) =~ s{/usr/bin/[^/]+$}{};
	local $ENV{PYTHONPATH} = join ':',
	    glob "$top/usr/lib/python3*/dist-packages";
	local $ENV{PYTHONPYCACHEPREFIX} = Dewey::tmpdir();
	my $config = Dewey::tmpdir() . '/fail2ban';
	system('cp', '-r', "$top/etc/fail2ban", $config) == 0
	    or skip 'fail2ban has no configuration', 1;
	my $filter = Dewey::write_file("$config/filter.d/dewey.conf",
	    Spawner::contrib('fail2ban/filter.d/dewey.conf'), 0644);
	my $found = qx{'$python' '$regex' -c '$config' -o ip '$log' '$filter'
	    2>/dev/null};
	my @want = $prefixed =~ /refused login peer=(\S+)/g;
	is join(' ', split ' ', $found), join(' ', @want),
	    'fail2ban sees the addresses of the clients';
	unlike "@want", qr/\b127\.0\.0\.1\b/, '... and not the front end';
}

done_testing;
