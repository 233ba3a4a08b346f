#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Unique-ids (RFC 1939 section 7, doc/DESIGN.md section 6): the frozen vectors of
# tests/data/uid-vectors, copies, what mail readers edit, line ends, and ids that
# stay through DELE, new sessions and delivery.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::SHA qw(sha256);
use MIME::Base64 qw(encode_base64url);
use Model;
use Nasty;
use Test::More;

my $from = "From a\@b Mon Jan  1 00:00:00 2024\n";
my $dir = Dewey::tmpdir();
my $files = 0;

# ---- The vectors.  They are frozen: neither the model nor the program may
# say anything else.

my (@vectors, $what);
for (split /\n/, Dewey::read_file("$ENV{srcdir}/tests/data/uid-vectors")) {
	$what = $1 if /^# (.*)/;
	push @vectors, { what => $what } if /^stored /;
	$vectors[-1]{$1} = Model::unescape($2) if /^(stored|hashed|id) (.*)\z/;
}
cmp_ok scalar @vectors, '>=', 30, scalar(@vectors) . ' vectors';
for my $v (@vectors) {
	is encode_base64url(substr(sha256($v->{hashed}), 0, 18)), $v->{id},
	    "$v->{what} The id";
	is Model::hashed($v->{stored}), $v->{hashed},
	    "$v->{what} The hashed octets";
}
# What is the same id on purpose.
for my $i (1 .. $#vectors) {
	next unless $vectors[$i]{what} =~ /the same id/i;
	is $vectors[$i]{id}, $vectors[$i - 1]{id}, $vectors[$i]{what};
}

# Each alone: with a separator where the message does not end without one.
for my $v (@vectors) {
	my ($mbox) = grep {
		my $scan = Model::scan($_);
		@{ $scan->{messages} } == 1
		    && $scan->{messages}[0]{stored} eq $v->{stored};
	} $v->{stored}, "$v->{stored}\n", "$v->{stored}\r\n";
	isnt $mbox, undef, "$v->{what} A mailbox";
	is_deeply [ids($mbox)], [$v->{id}], "$v->{what} UIDL";
}

# All that can stand before others, in one mailbox.
{
	my @chosen = grep { $_->{stored} =~ /\n\r?\n/ && $_->{stored} =~ /\n\z/
	    } @vectors;
	my $mbox = join '', map { "$_->{stored}\n" } @chosen;
	my %seen;
	is_deeply [ids($mbox)], [map { my $id = $_->{id};
	    ++$seen{$id} > 1 ? "$id-$seen{$id}" : $id } @chosen],
	    'all in one mailbox';
	cmp_ok scalar(grep { /-\d+\z/ } ids($mbox)), '>=', 5, 'with copies';
}

# ---- Copies.

{
	my @messages = map { $from . Nasty::usual($_) . "\n" } 1 .. 3;
	my @ids = ids(join '', @messages);
	is_deeply [ids(join '', @messages[0, 1, 0, 0, 2, 1])],
	    [$ids[0], $ids[1], "$ids[0]-2", "$ids[0]-3", $ids[2], "$ids[1]-2"],
	    'copies are numbered in order';
	my $path = box(join '', @messages[0, 0, 1, 0]);
	my $c = start($path);
	is $c->say('UIDL 2'), "+OK 2 $ids[0]-2", 'UIDL of one';
	is $c->say('DELE 1'), '+OK message 1 deleted', 'the first copy';
	is $c->multi('UIDL'), "2 $ids[0]-2\r\n3 $ids[1]\r\n4 $ids[0]-3\r\n",
	    'the others keep their ids in this session';
	like $c->say('QUIT'), qr/^\+OK/, 'QUIT';
	$c->exit_code;
	is_deeply [uidl($path)], [$ids[0], $ids[1], "$ids[0]-2"],
	    'the suffix moved to an equal message';
}

# Hundreds of copies.
{
	my @ids = ids("${from}a: b\n\nc\n\n" x 300);
	is_deeply \@ids, [$ids[0], map { "$ids[0]-$_" } 2 .. 300], '300 copies';
}

# ---- What changes and what does not.

