#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# contrib/nginx under the real nginx: three deweys with a spool each, users sent
# where split_clients and the map say, sessions and deliveries while move-users
# moves some of them.  No message is lost or comes twice, and nobody is sent to
# a host that has not his mail.  DEWEY_LONG: 300 users, 5,000 sessions.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Spawner;
use Fcntl qw(F_WRLCK LOCK_EX LOCK_NB O_CREAT O_EXCL O_RDWR O_WRONLY SEEK_SET);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use constant F_OFD_SETLK => 37;
my ($users, $rounds, $batches) = $ENV{DEWEY_LONG} ? (300, 5000, 80)
    : (24, 120, 3);
my @hosts = qw(a b c);
my $workers = 4;

for my $program (qw(nginx rsync openssl)) {
	plan skip_all => "$program is not installed"
	    unless Spawner::program($program);
}
my ($module) = grep { -e } '/usr/lib/nginx/modules/ngx_mail_module.so', glob
    Spawner::unpacked() . '/*/usr/lib/nginx/modules/ngx_mail_module.so'
    or plan skip_all => 'libnginx-mod-mail is not installed';
my $contrib = Spawner::srcdir() . '/contrib/nginx';
my $dir = Dewey::tmpdir();
chmod 0755, $dir;
my $certificate = "$dir/tls.pem";
Spawner::certificate($certificate) or plan skip_all => 'no certificate';
my ($map, $drain) = ("$dir/moved.map", "$dir/drain");
Dewey::write_file($map, '', 0644);
mkdir $drain or die "$drain: $!";
chmod 0755, $drain;
$ENV{LD_LIBRARY_PATH} = Spawner::libraries();
$ENV{PATH} = (Spawner::program('rsync') =~ s{/[^/]+\z}{}r) . ":$ENV{PATH}";

# ---- Who is where

my @names = map { "u$_" } 1 .. $users;
my %spread;
{
	my $file = Dewey::write_file("$dir/names", join '', map { "$_\n" } @names);
	for (qx{$^X '$contrib/spread' 3 <'$file'}) {
		my ($name, $host) = split;
		$spread{$name} = $hosts[$host];
	}
}
sub host_of {
	my ($name) = @_;
	return Dewey::read_file($map) =~ /^\Q$name\E (\w);$/m ? $1 : $spread{$name};
}

my (%site, %dewey);
my ($kind) = grep { !Spawner::missing($_) } qw(tcpserver xinetd runit);
plan skip_all => 'no spawner' unless $kind;
for my $host (@hosts) {
	# All of them could log in anywhere; the mailbox is where it is.
	my $site = $site{$host} = Spawner->site(
	    mail => { map { $_ => '' } @names });
	unlink map { $site->mailbox($_) } grep { $spread{$_} ne $host } @names;
	$dewey{$host} = Spawner->start($kind, config => $site->configuration(
	    secrets => 'none', proxy => '127.0.0.1', private => 'yes',
	    'cache-dir' => 'none'));
}
is scalar(keys %{ { reverse %spread } }), 3, 'each host has a share';

# ---- nginx, with the file of contrib/

my $nginx = Spawner->start('front', make => sub {
	my ($s) = @_;
	my $temp = join "\n", map { "${_}_temp_path $s->{dir}/$_;" }
	    qw(client_body proxy fastcgi uwsgi scgi);
	my $text = Spawner::contrib('nginx/nginx.conf',
	    qr{modules/ngx_mail_module\.so} => $module,
	    qr{^user www-data;\n}m => "daemon off;\n",
	    qr{^worker_processes auto}m => 'worker_processes 2',
	    qr{/run/nginx\.pid} => "$s->{dir}/nginx.pid",
	    qr{/var/log/nginx} => $s->{dir},
	    qr{shutdown_timeout 60s} => 'shutdown_timeout 1s',
	    qr{worker_connections 8192} => 'worker_connections 256',
	    qr{access_log off;} => "access_log off;\n$temp",
	    qr{dewey/moved\.map} => $map,
	    qr{/etc/nginx/dewey/drain} => $drain,
	    qr{/run/nginx-auth\.sock} => "$s->{dir}/auth",
	    qr{/etc/nginx/dewey/tls\.pem} => $certificate,
	    qr{listen 110;} => "listen 127.0.0.1:$s->{port};",
	    qr{starttls only;} => 'starttls on;',
	    qr{listen 995 } => "listen 127.0.0.1:$s->{port_tls} ",
	    map({ my $h = $_; (qr{\b$h 192\.0\.2\.\d;} => "$h 127.0.0.1;",
		qr{\b$h 110;} => "$h " . $dewey{$h}->port . ';') } @hosts));
	return (Spawner::program('nginx'), '-e', "$s->{dir}/error.log",
	    '-p', $s->{dir}, '-c',
	    Dewey::write_file("$s->{dir}/nginx.conf", $text));
});

