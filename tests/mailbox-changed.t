#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# A mailbox that changes during the session: what was asked for is what is
# sent, or -ERR [SYS/TEMP]; at QUIT mail that was appended stays, messages are
# known by their unique-ids where those were asked for, and nothing that was
# not marked is ever deleted.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Test::More;

my @texts = ("A: 1\n\nthe first\n", "B: 2\n\nthe second\n",
    "C: 3\n\nthe third\n", "B: 2\n\nthe second\n", "D: 5\n\nthe fifth\n");
my $mbox = Dewey::mbox(@texts);
my $site = Dewey->site(users => { mrose => 'secret' },
    mail => { mrose => $mbox });
my $box = $site->mailbox('mrose');
my $changed =
    '-ERR [SYS/TEMP] mailbox was changed by another program, ' .
    'wait and log in again';
my $some = '-ERR [SYS/TEMP] some deleted messages not removed';

sub wire { return $_[0] =~ s/\n/\r\n/gr }

# Writes the mailbox in place: same inode, as mail readers do.
sub rewrite { Dewey::write_file($box, Dewey::mbox(@_)) }

sub append {
	my ($octets) = @_;
	open my $fh, '>>:raw', $box or die "$box: $!";
	print {$fh} $octets;
	close $fh or die "$box: $!";
}

# Begins a session over the five messages; ${ids}: UIDL is asked.
sub begin {
	my ($ids) = @_;
	Dewey::write_file($box, $mbox);
	my $c = $site->login('mrose', '--log=stderr');
	$c->multi('UIDL') if $ids;
	return $c;
}

sub bye { "+OK dewey POP3 server signing off ($_[0])" }

