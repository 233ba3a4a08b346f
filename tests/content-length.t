#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Content-Length (doc/DESIGN.md section 5).  Mailboxes as agents write them, of
# mail by honest and by hostile senders, at random: by default every message that
# was delivered begins where its agent began it, whatever the mail before it
# says; with --content-length=exact nothing else does either, as long as the
# agents write true numbers.  With a cached index a mailbox that has grown reads
# as one that is scanned whole.
#
# DEWEY_SEED=N plays one run again.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Client;
use Dewey;
use Model;
use Spawner;
use Test::More;
use Time::HiRes qw(sleep);

use constant {
	BOXES => 60,
	SETTLED => 2.3,		# seconds until a cached index is believed
};

my $seed = $ENV{DEWEY_SEED} // int rand 1e9;
srand $seed;
diag "DEWEY_SEED=$seed";
my $dir = Dewey::tmpdir();
my $from = "From a\@b Mon Jan  1 00:00:00 2024\n";
sub any { return $_[rand @_] }

# ---- Agents: each makes of a mail, ended by a line end, what it appends.

sub header_and_body {
	my ($mail) = @_;
	my ($header, $body) = $mail =~ /\A(.*?\n)\n(.*)\z/s or die $mail;
	return ($header, $body);
}

sub quoted { my ($body, $where) = @_; return $body =~ s/$where/>$&/gr }

my %agent = (
	# Quotes every line that begins with From, and leaves the header alone.
	postfix => sub {
		my ($header, $body) = header_and_body($_[0]);
		return "$from$header\n" . quoted($body, qr/^From /m) . "\n";
	},
	# Only those behind empty lines, as OpenBSD's mail.local.
	opensmtpd => sub {
		my ($header, $body) = header_and_body($_[0]);
		return "$from$header\n" . quoted($body, qr/(?<=\n\n)From |\AFrom /)
		    . "\n";
	},
	# Writes the true number over one that is there, and quotes nothing then.
	# An empty line at the end is the separator.
	procmail => sub {
		my ($header, $body) = header_and_body($_[0]);
		chomp $body if $body =~ /(?:\A|\n)\n\z/;
		my $n = length $body;
		my $is = $header =~ s/^(Content-Length:)( *)(\d+)$/$1 .
		    sprintf '%*d', length "$2$3", $n/mie;
		return $from . $header . "\n" . ($is ? $body :
		    quoted($body, qr/^From /m)) . "\n";
	},
	# Always writes it, and never quotes.
	'mail.local' => sub {
		my ($header, $body) = header_and_body($_[0]);
		$header =~ s/^Content-Length:.*\n//mig;
		return "${from}${header}Content-Length: " . length($body)
		    . "\n\n$body\n";
	},
);

# ---- Senders

my $serial = 0;

sub honest {
	return 'Subject: honest ' . ++$serial . "\n\n" . join '', map {
		'x' x rand(70) . any("\n", "\n\n") } 0 .. rand 5;
}

# Forged messages, numbers that reach anywhere, many line ends, state of other
# programs.  The sender knows that the next message will have ${behind} octets.
sub hostile {
	my ($behind) = @_;
	my @texts = ("\n", "\n\n", "\r\n", 'From ', $from, "\n$from", "\n\n$from",
	    "\n${from}Content-Length: $behind\n\n", "x\n", "Subject: y\n",
	    "\n\nFrom here on\n", "From x Mon, 1 Jan 2024 1:02:03 GMT\n");
	my $text = join('', map { any(@texts) } 0 .. rand 8) . "\n";
	my $reach = length($text) + $behind;
	my $number = any(0 .. 5, int rand 400, $behind, ($reach) x 5, $reach - 1,
	    9_999_999_999, '-1', '', '0x10', '1 2');
	my @header = ('Subject: hostile ' . ++$serial);
	push @header, any('Content-Length', 'content-length', 'CONTENT-LENGTH')
	    . any(': ', ':', ':        ') . $number if rand() < 0.8;
	push @header, "X-IMAP: 1\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER "
	    . 'INTERNAL DATA' if rand() < 0.1;
	return join("\n", any(0, 1) ? @header : reverse @header) . "\n\n$text";
}

# A mailbox of ${n} deliveries by ${agents}, and where each begins.
sub mailbox {
	my ($agents, $n) = @_;
	my @mails = "Subject: last\n\nx\n\n";
	for (1 .. $n) {
		my $mail = rand() < 0.5 ? honest() : hostile(length $mails[0]);
		unshift @mails, $agent{ any(@$agents) }->($mail);
	}
	pop @mails;
	my ($octets, @begin) = ('');
	for my $mail (@mails) {
		push @begin, length $octets;
		$octets .= $mail;
	}
	return ($octets, @begin);
}

# ---- What dewey sees

sub start {
	my ($path, @flags) = @_;
	return Dewey->start('--preauth', '--secrets=none', '--log=none',
	    '--locks=fcntl', "--mailbox=$path", @flags);
}