# ---- A delivery, with every lock; it looks at the map, and then is slow.

sub deliver {
	my ($name, $octets, $host) = @_;
	$host //= host_of($name);
	my $path = $site{$host}->mailbox($name);
	my $deadline = time + 60;
	while (time < $deadline) {
		if (sysopen my $mail, $path, O_RDWR | O_CREAT, 0600) {
			Dewey::give($path);
			my $dot;
			my $range = pack 's s x4 q q i x4', F_WRLCK, SEEK_SET,
			    0, 0, 0;
			my $got = fcntl($mail, F_OFD_SETLK, $range) &&
			    flock($mail, LOCK_EX | LOCK_NB) &&
			    sysopen $dot, "$path.lock", O_WRONLY | O_CREAT | O_EXCL, 0644;
			my @ours = stat $mail;
			my @there = stat $path;
			if ($got && @there && $ours[1] == $there[1]) {
				sysseek $mail, 0, 2;
				syswrite $mail, $octets;
				unlink "$path.lock";
				return $host;
			}
			unlink "$path.lock" if $got;
		}
		sleep 0.02;
	}
	die "$path stays locked\n";
}

sub mail { my ($id) = @_; return Dewey::mbox("X-Id: $id\n\n" . "x\n" x 50) }

# ---- A session: what it fetched and deleted, by nginx

