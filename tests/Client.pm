# SPDX-License-Identifier: ISC
# Client.pm: fetches mail with the POP3 clients that people use, for the tests
# in tests/*.t.
#
# Client::fetch returns the messages that a client has stored, as text with LF.
# What a client adds of its own is told not to be added, or taken off again
# where it cannot be told; that is said beside each.
package Client;

use strict;
use warnings;
use Carp qw(croak);
use Dewey ();
use POSIX ();
use Spawner ();
use Test::More ();
use Time::HiRes qw(sleep time);

# ---- Running a client, as the user of Dewey::uid()

# Runs a command with a bound; dies with what it said unless it exits with one
# of ${ok}.
sub run {
	my ($o, @command) = @_;
	my $log = "$o->{dir}/client.log";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		POSIX::setsid();
		open STDIN, '<', $o->{input} // '/dev/null';
		open STDOUT, '>>', $log or POSIX::_exit(127);
		open STDERR, '>&', \*STDOUT;
		chdir $o->{dir} or POSIX::_exit(127);
		Spawner::drop_rights() unless $>;
		# script(1) of util-linux 2.41 starts the shell of the account
		# otherwise, which may be nologin.
		%ENV = (PATH => $ENV{PATH}, HOME => $o->{dir}, LC_ALL => 'C',
		    SHELL => '/bin/sh', TERM => 'vt100', USER => 'tester',
		    LOGNAME => 'tester',
		    PERL5LIB => $ENV{PERL5LIB} // '');
		no warnings 'exec';
		exec { $command[0] } @command or print "$command[0]: $!\n";
		POSIX::_exit(127);
	}
	my $deadline = time + ($o->{timeout} // 60);
	my $status;
	until (defined $status) {
		if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
			$status = $?;
		} elsif (time > $deadline) {
			my $state = state_of($pid);
			kill 'KILL', -$pid;
			waitpid $pid, 0;
			die "$command[0] does not end ($state): " . log_of($o);
		} else {
			sleep 0.005;
		}
	}
	my $code = $status & 127 ? 128 + ($status & 127) : $status >> 8;
	die "$command[0]: exit code $code: " . log_of($o)
	    unless grep { $code == $_ } 0, @{ $o->{ok} // [] };
}

# What a process is at: where it waits, its state.
sub state_of {
	my ($pid) = @_;
	my @said;
	for my $name (qw(wchan syscall stat)) {
		open my $fh, '<', "/proc/$pid/$name" or next;
		my $line = <$fh> // '';
		push @said, "$name " . $line =~ s/\s+\z//r;
	}
	return join ', ', @said;
}

sub log_of {
	my ($o) = @_;
	my $log = "$o->{dir}/client.log";
	return -e $log ? Dewey::read_file($log) : '';
}

# An executable that stores standard input as the next file in new/.
sub store {
	my ($o) = @_;
	my $new = "$o->{dir}/new";
	mkdir $new;
	Dewey::give($new);
	return Dewey::write_file("$o->{dir}/store", <<"SCRIPT", 0755);
#!/bin/sh
n=1
while [ -e $new/\$n ]; do n=\$((n + 1)); done
cat >$new/\$n
SCRIPT
}

# Takes the stored files away, in order.
sub stored {
	my ($o) = @_;
	my @files = sort { ($a =~ /(\d+)$/)[0] <=> ($b =~ /(\d+)$/)[0] }
	    glob "$o->{dir}/new/*";
	my @messages = map { Dewey::read_file($_) } @files;
	unlink @files;
	return @messages;
}

# The messages of an mbox, with their From_ lines and the blank lines that
# separate them taken off.
sub of_mbox {
	my ($path) = @_;
	return () unless -e $path;
	my @messages = split /^From \S+ +\w{3} \w{3} [^\n]* \d{4}\n/m,
	    Dewey::read_file($path);
	shift @messages;
	s/\n\n\z/\n/ for @messages;
	unlink $path;
	return @messages;
}

sub write_rc {
	my ($o, $text) = @_;
	return Dewey::write_file("$o->{dir}/rc", $text);
}

# ---- The clients.  Each sub gets port, user, password, dir, mode (keep,
# delete or leave), apop, sasl (a mechanism), tls (certificate), stls (1: TLS is begun by STLS).
# In mode leave a client fetches
# what it has not seen and keeps all; its memory is in dir.

# A session for each step: curl does one thing at a time.
sub curl {
	my ($o) = @_;
	my @words = ('curl', '-sS', '--max-time', 20, '-u',
	    "$o->{user}:$o->{password}");
	push @words, '--cacert', "$o->{tls}.crt" if $o->{tls};
	# By itself it would take CRAM-MD5.
	push @words, '--login-options', 'AUTH=+APOP' if $o->{apop};
	push @words, '--login-options', "AUTH=$o->{sasl}" if $o->{sasl};
	push @words, '--ssl-reqd' if $o->{stls};
	my $url = ($o->{stls} ? 'pop3://localhost' : $o->{tls} ?
	    'pop3s://localhost' : 'pop3://127.0.0.1') . ":$o->{port}/";
	my $out = "$o->{dir}/out";
	my $get = sub {
		unlink $out;
		run($o, @words, '-o', $out, @_);
		my $octets = -e $out ? Dewey::read_file($out) : '';
		$octets =~ s/\r\n/\n/g;
		return $octets;
	};
	my $seen = "$o->{dir}/seen";
	my %seen = map { $_ => 1 } split /\n/,
	    -e $seen ? Dewey::read_file($seen) : '';
	my @uidl = map { [split ' '] } split /\n/, $get->('-X', 'UIDL', $url);
	my @messages;
	for (@uidl) {
		my ($n, $id) = @$_;
		next if $o->{mode} eq 'leave' && $seen{$id}++;
		push @messages, $get->("$url$n");
	}
	Dewey::write_file($seen, join "\n", keys %seen);
	# Each session has its own numbers: always the first.
	run($o, @words, '-X', 'DELE', '--head', "${url}1")
	    for $o->{mode} eq 'delete' ? @uidl : ();
	return @messages;
}

# Told to be invisible (no Received line of its own) and not to rewrite; what
# it cannot be told is its Status line.
sub fetchmail {
	my ($o) = @_;
	my $store = store($o);
	my $auth = $o->{apop} ? 'protocol APOP' : 'protocol POP3';
	my $sasl = $o->{sasl} ? "auth \L$o->{sasl}" : '';
	my %how = (keep => 'keep fetchall', delete => 'nokeep fetchall',
	    leave => 'keep nofetchall');
	my $ssl = $o->{tls}
	    ? ($o->{stls} ? "sslproto 'TLS1+'" : 'ssl') . " sslcertck sslcertfile '$o->{tls}.crt' sslcommonname localhost"
	    : "sslproto ''";
	my $rc = write_rc($o, <<"RC");
set invisible
set no syslog
set no bouncemail
set idfile '$o->{dir}/ids'
set pidfile '$o->{dir}/pid'
poll 127.0.0.1 $auth port $o->{port} uidl timeout 20 no dns $sasl
    user '$o->{user}' password '$o->{password}' is tester here
    no rewrite no mimedecode no dropstatus $how{$o->{mode}} $ssl
    mda '$store'
RC
	# 1: there was no mail.
	run({ %$o, ok => [1] }, 'fetchmail', '-f', $rc);
	return stored($o);
}

sub mpop {
	my ($o) = @_;
	my $store = store($o);
	my $auth = $o->{sasl} ? lc $o->{sasl} : $o->{apop} ? 'apop' : 'user';
	my ($keep, $new) = $o->{mode} eq 'delete' ? qw(off off) :
	    $o->{mode} eq 'keep' ? qw(on off) : qw(on on);
	my $starttls = $o->{stls} ? 'on' : 'off';
	my $tls = $o->{tls} ? "tls on\ntls_starttls $starttls\n" .
	    "tls_trust_file $o->{tls}.crt\n" : "tls off\n";
	my $host = $o->{tls} ? 'localhost' : '127.0.0.1';
	my $rc = write_rc($o, <<"RC");
account default
host $host
port $o->{port}
user $o->{user}
password $o->{password}
auth $auth
$tls
keep $keep
only_new $new
uidls_file $o->{dir}/uidls
received_header off
delivery mda $store
RC
	run($o, 'mpop', '-q', '-C', $rc);
	return stored($o);
}

# getmail 6.18 with Python 3.11 stops for ever about once in some thousand runs.
# It has one thread then, and waits (futex, x86-64's call 202) for a lock of its
# own, between two messages; no server can make it go on.  So it is ended, what
# it had stored is forgotten, and it has one more try, which is said.
use constant WAITS_FOR_ITSELF => qr/does not end .*syscall 202 0x\w+ 0x1?89 /;

sub getmail {
	my ($o) = @_;
	my $store = store($o);
	my ($delete, $all) = $o->{mode} eq 'delete' ? qw(true true) :
	    $o->{mode} eq 'keep' ? qw(false true) : qw(false false);
	my $apop = $o->{apop} ? 'true' : 'false';
	my $type = $o->{tls} ? 'SimplePOP3SSLRetriever' : 'SimplePOP3Retriever';
	my $ca = $o->{tls} ? "ca_certs = $o->{tls}.crt\n" : '';
	my $host = $o->{tls} ? 'localhost' : '127.0.0.1';
	my $rc = write_rc($o, <<"RC");
[retriever]
type = $type
server = $host
port = $o->{port}
username = $o->{user}
password = $o->{password}
use_apop = $apop
$ca
[destination]
type = MDA_external
path = $store

[options]
delete = $delete
read_all = $all
received = false
delivered_to = false
verbose = 0
RC
	my @command = ('getmail', "--getmaildir=$o->{dir}", "--rcfile=$rc");
	eval { run($o, @command); 1 } or do {
		die $@ unless $@ =~ WAITS_FOR_ITSELF;
		Test::More::diag("once more: $@");
		stored($o);
		run($o, @command);
	};
	return stored($o);
}

# Adds a Received line of its own unless told not to.  Uses APOP where there is
# a timestamp.
sub fdm {
	my ($o) = @_;
	my $store = store($o);
	my $only = $o->{mode} eq 'leave'
	    ? "new-only cache \"$o->{dir}/cache\"" : '';
	my $keep = $o->{mode} eq 'delete' ? '' : 'keep';
	my ($type, $host) = $o->{stls} ? qw(pop3 localhost) : $o->{tls} ?
	    qw(pop3s localhost) : qw(pop3 127.0.0.1);
	my $apop = $o->{apop} ? '' : 'no-apop';
	my $verify = $o->{tls} ? 'no-verify' : '';
	$verify = 'starttls' if $o->{stls};
	my $rc = write_rc($o, <<"RC");
set no-received
set no-create
set lock-file "$o->{dir}/lock"
set queue-high 1
account "it" $type server "$host" port "$o->{port}" user "$o->{user}"
    pass "$o->{password}" $only $apop $verify $keep
action "store" pipe "$store"
match all action "store"
RC
	run($o, 'fdm', '-f', $rc, 'fetch');
	return stored($o);
}

# mutt is for terminals: it gets one from script(1).  Copies into an mbox get
# Status, Content-Length and Lines.  It remembers unique-ids in its cache of messages.
sub mutt {
	my ($o) = @_;
	my $auth = $o->{sasl} ? lc $o->{sasl} : $o->{apop} ? 'apop' : 'user';
	my $delete = $o->{mode} eq 'delete' ? '<delete-pattern>~A<enter>' : '';
	mkdir "$o->{dir}/cache";
	Dewey::give("$o->{dir}/cache");
	my $ca = $o->{tls} ? "set certificate_file=$o->{tls}.crt" : '';
	my $starttls = $o->{stls} ? 'yes' : 'no';
	my $rc = write_rc($o, <<"RC");
set pop_user="$o->{user}" pop_pass="$o->{password}"
set pop_authenticators=$auth pop_checkinterval=600
set ssl_starttls=$starttls ssl_force_tls=$starttls
$ca
set message_cachedir=$o->{dir}/cache
set mbox_type=mbox confirmappend=no confirmcreate=no copy=yes delete=yes quit=yes wait_key=no auto_tag=yes
set pop_delete=no message_cache_clean=no mail_check=60 header_cache=
push '<limit>all<enter><tag-pattern>~A<enter><tag-prefix><copy-message>$o->{dir}/out<enter>$delete<quit>'
RC
	my $url = ($o->{stls} ? 'pop://localhost' : $o->{tls} ?
	    'pops://localhost' : 'pop://127.0.0.1') . ":$o->{port}/";
	run($o, 'script', '-qec', "stty rows 24 cols 80; mutt -n -F $rc -f $url",
	    '/dev/null');
	my @messages = of_mbox("$o->{dir}/out");
	for (@messages) {
		s/^Status: \w+\n//m;
		s/^Content-Length: \d+\n(?:Lines: \d+\n)?(?=\n)//m;
	}
	return @messages;
}

# Copies into an mbox get a Status line.
sub snail {
	my ($o) = @_;
	my $user = "$o->{user}:$o->{password}";
	my $url = ($o->{stls} ? "pop3://$user\@localhost" : $o->{tls} ?
	    "pop3s://$user\@localhost" : "pop3://$user\@127.0.0.1") .
	    ":$o->{port}";
	my $input = Dewey::write_file("$o->{dir}/input",
	    "copy * $o->{dir}/out\n" . ($o->{mode} eq 'delete'
	    ? "delete *\nquit\n" : "exit\n"));
	my @set = ('-S', 'v15-compat', '-S', 'pop3-bulk-load', '-S', 'hold',
	    '-S', 'keep', $o->{apop} ? () : ('-S', 'pop3-no-apop'),
	    $o->{tls} ? ('-S', "tls-ca-file=$o->{tls}.crt", '-S',
	    'tls-ca-no-defaults') : (), $o->{stls} ?
	    ('-S', 'pop3-use-starttls') : ());
	run({ %$o, input => $input }, 's-nail', '-:/', '-#', @set, '-f', $url);
	my @messages = of_mbox("$o->{dir}/out");
	s/^Status: \w+\n//m for @messages;
	return @messages;
}

# A script in the words of a library.
sub library {
	my ($o, $interpreter, $suffix, $script) = @_;
	store($o);
	my $path = Dewey::write_file("$o->{dir}/script.$suffix", $script);
	run($o, $interpreter, $path, map { $_ // '' } @$o{qw(port user password
	    mode apop tls dir stls)});
	return stored($o);
}