sub list {
	my ($path, @flags) = @_;
	my $c = start($path, @flags);
	$c->greeting;
	my $list = $c->multi('LIST');
	$c->say('QUIT');
	return $list;
}

sub listed {
	my ($scan) = @_;
	my $i = 0;
	return join '', map { ++$i . ' ' . length(Model::retr($_)) . "\r\n" }
	    @{ $scan->{messages} };
}

sub begins { return map { $_->{offset} } @{ $_[0]{messages} } }

my $path = "$dir/box";
my ($forged, $hidden) = (0, 0);
for my $run (1 .. BOXES) {
	my ($octets, @begin) = mailbox([sort keys %agent], 1 + int rand 8);
	Dewey::write_file($path, $octets);
	my $no = Model::scan($octets);
	my %is = map { $_ => 1 } begins($no);
	my @missed = grep { !$is{$_} } @begin;
	is "@missed", '', "run $run: all that was delivered begins a message";
	is list($path), listed($no), '... and dewey sees what the model sees';
	my $exact = Model::scan($octets, 1);
	is list($path, '--content-length=exact'), listed($exact),
	    '... and with --content-length=exact';
	$forged += @{ $no->{messages} } - @begin;
	$hidden += grep { my $at = $_; !grep { $at == $_ } begins($exact) }
	    @begin;
}
cmp_ok $forged, '>', 0, "by default a sender can forge: $forged messages";
diag "with exact $hidden were hidden where agents let numbers pass";

# Where all agents write true numbers nobody can do either.
for my $run (1 .. BOXES) {
	my ($octets, @begin) = mailbox(['mail.local'], 1 + int rand 8);
	Dewey::write_file($path, $octets);
	my @seen = list($path, '--content-length=exact') =~ /^(\d+) /mg;
	my $exact = Model::scan($octets, 1);
	is join(' ', begins($exact)), "@begin",
	    "true numbers, run $run: these messages and no others";
	is scalar @seen, scalar @begin, '... and dewey sees as many';
}

# ---- Rows

sub exact_is {
	my ($octets, $n, $what) = @_;
	Dewey::write_file($path, $octets);
	my @seen = list($path, '--content-length=exact') =~ /^(\d+) /mg;
	is scalar @seen, $n, $what;
	is scalar @{ Model::scan($octets, 1)->{messages} }, $n, '... the model';
}
my $inner = "x\n\n${from}Subject: forged\n\ny\n";
my $n = length $inner;
my $next = "${from}Subject: next\n\nz\n\n";
exact_is("${from}Content-Length: $n\n\n$inner\n$next", 2, 'an exact length');
exact_is("${from}Content-Length: $n\n\n$inner\n", 1, '... at the end');
exact_is("${from}Content-Length: $n\n\n$inner", 1, '... without an empty line');
exact_is("${from}Content-Length: @{[$n - 1]}\n\n" . substr($inner, 0, -1), 1,
    '... without a line end');
exact_is("${from}content-length:\t$n \n\n$inner\n$next", 2, '... in any form');
exact_is("${from}A: b\r\nContent-Length: $n\r\n\r\n$inner\r\n$next", 2,
    '... with CR LF');
exact_is("${from}Content-Length: $_\n\n$inner\n$next", 3, "not exact: $_")
    for $n - 1, $n + 1, $n + 2, 0, 1, 10 ** 30, -1, '', "$n x", "0x10";
exact_is("${from}Content-Length: $n\nContent-Length: $n\n\n$inner\n$next", 3,
    'two fields');
exact_is("${from}X: y\n Content-Length: $n\n\n$inner\n$next", 3, 'a folded line');
exact_is("${from}X: y\n\nContent-Length: $n\n$inner\n$next", 3, 'in the body');
exact_is("${from}X: " . 'y' x 65536 . "\nContent-Length: $n\n\n$inner\n$next", 3,
    'a header that is too long');
exact_is("${from}X: " . 'y' x 60000 . "\nContent-Length: $n\n\n$inner\n$next", 2,
    '... and one that is not');
exact_is("${from}Content-Length: $n\n\n$inner\nFrom x\@y Mon Jan  1 0:00:00 2024\n"
    . "a: b\n\n", 3, 'no usual From_ line');
exact_is("${from}Content-Length: 300000\n\n" . "$inner\n\n" x (300_000 / ($n + 2))
    . 'x' x (300_000 % ($n + 2) - 1) . "\n\n$next", 2,
    'more than a block') if 300_000 % ($n + 2) > 0;

# What the manual says a stranger can do: join what comes behind to his mail,
# where the agent lets his number pass.
my $over = length(Model::unescape('x\n\n') . $next) - 1;
exact_is("${from}Content-Length: $over\n\nx\n\n$next$next", 2, 'an attack');
Dewey::write_file($path, "${from}Content-Length: $over\n\nx\n\n$next$next");
is scalar(() = list($path) =~ /^\d/mg), 3, '... that is none by default';

# ---- --check counts both readings

