#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The flags: each one that --help lists can be given, bad values are refused
# with the flag's name, and neither --help nor --version starts a session.  A
# usage error is exit code 100, said to the administrator, and to a client that
# it is not his fault.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Test::More;

# Runs dewey with ${flags}: (exit code, standard output, standard error).
sub run {
	my (@flags) = @_;
	my $c = Dewey->start(@flags, { transport => 'pipe' });
	$c->close_write;
	my $out = $c->rest;
	return ($c->exit_code, $out, $c->stderr);
}

# --help and --version.
my ($code, $help, $err) = run('--help');
is $code, 0, '--help: exit code';
is $err, '', '--help: nothing on standard error';
like $help, qr/^Usage: dewey /, '--help says how to use dewey';
unlike $help, qr/^\+OK/m, '--help starts no session';
ok !(grep { length > 80 } split /\n/, $help), '--help fits 80 columns';
unlike $help, qr/[^\n -~]/, '--help is plain ASCII';
($code, my $version, $err) = run('--version');
is $code, 0, '--version: exit code';
like $version, qr/^dewey \d+\.\d+\S*\n\z/, '--version';
is $err, '', '--version: nothing on standard error';
for my $flags ([ '--help', '--preauth' ], [ '--host=x', '--help' ],
    [ '--preauth', '--version' ]) {
	($code, my $out) = run(@$flags);
	is $code, 0, "@$flags: exit code";
	unlike $out, qr/^[+-]/m, "@$flags: no session";
}
if (-e '/dev/full') {
	my $c = Dewey->start('--help', { transport => 'pipe',
	    wrapper => [ 'sh', '-c', 'exec "$@" >/dev/full', 'sh' ] });
	is $c->exit_code, 111, '--help that cannot be written: exit code';
}