# ---- RETR and TOP.
for my $ids (0, 1) {
	my $with = $ids ? 'ids known' : 'ids not known';
	my $c = begin($ids);
	append(Dewey::mbox("E: 6\n\nnew\n"));
	is $c->say('STAT') =~ s/ \d+\z//r, '+OK 5', "$with, appended: STAT";
	for my $n (1 .. 5) {
		is $c->unstuffed("RETR $n"), wire($texts[$n - 1]),
		    "$with, appended: RETR $n";
		is $c->unstuffed("TOP $n 0"), wire($texts[$n - 1] =~
		    s/\n\n\K.*//sr), "$with, appended: TOP $n 0";
	}
	is $c->say('RETR 6'),
	    '-ERR no such message, only 5 messages in maildrop',
	    "$with, appended: not shown";
	is scalar(() = $c->multi('UIDL') =~ /\n/g), 5,
	    "$with, appended: UIDL";
	is $c->say('QUIT'), bye('5 messages left'), "$with, appended: QUIT";

	# A message in the middle is edited, of the same length.
	$c = begin($ids);
	rewrite(@texts[0, 1], $texts[2] =~ s/third/THIRD/r, @texts[3, 4]);
	is $c->unstuffed('RETR 1'), wire($texts[0]),
	    "$with, edited: RETR of one before";
	is $c->unstuffed('RETR 5'), wire($texts[4]),
	    "$with, edited: RETR of one behind";
	my ($reply, $body) = $c->multi('RETR 3');
	if ($ids) {
		is $reply, $changed, "$with, edited: RETR";
		is $c->say('TOP 3 0'), $changed, "$with, edited: TOP";
	} else {
		like $reply, qr/^\+OK|^-ERR \[SYS/, "$with, edited: RETR";
		is length $body, length wire($texts[2]),
		    "$with, edited: the octets that LIST told"
		    if defined $body;
	}
	is $c->say('QUIT'), bye('5 messages left'), "$with, edited: QUIT";

	# ... of another length: those behind it are elsewhere now.
	$c = begin($ids);
	rewrite($texts[0], "$texts[1]more\n", @texts[2 .. 4]);
	is $c->unstuffed('RETR 1'), wire($texts[0]),
	    "$with, longer: RETR of one before";
	for my $n (2 .. 5) {
		is $c->say("RETR $n"), $changed, "$with, longer: RETR $n";
		is $c->say("TOP $n 1"), $changed, "$with, longer: TOP $n";
	}
	is $c->say('QUIT'), bye('5 messages left'), "$with, longer: QUIT";

	# Another message of the same length is where one was.
	$c = begin($ids);
	rewrite(@texts[0, 1], "X: 0\n\nan ogre..\n", @texts[3, 4]);
	$reply = $c->say('RETR 3');
	is $reply, $changed, "$with, another one: RETR" if $ids;
	if (!$ids && $reply =~ /^\+OK (\d+) octets/) {
		is length $c->body =~ s/\n\././gr, $1,
		    "$with, another one: as many octets as told";
	}
	$c->close;
	$c->exit_code;

	# As long in the file, but not on the wire.
	$c = begin($ids);
	rewrite(@texts[0, 1], $texts[2] =~ s/d\n\z/\r\n/r, @texts[3, 4]);
	is $c->say('RETR 3'), $changed, "$with, a CR more: RETR";
	is $c->say('TOP 3 0'), $changed, "$with, a CR more: TOP";
	$c->close;
	$c->exit_code;

	# Cut short, emptied, no mbox any more, gone.
	$c = begin($ids);
	truncate $box, 2 * 60;
	is $c->unstuffed('RETR 1'), wire($texts[0]), "$with, cut: RETR 1";
	is $c->say("RETR $_"), $changed, "$with, cut: RETR $_" for 3 .. 5;
	is $c->say('QUIT'), bye('5 messages left'),
	    "$with, cut: nothing was marked";
	for my $octets ('', 'x', "\n" x 300, "\0" x 300) {
		$c = begin($ids);
		Dewey::write_file($box, $octets);
		is $c->say("RETR $_"), $changed, "$with, spoilt: RETR $_"
		    for 1 .. 5;
		is $c->say('TOP 1 0'), $changed, "$with, spoilt: TOP";
		like $c->say('UIDL'), qr/^-ERR \[SYS\/TEMP\]/,
		    "$with, spoilt: UIDL" if !$ids;
		like $c->say('LIST'), qr/^\+OK 5 messages/,
		    "$with, spoilt: LIST is that of the login";
		$c->body;
		$c->say('DELE 1');
		is $c->say('QUIT'), $some, "$with, spoilt: QUIT";
		is $c->exit_code, 111, "$with, spoilt: exit code";
		is Dewey::read_file($box), $octets,
		    "$with, spoilt: nothing is written";
	}
	$c = begin($ids);
	unlink $box;
	$c->say('DELE 2');
	$c->multi('RETR 1');
	is $c->say('QUIT'), $some, "$with, removed: QUIT";
	ok !-e $box, "$with, removed: not made again";
}

# ---- QUIT.  Each row: a name, whether ids are known, the marked ones, what is
# in the mailbox then, what QUIT says, what is left.
my $status = sub { $_[0] =~ s/\n/\nStatus: RO\nX-UID: 9\n/r };
my @new = ("E: 6\n\nnew\n");
for my $row (
	[ 'appended', 0, [ 2 ], [ @texts, @new ], bye('4 messages left'),
	    [ @texts[0, 2, 3, 4], @new ] ],
	[ 'appended', 1, [ 2 ], [ @texts, @new ], bye('4 messages left'),
	    [ @texts[0, 2, 3, 4], @new ] ],
	[ 'appended, all marked', 0, [ 1 .. 5 ], [ @texts, @new ],
	    bye('maildrop empty'), [ @new ] ],
	[ 'appended, the last marked', 0, [ 5 ], [ @texts, @new ],
	    bye('4 messages left'), [ @texts[0 .. 3], @new ] ],
	[ 'status lines', 1, [ 1, 3 ], [ map { $status->($_) } @texts ],
	    bye('3 messages left'), [ map { $status->($_) }
	    @texts[1, 3, 4] ] ],
	[ 'status lines', 0, [ 1, 3 ], [ map { $status->($_) } @texts ],
	    $some, undef ],
	[ 'another was deleted', 1, [ 3 ], [ @texts[1 .. 4] ],
	    undef, [ @texts[1, 3, 4] ] ],
	[ 'another was deleted', 0, [ 3 ], [ @texts[1 .. 4] ], $some, undef ],
	[ 'sorted', 1, [ 1, 5 ], [ @texts[4, 3, 2, 1, 0] ],
	    bye('3 messages left'), [ @texts[3, 2, 1] ] ],
	[ 'the marked one was deleted', 1, [ 3 ], [ @texts[0, 1, 3, 4] ],
	    $some, undef ],
	[ 'one of two marked was deleted', 1, [ 1, 3 ],
	    [ @texts[0, 1, 3, 4] ], $some, [ @texts[1, 3, 4] ] ],
	[ 'the marked one was edited', 1, [ 3 ],
	    [ @texts[0, 1], "$texts[2]more\n", @texts[3, 4] ], $some, undef ],
	[ 'edited, of the same length', 1, [ 3 ],
	    [ @texts[0, 1], $texts[2] =~ s/third/THIRD/r, @texts[3, 4] ],
	    $some, undef ],
	[ 'another was edited', 1, [ 3 ],
	    [ "$texts[0]more\n", @texts[1 .. 4] ], undef,
	    [ "$texts[0]more\n", @texts[1, 3, 4] ] ],
	[ 'one of two copies marked', 1, [ 4 ], [ $status->($texts[0]),
	    @texts[1 .. 4] ], undef, [ $status->($texts[0]),
	    @texts[1, 2, 4] ] ],
	[ 'both copies marked', 1, [ 2, 4 ], [ $status->($texts[0]),
	    @texts[1 .. 4] ], undef, [ $status->($texts[0]), @texts[2, 4] ] ],
	[ 'a copy was deleted', 1, [ 2 ], [ @texts[0, 2, 3, 4] ], $some,
	    undef ],
	[ 'a copy arrived', 1, [ 2 ], [ $status->($texts[0]), @texts[1 .. 4],
	    $texts[1] ], $some, undef ],
	[ 'both copies marked, one was deleted', 1, [ 2, 4 ],
	    [ @texts[0, 2, 3, 4] ], $some, undef ],
	[ 'all replaced', 1, [ 1 .. 5 ], [ @new ], $some, undef ],
	[ 'all replaced', 0, [ 1 .. 5 ], [ @new ], $some, undef ]) {
	my ($name, $ids, $marked, $then, $bye, $left) = @$row;
	$name .= $ids ? ', ids known' : ', ids not known';
	my $c = begin($ids);
	$c->say("DELE $_") for @$marked;
	rewrite(@$then);
	my $reply = $c->say('QUIT');
	if (defined $bye) {
		is $reply, $bye, "QUIT, $name";
	} else {
		like $reply, qr/^\+OK/, "QUIT, $name";
	}
	is $c->exit_code, $reply =~ /^\+OK/ ? 0 : 111,
	    "QUIT, $name: exit code";
	my @after = split /(?=^From )/m, Dewey::read_file($box);
	my @expected = map { Dewey::mbox($_) } @{ $left // $then };
	# Of two equal messages either may go.
	is_deeply $name =~ /copies/ ? [ sort @after ] : \@after,
	    $name =~ /copies/ ? [ sort @expected ] : \@expected,
	    "QUIT, $name: what is left";
	my ($deleted) = $c->stderr =~ / deleted=(\d+) /;
	is $deleted, @$then - @{ $left // $then },
	    "QUIT, $name: the log tells how many went";
}

# A From_ line that grew moves all that is behind it.
for my $ids (0, 1) {
	my $c = begin($ids);
	$c->say('DELE 3');
	my $then = $mbox =~ s/a\@b/aaa\@b/r;
	Dewey::write_file($box, $then);
	if ($ids) {
		like $c->say('QUIT'), qr/^\+OK/, 'From_ line edited: QUIT';
		is Dewey::read_file($box), Dewey::mbox(@texts[0, 1, 3, 4]) =~
		    s/a\@b/aaa\@b/r, 'From_ line edited: the marked one went';
	} else {
		is $c->say('QUIT'), $some, 'From_ line edited, no ids: QUIT';
		is Dewey::read_file($box), $then,
		    'From_ line edited, no ids: nothing went';
	}
}

# A reader deletes the marked one of two copies and reads the other: now that has
# its octets, in its place.  It is the copy that was kept.
for my $ids (0, 1) {
	my ($read, $unread) = map { Dewey::mbox("Status: $_\n$texts[0]") }
	    qw(RO O);
	my $rest = Dewey::mbox(@texts[1, 2]);
	Dewey::write_file($box, $read . $unread . $rest);
	my $c = $site->login('mrose', '--log=stderr');
	$c->multi('UIDL') if $ids;
	$c->say('DELE 1');
	Dewey::write_file($box, $read . $rest);
	is $c->say('QUIT'), $some, "the other copy is read, ids $ids: QUIT";
	is Dewey::read_file($box), $read . $rest, '... and it stays';
	$c->exit_code;
}

# A reader that writes a new file and renames it.
for my $ids (0, 1) {
	my $c = begin($ids);
	$c->say('DELE 3');
	Dewey::write_file("$box.new", Dewey::mbox(@texts[1 .. 4]));
	rename "$box.new", $box or die $!;
	if ($ids) {
		is $c->say('QUIT'), bye('3 messages left'),
		    'renamed, ids known: QUIT';
		is Dewey::read_file($box), Dewey::mbox(@texts[1, 3, 4]),
		    'renamed, ids known: the marked one went';
		is $c->exit_code, 0, 'renamed, ids known: exit code';
	} else {
		is $c->say('QUIT'), $some, 'renamed: QUIT';
		is Dewey::read_file($box), Dewey::mbox(@texts[1 .. 4]),
		    'renamed: nothing went';
		is $c->exit_code, 111, 'renamed: exit code';
	}
}

# The next session sees the mailbox as it is.
{
	rewrite(@new);
	my $c = $site->login('mrose');
	is $c->say('STAT'), '+OK 1 13', 'the next session';
	is $c->unstuffed('RETR 1'), wire($new[0]), 'sees what is there';
	$c->say('QUIT');
}

# A mailbox that was missing or empty at login, and mail arrived since.
for my $octets (undef, '') {
	unlink $box;
	Dewey::write_file($box, $octets) if defined $octets;
	my $c = $site->login('mrose');
	rewrite(@new);
	is $c->say('STAT'), '+OK 0 0', 'mail arrived: STAT';
	is $c->say('DELE 1'),
	    '-ERR no such message, only 0 messages in maildrop',
	    'mail arrived: DELE';
	is $c->say('QUIT'), bye('maildrop empty'), 'mail arrived: QUIT';
	is $c->exit_code, 0, 'mail arrived: exit code';
	is Dewey::read_file($box), Dewey::mbox(@new), 'mail arrived: it stays';
}

# ---- The sidecar is removed or renamed during the session, by a backup that comes
# back, say: nobody would find a journal in it, so nothing is moved.
{
	my $sidecar = $box =~ s{([^/]+)\z}{.$1.dewey}r;
	my $c;
	for my $row (['removed', sub { unlink $sidecar }],
	    ['renamed', sub { rename $sidecar, "$sidecar.old" }],
	    ['replaced', sub { rename $sidecar, "$sidecar.old" and
		    Dewey::write_file($sidecar, q{}, 0600) }]) {
		my ($what, $do) = @$row;
		$c = begin(0);
		$c->say('DELE 1');
		$do->() or die "$sidecar: $what: $!";
		is $c->say('QUIT'), $some, "the sidecar was $what: QUIT";
		$c->exit_code;
		is Dewey::read_file($box), $mbox, '... and nothing is moved';
		like $c->stderr, qr/\.mrose\.dewey beside it was removed or /,
		    '... and the log says why';
	}
	$c = $site->login('mrose');
	$c->say('DELE 1');
	is $c->say('QUIT'), bye('4 messages left'), '... the next one can';
	$c = begin(0);
	$c->say('DELE 5');
	unlink $sidecar or die "$sidecar: $!";
	is $c->say('QUIT'), bye('4 messages left'),
	    '... and what is last needs no journal';
}

done_testing;