{
	my $mbox = Nasty::usual_mbox(1 .. 5);
	my @ids = ids($mbox);
	is scalar(keys %{ { map { $_ => 1 } @ids } }), 5, 'five ids';
	is_deeply [grep { !/\A[A-Za-z0-9_-]{24}\z/ } @ids], [],
	    '24 characters of URL-safe base64';
	is_deeply [ids($mbox =~ s/\n/\r\n/gr)], \@ids, 'CR LF';
	my $edited = $mbox =~ s/^(Subject: .*)\n/"$1\nStatus: RO\nX-Keywords:
	    \tx\nX-UID: 7\nX-UIDL: spoofed\nContent-Length: 1\n y\nLines: 99\n"
	    /gmer;
	isnt $edited, $mbox, 'edited';
	is_deeply [ids($edited)], \@ids, 'what mail readers edit';
	my @changed = ids($mbox =~ s/text/TEXT/gr);
	is scalar(grep { $changed[$_] eq $ids[$_] } 0 .. 4), 0, 'the bodies';
	@changed = ids($mbox =~ s/^To: /To:  /gmr);
	is scalar(grep { $changed[$_] eq $ids[$_] } 0 .. 4), 0, 'the headers';
	@changed = ids($mbox =~ s/^From a\@b/From c\@d/gmr);
	is scalar(grep { $changed[$_] eq $ids[$_] } 0 .. 4), 0,
	    'the From_ lines';
}

# X-UIDL is never believed: not as an id, not to make two messages one.
{
	my @ids = ids("${from}X-UIDL: 1\n\na\n\n${from}X-UIDL: 1\n\nb\n\n");
	isnt $ids[0], $ids[1], 'one X-UIDL, two ids';
	unlike "@ids", qr/\b1\b/, 'and neither is it';
}

# Ids stay over sessions, deletions and deliveries.
{
	my $path = box(Nasty::usual_mbox(1 .. 6));
	my @ids = uidl($path);
	my $c = start($path);
	$c->say("DELE $_") for 2, 5;
	$c->say('QUIT');
	$c->exit_code;
	is_deeply [uidl($path)], [@ids[0, 2, 3, 5]], 'after DELE and QUIT';
	open my $fh, '>>:raw', $path or die "$path: $!";
	print {$fh} Nasty::usual_mbox(7);
	close $fh or die "$path: $!";
	my @after = uidl($path);
	is_deeply [@after[0 .. 3]], [@ids[0, 2, 3, 5]], 'after a delivery';
	is scalar @after, 5, 'and one more';
}

# Long headers and bodies: every octet at every place of a block.
{
	my $mbox = join '', map { $from . Nasty::words($_, 40_000, 'Status: RO',
	    "\n", "\r", "\r\n", ' ', "\t", ':', 'x', 'X-UID:', "a: b\n",
	    "x\n ") } 11 .. 14;
	my $scan = Model::scan($mbox);
	is_deeply [ids($mbox)], [Model::uids(@{ $scan->{messages} })],
	    'random headers and bodies';
	my $long = $from . 'Status: ' . "x\n " x 100_000 . "x\nX-Y: "
	    . "x\n " x 100_000 . "x\n" . "\nbody\r" x 50_000;
	is_deeply [ids($long)], [Model::uids(
	    @{ Model::scan($long)->{messages} })], 'very long fields';
}
done_testing;

sub box {
	my ($mbox) = @_;
	return Dewey::write_file("$dir/" . $files++, $mbox);
}

sub start {
	my ($path) = @_;
	my $c = Dewey->start('--preauth', '--secrets=none', '--log=none',
	    '--locks=fcntl', "--mailbox=$path");
	$c->greeting =~ /^\+OK/ or $c->fail('no session');
	return $c;
}

# The ids of the mailbox ${path}; those of its octets.
sub uidl {
	my ($path) = @_;
	my $c = start($path);
	my $body = $c->multi('UIDL');
	my $n = 0;
	my @ids = map { /\A(\d+) (\S+)\z/ && $1 == ++$n ? $2 : "bad: $_" }
	    split /\r\n/, $body;
	$c->say('QUIT');
	return @ids;
}

sub ids { my ($mbox) = @_; return uidl(box($mbox)) }