my $perl_begin = <<'SCRIPT';
use strict;
use warnings;
my ($port, $user, $password, $mode, $apop, $tls, $dir, $stls) = @ARGV;
my ($serial, %seen) = (1);
if (open my $fh, '<', "$dir/seen") {
	%seen = map { chomp; ($_ => 1) } <$fh>;
}
sub store {
	my ($text) = @_;
	open my $fh, '>:raw', "$dir/new/" . $serial++ or die $!;
	print {$fh} $text =~ s/\r\n/\n/gr;
	close $fh or die $!;
}
END {
	if (open my $fh, '>', "$dir/seen") {
		print {$fh} "$_\n" for keys %seen;
	}
}
SCRIPT

sub net_pop3 {
	my ($o) = @_;
	return library($o, $^X, 'pl', $perl_begin . <<'SCRIPT');
use Net::POP3;
my @ca = (SSL_ca_file => "$tls.crt");
my @tls = $tls && !$stls ? (SSL => 1, @ca) : ();
my $pop = Net::POP3->new($tls ? 'localhost' : '127.0.0.1', Port => $port,
    Timeout => 20, @tls) or die "no greeting: $@";
!$stls || $pop->starttls(@ca) or die 'STLS: ', $pop->message;
my $login = $apop ? $pop->apop($user, $password)
    : $pop->login($user, $password);
defined $login or die 'refused: ', $pop->message;
my $ids = $pop->uidl;
for my $n (sort { $a <=> $b } keys %$ids) {
	next if $mode eq 'leave' && $seen{$ids->{$n}}++;
	store(join '', @{ $pop->get($n) // die $pop->message });
	$pop->delete($n) or die $pop->message if $mode eq 'delete';
}
$pop->quit or die $pop->message;
SCRIPT
}

sub mail_pop3client {
	my ($o) = @_;
	return library($o, $^X, 'pl', $perl_begin . <<'SCRIPT');
use Mail::POP3Client;
# It has no option for the certificate: it is given a socket.
my @tls;
if ($tls) {
	require IO::Socket::SSL;
	@tls = (SOCKET => IO::Socket::SSL->new(PeerAddr => 'localhost',
	    PeerPort => $port, SSL_ca_file => "$tls.crt")
	    // die IO::Socket::SSL::errstr());
}
my $pop = Mail::POP3Client->new(HOST => '127.0.0.1', PORT => $port,
    USER => $user, PASSWORD => $password, TIMEOUT => 20,
    AUTH_MODE => $apop ? 'APOP' : 'PASS', USESSL => 0, @tls);
$pop->Alive or die 'refused: ', $pop->Message;
for my $n (1 .. $pop->Count) {
	my ($id) = ($pop->Uidl($n) // '') =~ /(\S+)\s*\z/;
	next if $mode eq 'leave' && $seen{$id}++;
	open my $out, '>:raw', \my $text or die $!;
	$pop->RetrieveToFile($out, $n) or die $pop->Message;
	close $out;
	store($text);
	$pop->Delete($n) or die $pop->Message if $mode eq 'delete';
}
$pop->Close or die $pop->Message;
SCRIPT
}

sub poplib {
	my ($o) = @_;
	return library($o, '/usr/bin/python3', 'py', <<'SCRIPT');
import os, poplib, ssl, sys
port, user, password, mode, apop, tls, dir, stls = sys.argv[1:]
# Its own limit is 2,048 octets a line.
poplib._MAXLINE = 1 << 20
if tls:
    context = ssl.create_default_context(cafile=tls + '.crt')
if stls:
    pop = poplib.POP3('localhost', int(port), timeout=20)
    pop.stls(context)
elif tls:
    pop = poplib.POP3_SSL('localhost', int(port), timeout=20, context=context)
else:
    pop = poplib.POP3('127.0.0.1', int(port), timeout=20)
if apop:
    pop.apop(user, password)
else:
    pop.user(user)
    pop.pass_(password)
try:
    seen = set(open(dir + '/seen').read().split())
except FileNotFoundError:
    seen = set()
serial = 0
for line in pop.uidl()[1]:
    n, id = line.decode().split()
    if mode == 'leave' and id in seen:
        continue
    seen.add(id)
    serial += 1
    with open('%s/new/%d' % (dir, serial), 'wb') as f:
        f.write(b''.join(l + b'\n' for l in pop.retr(int(n))[1]))
    if mode == 'delete':
        pop.dele(int(n))
pop.quit()
with open(dir + '/seen', 'w') as f:
    f.write('\n'.join(seen))
SCRIPT
}

# need: programs or Perl modules; also: what one thing needs besides; no: what it
# cannot do, with the reason.
my %client = (
	curl => { fetch => \&curl, need => ['curl'] },
	fetchmail => { fetch => \&fetchmail, need => ['fetchmail'] },
	mpop => { fetch => \&mpop, need => ['mpop'] },
	getmail => { fetch => \&getmail, need => ['getmail'],
		no => { stls => 'getmail has no STLS' } },
	fdm => { fetch => \&fdm, need => ['fdm'] },
	mutt => { fetch => \&mutt, need => ['mutt', 'script'] },
	's-nail' => { fetch => \&snail, need => ['s-nail'],
		no => { leave => 's-nail keeps no memory of unique-ids' } },
	'Net::POP3' => { fetch => \&net_pop3, need => ['Net::POP3'],
		also => { tls => ['IO::Socket::SSL'] } },
	'POP3Client' => { fetch => \&mail_pop3client,
		need => ['Mail::POP3Client'],
		also => { tls => ['IO::Socket::SSL'] },
		no => { stls => 'Mail::POP3Client has no STLS on a socket' } },
	poplib => { fetch => \&poplib, need => ['python3'] },
);

sub names {
	return qw(curl fetchmail mpop getmail fdm mutt s-nail Net::POP3
	    POP3Client poplib);
}

# Why a client is not used here, or not for one thing; undef if it is.
sub missing {
	my ($name, $what) = @_;
	my $client = $client{$name} or croak "no client $name";
	my $also = defined $what ? $client->{also}{$what} : undef;
	for my $need (@{ $client->{need} }, @{ $also // [] }) {
		my $there = $need =~ /^[A-Z]/
		    ? eval "require $need; 1" : Spawner::program($need);
		return "$need is not installed" unless $there;
	}
	return defined $what ? $client->{no}{$what} : undef;
}

# fetch(client, port => N, user => NAME, password => WORD, mode => keep, delete
# or leave, [dir => directory of the run before], [apop => 1], [tls => file])
# returns (directory, messages).
sub fetch {
	my ($name, %o) = @_;
	my $client = $client{$name} or croak "no client $name";
	$o{dir} //= Dewey::tmpdir();
	my @messages = $client->{fetch}->(\%o);
	return ($o{dir}, @messages);
}

# ---- Messages to fetch

my $serial = 0;

# A message as a mail server delivers it; clients add what is missing in it.
sub message {
	my ($subject, $body) = @_;
	$serial++;
	return "Return-Path: <a\@b.example>\n" .
	    "Received: from b.example by dewey.example; " .
	    "Mon, 1 Jan 2024 00:00:00 +0000\n" .
	    "From: Ann Example <a\@b.example>\nTo: tester\@dewey.example\n" .
	    "Subject: $subject\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n" .
	    "Message-ID: <$serial.dewey\@b.example>\n\n$body";
}

# Compares what a client has with what it should have; 'none', or where they
# differ.
sub difference {
	my ($name, $got, $expected) = @_;
	return @$got . ' messages, not ' . @$expected if @$got != @$expected;
	for my $i (0 .. $#$expected) {
		my $message = $expected->[$i];
		# s-nail quotes From_ lines in the mbox that it writes, and
		# takes a message's last blank line for the one that separates.
		if ($name eq 's-nail') {
			$message =~ s/^From />From /mg;
			$message =~ s/\n\n\z/\n/;
		}
		return 'message ' . ($i + 1) . ': ' .
		    Spawner::difference($got->[$i], $message)
		    if $got->[$i] ne $message;
	}
	return 'none';
}

1;