sub check {
	my ($octets, @flags) = @_;
	Dewey::write_file($path, $octets);
	my $c = Dewey->start(@flags, '--check', $path, { transport => 'pipe' });
	$c->close_write;
	return $c->rest;
}
my $both = "${from}Content-Length: $n\n\n$inner\n$next";
like check($both), qr/\A3 messages, .*^2 messages with --content-length=exact\n/ms,
    '--check counts both readings';
like check($both, '--content-length=exact'), qr/\A2\ messages,.*^offset\ \d+,\ in
    \ message\ 1:\ a\ From_\ line\ inside\ of\ what\ Content-Length\ tells\ of:
    .*^3\ messages\ with\ --content-length=no\n/msx, '... the other way round';
unlike check($next), qr/content-length/, '... and nothing if they agree';

# ---- RETR, DELE and a cached index agree with the scan

{
	Dewey::write_file($path, "$both$next");
	my $c = start($path, '--content-length=exact');
	$c->greeting;
	is $c->multi('RETR 1'), "Content-Length: $n\r\n\r\n" . $inner =~
	    s/\n/\r\n/gr, 'RETR sends the whole of it';
	$c->say("DELE $_") for 1, 3;
	like $c->say('QUIT'), qr/^\+OK/, 'QUIT';
	is Dewey::read_file($path), $next, 'DELE takes the whole of it';
}

# Mail comes before anything is asked for, in mailboxes that end around the
# border of a block, with From_ lines inside of what the number tells of.
my @wrong;
for my $more (-80 .. 80) {
	my $body = $inner . 'y' x ((256 << 10) + $more - 2 * length $next) . "\n";
	my $one = "${from}Content-Length: " . length($body) . "\n\n$body\n";
	Dewey::write_file($path, $one . $next . $one);
	my $c = start($path, '--content-length=exact');
	$c->greeting;
	open my $fh, '>>:raw', $path or die "$path: $!";
	print {$fh} $next;
	close $fh or die "$path: $!";
	my $sent = substr($one, length $from, -1) =~ s/\n/\r\n/gr;
	my $right = $c->multi('RETR 3') eq $sent &&
	    $c->multi('UIDL') =~ /\A1 .*\r\n2 .*\r\n3 .*\r\n\z/ &&
	    $c->multi('RETR 1') eq $sent && $c->say('DELE 1') =~ /^\+OK/ &&
	    $c->say('QUIT') =~ /^\+OK/ &&
	    Dewey::read_file($path) eq $next . $one . $next;
	push @wrong, $more unless $right;
}
is "@wrong", '', 'mail comes to a mailbox of exact lengths, of any size';

my $cache = Dewey::tmpdir();
my @boxes = map { "$dir/grows.$_" } 1 .. 12;
my $large = join '', map { $agent{'mail.local'}->(honest() . 'x' x 9000 . "\n") }
    1 .. 9;
my @flags = map { ["--content-length=$_"] } 'no', 'exact';
my @more = map { (mailbox([sort keys %agent], 1 + int rand 4))[0] } @boxes;
for my $i (0 .. $#boxes) {
	# Some are cut in the middle of a message that still grows.
	my $cut = $i % 3 == 0 ? int rand length $more[$i] : 0;
	Dewey::write_file($boxes[$i], $large . substr $more[$i], 0, $cut);
	substr $more[$i], 0, $cut, '';
}
sleep SETTLED;
for my $i (0 .. $#boxes) {
	my $mode = $flags[$i % 2];
	list($boxes[$i], "--cache-dir=$cache/$i", @$mode);
	open my $fh, '>>:raw', $boxes[$i] or die "$boxes[$i]: $!";
	print {$fh} $more[$i], $next;
	close $fh or die "$boxes[$i]: $!";
	is list($boxes[$i], "--cache-dir=$cache/$i", @$mode),
	    list($boxes[$i], '--cache-dir=none', @$mode),
	    "a mailbox that has grown: @$mode";
	# What was cached with one reading is not believed with the other.
	my $other = $flags[1 - $i % 2];
	is list($boxes[$i], "--cache-dir=$cache/$i", @$other),
	    list($boxes[$i], '--cache-dir=none', @$other), '... and then @$other';
}

# ---- The agents are as told, where they are installed

SKIP: {
	my $procmail = Spawner::program('procmail');
	skip 'procmail is not installed', 1 unless $procmail;
	my $o = { dir => $dir };
	Dewey::give($dir);
	for my $mail ("Subject: x\n\nFrom a\n\nFrom b\n",
	    "Content-Length:       5\nSubject: x\n\nx\n\nFrom b\n\n",
	    "Content-Length: 99\nContent-Length: 7\n\nFrom b\nx\n") {
		my $input = Dewey::write_file("$dir/input", "$from$mail");
		unlink "$dir/delivered";
		Client::run({ %$o, input => $input }, $procmail, '-m',
		    "DEFAULT=$dir/delivered", '/dev/null');
		is Dewey::read_file("$dir/delivered"), $agent{procmail}->($mail),
		    'procmail writes what is told of it';
	}
}

done_testing;