# Returns (state, ids seen, ids taken): done, refused, cut.
sub session {
	my ($name, $c) = @_;
	$c //= $nginx->connect;
	my (@seen, @taken);
	return 'cut' unless ($c->greeting // '') =~ /^\+OK/;
	return 'cut' unless ($c->say("USER $name") // '') =~ /^\+OK/;
	my $answer = $c->say("PASS pass-$name") // '';
	return $answer =~ /^-ERR/ ? 'refused' : 'cut' unless $answer =~ /^\+OK/;
	my ($n) = ($c->say('STAT') // '') =~ /^\+OK (\d+)/ or return 'cut';
	for my $message (1 .. $n) {
		($c->say("RETR $message") // '') =~ /^\+OK/ or return 'cut';
		my ($id) = $c->body =~ /^X-Id: (\S+)/m or return 'cut';
		push @seen, $id;
		next if $message % 3 == 0;
		($c->say("DELE $message") // '') =~ /^\+OK/ or return 'cut';
		push @taken, $id;
	}
	my $bye = $c->say('QUIT') // '';
	$c->close;
	return ($bye =~ /^\+OK/ ? 'done' : 'cut', \@seen, \@taken);
}

# Has ${count} sessions of its own users; returns what went wrong and was done.
sub work {
	my ($number, $count) = @_;
	my @mine = grep { $_ % $workers == $number } 0 .. $#names;
	srand 7 + $number;
	my (%box, %result, %late);
	for my $n (1 .. $count) {
		my $name = $names[$mine[rand @mine]];
		my $id = "$name-$number-$n";
		my $to = deliver($name, mail($id));
		$box{$name}{$id} = 1;
		# A move may have overtaken it.
		$late{$name} = 1 if $to ne host_of($name) || -e "$drain/$name";
		my ($state, $seen, $taken) = eval { session($name) };
		$state //= 'cut';
		$result{$state}++;
		$late{$name} = 1 if -e "$drain/$name" || $to ne host_of($name);
		next if $state eq 'refused' || !$seen;
		my %saw;
		for my $got (@$seen) {
			$result{double}++ if $saw{$got}++ || !$box{$name}{$got};
		}
		if (!$late{$name}) {
			$result{wrong}++ if grep { !$saw{$_} } keys %{ $box{$name} };
		}
		# A QUIT without an answer may or may not have done it.
		if ($state eq 'done') {
			delete @{ $box{$name} }{@$taken};
		} else {
			$box{$name}{$_} = 2 for @$taken;
		}
	}
	my $text = join '', map { "$_ $result{$_}\n" } keys %result;
	for my $name (keys %box) {
		$text .= "left $name $_ $box{$name}{$_}\n" for keys %{ $box{$name} };
	}
	return $text;
}

# ---- Moving

sub said {
	my (@command) = @_;
	my $said = qx{@command 2>&1};
	return ($? >> 8, $said);
}
sub move_users {
	my ($from, $to, @who) = @_;
	return said($^X, "$contrib/move-users", '--spool=' . $site{$from}->dir .
	    '/spool', '--to=' . $site{$to}->dir . '/spool', "--host=$to",
	    "--map=$map", "--drain=$drain",
	    "--reload='$contrib/reload " . $nginx->dir . "/nginx.pid'", @who);
}

# A session through TLS, and what dewey says is handed on.
deliver('u1', mail('first'));
my ($state, $seen) = session('u1', Spawner->connect_tls($nginx->port_tls,
    $certificate));
is "$state @{ $seen // [] }", 'done first', 'a session through TLS';
my $c = $nginx->connect;
$c->greeting;
$c->say('USER u1');
like $c->say('PASS wrong'), qr/^-ERR \[AUTH\]/, 'a refusal is in dewey\'s words';

# It refuses while somebody has the mailbox.
my $one = $names[0];
my $home = host_of($one);
my ($other) = grep { $_ ne $home } @hosts;
deliver($one, mail('held'));
$c = $nginx->connect;
$c->greeting;
$c->say("USER $one");
like $c->say("PASS pass-$one"), qr/^\+OK/, 'a session';
my ($code, $text) = move_users($home, $other, $one);
is $code, 75, '... keeps its user from being moved';
like $text, qr/$one is in a session/, '... and it says so';
ok !-e "$drain/$one", '... the user is not kept out';
$c->say('QUIT');
$c->rest;
my $path = $site{$home}->mailbox($one);
for my $how (qw(fcntl flock dot-lock)) {
	open my $held, '+<', $path or die "$path: $!";
	my $range = pack 's s x4 q q i x4', F_WRLCK, SEEK_SET, 0, 0, 0;
	fcntl $held, F_OFD_SETLK, $range if $how eq 'fcntl';
	flock $held, LOCK_EX if $how eq 'flock';
	Dewey::write_file("$path.lock", "1\n") if $how eq 'dot-lock';
	my $deadline = time + 20;
	do {
		($code, $text) = move_users($home, $other, $one);
		# dewey's session may not be gone yet.
	} while $text =~ /is in a session/ && time < $deadline;
	is $code, 75, "a delivery with $how keeps it from being moved";
	like $text, qr/a delivery holds/, '... and it says so' or diag $text;
	unlink "$path.lock" if $how eq 'dot-lock';
}
is host_of($one), $home, '... the user is where he was';
# What is there on the other host is not written over, and nothing is moved.
Dewey::write_file($site{$other}->mailbox($one), mail('other'));
($code, $text) = move_users($home, $other, $one);
is $code, 75, 'a mailbox that is there already is not written over';
is Dewey::read_file($site{$other}->mailbox($one)), mail('other'), '... at all';
unlink $site{$other}->mailbox($one);
# Adopted ids go with it.
Dewey::write_file($site{$home}->dir . "/spool/.$one.dewey.ids", "ids\n");
($code, $text) = move_users($home, $other, $one);
is $code, 0, 'now it is moved' or diag $text;
is Dewey::read_file($site{$other}->dir . "/spool/.$one.dewey.ids"), "ids\n",
    '... with its adopted ids';
is -s $path, 0, '... and not left behind';
unlink $site{$other}->dir . "/spool/.$one.dewey.ids";
($state, $seen) = session($one);
is "$state @{ $seen // [] }", 'done held', '... a session there has its mail';

# And back, when the empty mailbox has gone.
($code, $text) = move_users($other, $home, $one);
is $code, 75, 'an empty mailbox that was left is not written over, too';
($code, $text) = said($^X, "$contrib/move-users", '--spool=' .
    $site{$home}->dir . '/spool', '--rest=false', $one);
ok -e $path, 'it stays for a day';
($code, $text) = said($^X, "$contrib/move-users", '--spool=' .
    $site{$home}->dir . '/spool', '--rest=false', '--after=0', $one);
ok !-e $path, '... or as long as one says';
($code, $text) = move_users($other, $home, $one);
is $code, 0, '... and then its user can be moved back' or diag $text;

# ---- All at once

my @pids;
for my $number (0 .. $workers - 1) {
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		my $text = eval { work($number, $rounds / $workers) } //
		    "died $@";
		Dewey::write_file("$dir/result.$number", $text);
		POSIX::_exit(0);
	}
	push @pids, $pid;
}
my ($moves, $refusals, %gone) = (0, 0);
for my $batch (1 .. $batches) {
	my $from = $hosts[$batch % 3];
	my $to = $hosts[($batch + 1) % 3];
	my @who = grep { host_of($_) eq $from && !$gone{$_} } @names;
	@who = @who[0 .. 5] if @who > 6;
	last unless @who;
	$gone{$_} = 1 for @who;
	my ($code, $text) = move_users($from, $to, @who);
	for my $name (@who) {
		host_of($name) eq $to ? $moves++ : $refusals++;
	}
	diag $text if $text =~ /failed/;
	last unless grep { waitpid($_, POSIX::WNOHANG()) == 0 } @pids;
}
waitpid $_, 0 for @pids;
cmp_ok $moves, '>', 0, "$moves moves, $refusals refused";

# What came late goes where it belongs.
Dewey::write_file("$dir/late", <<"SH", 0755);
#!/bin/sh
cat >'$dir/rest.'\$1
SH
my $rest = 0;
for my $name (@names) {
	for my $host (grep { $_ ne host_of($name) } @hosts) {
		next unless -s $site{$host}->mailbox($name);
		($code, $text) = said($^X, "$contrib/move-users", '--spool=' .
		    $site{$host}->dir . '/spool', "--rest=$dir/late", $name);
		is $code, 0, 'what came late is handed on' or diag $text;
		deliver($name, Dewey::read_file("$dir/rest.$name"));
		$rest++;
	}
}

my %total = map { $_ => 0 } qw(done refused cut double wrong lost again);
my %there;
for my $name (@names) {
	my $text = Dewey::read_file($site{host_of($name)}->mailbox($name));
	$there{$name}{$_}++ for $text =~ /^X-Id: (\S+)/mg;
}
for my $number (0 .. $workers - 1) {
	for (split /\n/, Dewey::read_file("$dir/result.$number")) {
		if (/^left (\S+) (\S+) (\d)/) {
			my $n = delete $there{$1}{$2} // 0;
			$total{lost}++ if !$n && $3 == 1;
			$total{double}++ if $n > 1;
		} elsif (/^(\w+) (\d+)$/) {
			$total{$1} += $2;
		} else {
			fail $_;
		}
	}
}
$total{again} += keys %{ $there{$_} } for keys %there;
diag join ', ', map { "$_ $total{$_}" } sort keys %total;
diag "$moves moves, $refusals refused, $rest mailboxes with late mail";
cmp_ok $total{done}, '>', $rounds / 2, 'most sessions were whole';
is $total{lost}, 0, 'lost: none';
is $total{double}, 0, 'double: none';
is $total{again}, 0, 'deleted, and back: none';
is $total{wrong}, 0, 'wrong host: none';
done_testing;