# What --help lists: flag => [argument, default].
my %listed;
while ($help =~ /^  --([\w-]+)(?:(=| )(\S+))?(?:  \((.*)\))?$/mg) {
	$listed{$1} = { kind => $2 // '', argument => $3, default => $4 };
}
my @flags = qw(tls tls-cert tls-key tls-min tls-ocsp tls-program users passwords mail-user allow deny secrets apop-only plaintext private
    hide-users fail-delay mailbox read-only content-length locks lock-timeout
    journal-window idle-timeout login-timeout host gate-user judge-user sandbox log log-deletes preauth
    greeting-style verbose cache-dir state-dir config check-config set-secret set-password remove-user
    list check recover adopt-ids forget-ids help version name-case strip-domain proxy login-delay
    scheme scram-iterations);
is_deeply [ sort keys %listed ], [ sort @flags ],
    '--help lists the flags that are tried here';

# The groups of --help are those of the manual.
{
	my (%at, $title);
	for (split /\n/, $help) {
		$title = $1 if /^(\w.*):$/;
		$at{$1} = $title if /^  --([\w-]+)/;
	}
	my (%in, $section);
	for (split /\n/, Dewey::read_file("$ENV{srcdir}/doc/dewey.8")) {
		undef $section if /^\.Sh/;
		$section = $1 if /^\.Ss (.*)/;
		$in{$1} //= $section if /^\.It Fl -([\w-]+)/;
	}
	is_deeply \%at, \%in, '--help groups the flags as the manual does';
}

# Defaults that RFC 1939 or the manual promise.
my %defaults = (users => 'system', 'apop-only' => 'yes',
    plaintext => 'private', private => 'no', 'hide-users' => 'yes',
    'fail-delay' => 1, mailbox => '/var/mail/%u', 'read-only' => 'no',
    'content-length' => 'no', locks => 'fcntl,flock,dotlock', 'lock-timeout' => 10, 'idle-timeout' => 600,
    'login-timeout' => 120, 'log-deletes' => 'no', preauth => 'no',
    verbose => 'no', 'name-case' => 'keep', scheme => 'yescrypt',
    'scram-iterations' => 4096);
is_deeply { map { $_ => $listed{$_}{default} } keys %defaults }, \%defaults,
    '--help shows the defaults';

# Every flag with a good value, in every shape: a session begins.
my $site = Dewey->site(users => { mrose => 'secret' },
    mail => { mrose => Dewey::mbox("A: 1\n\ntext\n") });
my $dir = $site->dir;
Dewey::write_file("$dir/names", "mrose\n");
Dewey::write_file("$dir/empty", '');
my %good = (
	users => [ "$dir/users" ],
	'passwords' => [ 'users' ],
	'mail-user' => [ 'nobody' ],
	allow => [ "$dir/names" ],
	deny => [ "$dir/empty" ],
	secrets => [ "$dir/secrets", 'none' ],
	'name-case' => [ qw(keep lower) ],
	'strip-domain' => [ 'a', 'example.org', 'a.example,b.example',
	    'a, b ,c', 'a' x 255 ],
	plaintext => [ qw(private always) ],
	scheme => [ qw(yescrypt scram) ],
	'scram-iterations' => [ 4096, 1000000 ],
	'fail-delay' => [ 0, 1, 86400 ],
	mailbox => [ "$dir/spool/%u", "$dir/spool/%n", "$dir/%%u/../spool/%u",
	    "$dir/spool/%u%d" ],
	'content-length' => [ qw(no exact) ],
	'greeting-style' => [ qw(rfc plain) ],
	locks => [ 'fcntl', 'flock', 'dotlock', 'none',
	    'fcntl,flock,dotlock', 'dotlock,fcntl' ],
	'journal-window' => [ 1, 4096, 1073741824 ],
	'gate-user' => [ 'nobody' ],
	'judge-user' => [ 'nobody' ],
	sandbox => [ qw(auto none) ],
	'cache-dir' => [ "$dir/cache" ],
	'state-dir' => [ "$dir/state", 'none' ],
	'lock-timeout' => [ 0, 10 ],
	'idle-timeout' => [ 60, '0060' ],
	'login-timeout' => [ 60 ],
	host => [ qw(a a.b-c.D9 localhost), 'h' x 255 ],
	log => [ qw(none stderr) ],
	map { $_ => [ qw(yes no) ] } qw(apop-only private hide-users
	    read-only log-deletes verbose),
);
mkdir "$dir/%u" or die $!;
for my $flag (sort keys %good) {
	my @shapes = map { ([ "--$flag=$_" ], [ "--$flag", $_ ]) }
	    @{ $good{$flag} };
	# A switch has no other word, and needs none.
	@shapes = ([ "--$flag=yes" ], [ "--$flag=no" ], [ "--$flag" ])
	    if $good{$flag}[0] eq 'yes';
	for my $shape (@shapes) {
		my $c = $site->start(@$shape);
		like $c->greeting, qr/^\+OK POP3 server ready/,
		    "@$shape: greeting" =~ s/(.{50}).*/$1/r;
		$c->say('USER mrose');
		is $c->say('PASS secret'),
		    "+OK mrose's maildrop has 1 message (14 octets)",
		    "@$shape: login" =~ s/(.{50}).*/$1/r;
		is $c->say('QUIT') =~ s/^\+OK \S+/+OK/r,
		    '+OK POP3 server signing off (1 message left)',
		    "@$shape: QUIT" =~ s/(.{50}).*/$1/r;
	}
}

# The last one wins.
{
	my $c = $site->start('--host=one', '--host=two');
	like $c->greeting, qr/\@two>$/, 'the last --host wins';
	is $c->say('QUIT'), '+OK two POP3 server signing off', 'and its label';
	$c = $site->start('--read-only', '--read-only=no');
	$c->greeting;
	$c->say('USER mrose');
	$c->say('PASS secret');
	is $c->say('DELE 1'), '+OK message 1 deleted', 'the last switch wins';
	$c->close;
}

# What is wrong.
my @bad = (
	[ '--no-such-flag' ], [ '--' ], [ '-h' ], [ 'x' ], [ '' ], [ '---' ],
	[ '--=' ], [ '--hos=x' ], [ '--HOST=x' ], [ '--host x' ],
	[ '--help=yes' ], [ '--version=1' ], [ '--check-config=x' ],
	(map { [ "--$_" ] } grep { $listed{$_}{kind} ne '' && ($listed{$_}{argument}
	    // '') !~ /^(?:yes\|no|\[.*)\z/ } @flags),
	(map { [ "--$_=" ] } grep { $listed{$_}{kind} eq '=' } @flags),
	(map { my $flag = $_; map { [ "--$flag=$_" ] }
	    'maybe', 'YES', '1', 'yes ', ' no' }
	    qw(apop-only private hide-users read-only log-deletes preauth
	    verbose)),
	(map { my $flag = $_; map { [ "--$flag=$_" ] }
	    '-1', '+1', '1s', ' 1', '1 ', '1.5', 'x', '86401', '0x10',
	    '4294967296', '18446744073709551616', '9' x 100 }
	    qw(fail-delay lock-timeout idle-timeout login-timeout)),
	(map { [ "--name-case=$_" ] } 'upper', 'Lower', 'keep ', 'yes'),
	(map { [ "--strip-domain=$_" ] } ',', 'a,', ',a', 'a,,b', 'a b', '@a',
	    'a/b', '*', 'a' x 256),
	(map { [ "--journal-window=$_" ] } '0', '-1', '1k', '1073741825'),
	(map { [ "--scheme=$_" ] } 'yes', 'SCRAM', 'scram-sha-256', 'plain'),
	(map { [ "--scram-iterations=$_" ] } '0', '4095', '1000001', '-1',
	    '4096,', '9' x 30),
	(map { [ "--sandbox=$_" ] } 'yes', 'no', 'auto,none'),
	(map { [ "--plaintext=$_" ] } 'yes', 'Always', 'private,always'),
	(map { [ "--log=$_" ] } 'file', 'stdout', 'syslog,stderr'),
	(map { [ "--locks=$_" ] } 'x', 'fcntl,x', 'fcntl,fcntl', ',',
	    'fcntl,', ',fcntl', 'none,fcntl', 'fcntl flock', 'FCNTL',
	    'fcntl,flock,dotlock,fcntl'),
	(map { [ "--mailbox=$_" ] } 'relative/%u', '%u', '%', '/%', '/x/%x',
	    '/x/%U', '/x/%u%', '%n/x', '%%/x', '~/x'),
	(map { [ "--host=$_" ] } 'a b', 'a_b', 'a@b', "a\tb", "a\nb", '<a>',
	    "\xe4", 'a/b', 'h' x 256),
);
@bad = @bad[grep { $_ % 7 == 0 } 0 .. $#bad] if Dewey::slow();
for my $flags (@bad) {
	my ($code, $out, $err) = run(@$flags);
	my $name = "@$flags" =~ s/([^!-~ ])/sprintf '\\x%02x', ord $1/ger
	    =~ s/(.{50}).*/$1.../r;
	my ($flag) = $flags->[0] =~ /^--([a-z-]+)(?:=|\z)/;
	my $known = defined $flag && $listed{$flag};
	is_deeply [ $code, $out ], [ 100, '' ], "$name: exit code, no session";
	like $err, $known ? qr/\Adewey: .*--\Q$flag\E\b.*\n\z/ :
	    qr/\Adewey: .+\n\z/, "$name: one line says why";
}
($code, undef, $err) = run('--idle-timeout=1x');
like $err, qr/number of seconds/, 'what the value should have been is said';
($code, undef, $err) = run('--log=file');
like $err, qr/\bstderr\b/, 'the words are listed';
($code, undef, $err) = run('--verbose', '--idle-timout=600');
like $err, qr/idle-timout.*--help/, 'a typo is named, with a hint';

# To a client: over a socket a reply, elsewhere nothing; never a session.
for my $transport (qw(socketpair tcp unix pipe pty)) {
	for my $flags ([ '--no-such-flag' ], [ '--idle-timeout=x' ],
	    [ '--config=/no/such/file' ]) {
		my $c = Dewey->start(@$flags, { transport => $transport });
		my $said = $c->rest;
		is $said, $transport =~ /^p/ ? '' :
		    "-ERR [SYS/PERM] server is misconfigured\r\n",
		    "@$flags on $transport: what the client is told";
		is $c->exit_code, 100, "@$flags on $transport: exit code";
		like $c->stderr, qr/\Adewey: .+\n\z/,
		    "@$flags on $transport: standard error";
	}
}

# The default host.
{
	my $c = Dewey->start('--secrets=none', '--log=none');
	is $c->greeting, '+OK POP3 server ready', 'without --host';
	my ($label) = (POSIX::uname())[1] =~ /\A([^.]+)/;
	$label =~ s/[^0-9A-Za-z.-]/-/g;
	is $c->say('QUIT'), "+OK $label POP3 server signing off",
	    'the first label of this host';
}

# The name alone, typed at a terminal: what this is and what to type.  A client's
# stream never has a word of it, nor has a terminal with a flag or with a log that
# goes elsewhere.
my $introduction = qr/^This is dewey, a POP3 server\./m;
SKIP: {
	skip 'a flag is behind every name', 1 if Dewey::tool_flags();
	for my $case ([ 'pty', 'same', 1 ], [ 'pty', 'capture', 0 ],
	    map { ([ $_, 'same', 0 ], [ $_, 'capture', 0 ]) }
	    qw(socketpair tcp unix pipe)) {
		my ($transport, $stderr, $says) = @$case;
		my $c = Dewey->start({ transport => $transport,
		    stderr => $stderr });
		$c->send($transport eq 'pty' ? "QUIT\n" : "QUIT\r\n");
		# A terminal has no end until its other side is closed.
		my $said = $transport eq 'pty' ? '' : $c->rest;
		$c->exit_code;
		$said .= $c->rest if $transport eq 'pty';
		$said .= $c->stderr if $stderr eq 'capture';
		my $what = "dewey alone, $transport, standard error $stderr";
		if ($says) {
			like $said, $introduction, "$what: says what it is";
			ok !(grep { length > 80 && !/^dewey\[/ } split /\r?\n/,
			    $said), '... in 80 columns';
			like $said, qr/\bQUIT\b/, '... and what to type';
			like $said, qr/^\+OK POP3 server ready/m,
			    '... and serves';
		} else {
			unlike $said, $introduction, "$what: not a word";
		}
	}
	my $c = Dewey->start('--log=none', { transport => 'pty',
	    stderr => 'same' });
	like $c->greeting, qr/^\+OK POP3 server ready/, 'a flag: not a word';
	$c->say('QUIT');
	$c->exit_code;
}

done_testing;
