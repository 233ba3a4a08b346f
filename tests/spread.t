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
use Spread;
use Fcntl qw(LOCK_EX);
use Test::More;
use Tls;
use Time::HiRes qw(time);

my ($users, $rounds, $batches) = $ENV{DEWEY_LONG} ? (300, 5000, 80)
    : (24, 120, 3);
my @hosts = qw(a b c);

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

my $spread = Spread->new(names => \@names, site => \%site, map => $map,
    drain => $drain, home => sub { $spread{ $_[0] } },
    connect => sub { my $c = $nginx->connect; $c->greeting; $c },
    reload => "$contrib/reload " . $nginx->dir . '/nginx.pid');

# Sessions through TLS and STLS, and what dewey says is handed on.
$spread->deliver('u1', Spread::mail('first'));
my $c = Spawner->connect_tls($nginx->port_tls, $certificate);
$c->greeting;
my ($state, $seen) = $spread->session('u1', $c);
is "$state @{ $seen // [] }", 'done first', 'a session through TLS';
SKIP: {
	eval { require IO::Socket::SSL }
	    or skip 'IO::Socket::SSL is not installed', 2;
	$spread->deliver('u1', Spread::mail('second'));
	$c = $nginx->connect;
	$c->greeting;
	ok Tls::stls($c), '... STLS';
	($state, $seen) = $spread->session('u1', $c);
	is "$state @{ $seen // [] }", 'done second', '... and a session in it';
}
$c = $nginx->connect;
$c->greeting;
$c->say('USER u1');
like $c->say('PASS wrong'), qr/^-ERR \[AUTH\]/, 'a refusal is in dewey\'s words';

# It refuses while somebody has the mailbox.
my $one = $names[0];
my $home = $spread->host_of($one);
my ($other) = grep { $_ ne $home } @hosts;
$spread->deliver($one, Spread::mail('held'));
$c = $nginx->connect;
$c->greeting;
$c->say("USER $one");
like $c->say("PASS pass-$one"), qr/^\+OK/, 'a session';
my ($code, $text) = $spread->move($home, $other, $one);
is $code, 75, '... keeps its user from being moved';
like $text, qr/$one is in a session/, '... and it says so';
ok !-e "$drain/$one", '... the user is not kept out';
$c->say('QUIT');
$c->rest;
my $path = $site{$home}->mailbox($one);
for my $how (qw(fcntl flock dot-lock)) {
	open my $held, '+<', $path or die "$path: $!";
	fcntl $held, Spread::F_OFD_SETLK, Spread::range() if $how eq 'fcntl';
	flock $held, LOCK_EX if $how eq 'flock';
	Dewey::write_file("$path.lock", "1\n") if $how eq 'dot-lock';
	my $deadline = time + 20;
	do {
		($code, $text) = $spread->move($home, $other, $one);
		# dewey's session may not be gone yet.
	} while $text =~ /is in a session/ && time < $deadline;
	is $code, 75, "a delivery with $how keeps it from being moved";
	like $text, qr/a delivery holds/, '... and it says so' or diag $text;
	unlink "$path.lock" if $how eq 'dot-lock';
}
is $spread->host_of($one), $home, '... the user is where he was';
# What is there on the other host is not written over, and nothing is moved.
Dewey::write_file($site{$other}->mailbox($one), Spread::mail('other'));
($code, $text) = $spread->move($home, $other, $one);
is $code, 75, 'a mailbox that is there already is not written over';
is Dewey::read_file($site{$other}->mailbox($one)), Spread::mail('other'), '... at all';
unlink $site{$other}->mailbox($one);
# Adopted ids go with it.
Dewey::write_file($site{$home}->dir . "/spool/.$one.dewey.ids", "ids\n");
($code, $text) = $spread->move($home, $other, $one);
is $code, 0, 'now it is moved' or diag $text;
is Dewey::read_file($site{$other}->dir . "/spool/.$one.dewey.ids"), "ids\n",
    '... with its adopted ids';
is -s $path, 0, '... and not left behind';
unlink $site{$other}->dir . "/spool/.$one.dewey.ids";
($state, $seen) = $spread->session($one);
is "$state @{ $seen // [] }", 'done held', '... a session there has its mail';

# And back, when the empty mailbox has gone.
($code, $text) = $spread->move($other, $home, $one);
is $code, 75, 'an empty mailbox that was left is not written over, too';
($code, $text) = $spread->rest($home, $one, '--rest=false');
ok -e $path, 'it stays for a day';
($code, $text) = $spread->rest($home, $one, '--rest=false', '--after=0');
ok !-e $path, '... or as long as one says';
($code, $text) = $spread->move($other, $home, $one);
is $code, 0, '... and then its user can be moved back' or diag $text;

# ---- How many users would move if the shares were changed: the same seed, the same
# figures as in SCALING.md.

my $scaling = Dewey::read_file(Spawner::srcdir() . '/doc/SCALING.md');
my (undef, @rows) = split /\n/, qx{$^X '$contrib/spread' --simulate};
is scalar(@rows), 7, 'a simulation';
for my $row (@rows) {
	my $line = '| ' . join(' | ', split /\t/, $row) . ' |';
	ok index($scaling, "\n$line\n") > 0, "... is what SCALING.md says: $line";
}

# ---- All at once

$spread->storm($rounds, $batches);
done_testing;
