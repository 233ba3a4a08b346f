#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The cached index: what it answers is what a scan answers, and no wrong message
# is sent and none is deleted, however the mailbox changed.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Cache;
use Dewey;
use Test::More;

# ---- Unchanged: the answers are those of a scan.
put($mail);
forget();
my @every = (@look, map { ("RETR $_", "TOP $_ 1", "UIDL $_", "LIST $_") }
    1 .. $count, $count + 1);
same('the first session answers as without a cache', @every);
is((stat $file)[2] & 07777, 0600, 'the index is the user\'s alone');
my @head = head();
my @records = records();
is unpack('q<', pack 'Q<', $head[ $at{hash} ]),
    hash(0, substr Dewey::read_file($file), RECORDS_AT),
    'the checksum of the records is the one that this test computes';
is unpack('q<', pack 'Q<', $head[ $at{checksum} ]),
    hash(0, substr Dewey::read_file($file), 0, 17 * 8),
    'the checksum of the head, too';
is scalar @records, $count, 'one record a message';
my @sums = map { $_->[2] } @records;
is scalar(grep { $_ } @sums), $count, 'each has a sum';
is scalar(keys %{ { map { $_ => 1 } @sums } }), $count,
    '... of its octets and its place, so no two have the same';
forget();
same('a session that begins anew', @every);
is join(' ', map { $_->[2] } records()), "@sums", '... finds the same sums';
same('the second session, too', @every);
is talk({}, @every) + 0, @every, 'a session after it';
is join(' ', map { $_->[0] } talk({}, 'RETR 1')), '+OK ' .
    length($wire[0]) . ' octets', 'RETR alone';
for my $verb (qw(STAT LIST UIDL)) {
	same("$verb alone", $verb);
}
poison(3);
ok believed(), 'what is cached is believed: no id is computed twice';
is scalar(reads(@look)), 0, 'unchanged: not an octet of the mailbox is read';
put($mail . $more);
my @read = reads('STAT');
cmp_ok scalar @read, '>', 0, 'appended: something is read';
is scalar(reads(@look)), 1,
    'then once more, for the ids of what was appended';
is scalar(reads(@look)), 0, 'and then nothing';

# ---- Tail scan equals full scan at every split.
my $base = join '', @stored;
my @tails = (
	from() . "I: 1\n\nbody\n\n" . from() . "J: 2\n\n" . from() .
	    "K: 3\n\nwith no end",
	"more of the last\n\n" . from() . "L: 1\r\n\r\nCR\r\n\r\n" . from() .
	    "M: 2\n\nFrom nowhere\n\nFrom a b\n\n\n\n" . from() . "\n\n",
	"\r\n" . from() . "N: 1\n\n\r\n\r\n" . from() . "O\n\n>From x\n\nFro",
);
for my $t (0 .. $#tails) {
	my $tail = $tails[$t];
	my $start = length($base) - 30;
	my $all = $base . $tail;
	my $full;
	my (@wrong, %want);
	my $slow = Dewey::slow();
	# Octet by octet, each session going on from the last one's index.
	put(substr $all, 0, $start);
	forget();
	cached();
	my $believed = 0;
	for (my $n = $start + 1; $n <= length $all; $n += $slow ? 17 : 1) {
		put(substr($all, 0, $n), 1);
		# Some are settled, some are not.
		touch($n % 3 ? () : 1);
		$want{$n} = truth();
		my $got = cached();
		push @wrong, $n if $got ne $want{$n};
		push @wrong, "$n again" if $n % 4 == 0 && cached() ne $want{$n};
	}
	ok !@wrong, "tail $t, grown octet by octet" or diag "at @wrong";
	@wrong = ();
	$full = $want{ (sort { $b <=> $a } keys %want)[0] };
	put($all);
	$full = truth();
	for (my $n = $start; $n < length $all; $n += $slow ? 17 : 1) {
		put(substr $all, 0, $n);
		forget();
		cached('STAT');
		put($all);
		push @wrong, $n if cached() ne $full;
	}
	ok !@wrong, "tail $t, grown at once from every split"
	    or diag "at @wrong";
}
# The tail is all that is looked at: what is known stays known.
put($mail);
forget();
cached();
poison(3);
put($mail . $more);
ok believed(), 'appended: the ids that were known are not computed again';
is scalar(() = truth('UIDL') =~ /\n/g), $count + 4, '(and more are there)';

# ---- Marks are not stored.
put($mail);
forget();
talk({}, 'STAT');
talk({}, 'DELE 1', 'DELE 7', 'UIDL');
put($mail . $more);
same('after a session that marked and went: answers', @look);
{
	my $octets = substr Dewey::read_file($file), RECORDS_AT;
	put($mail . $more . $more);
	talk({}, 'STAT');
	is hash(0, substr Dewey::read_file($file), RECORDS_AT), unpack('q<',
	    pack 'Q<', (head())[ $at{hash} ]), '... and the index is whole';
}
put($mail);
forget();
talk({}, 'STAT');
talk({}, 'DELE 1', 'UIDL');
put($mail . $more);
talk({}, 'STAT');
is hash(0, substr Dewey::read_file($file), RECORDS_AT), unpack('q<',
    pack 'Q<', (head())[ $at{hash} ]),
    'UIDL with a mark, then mail: the index is whole';

# ---- UPDATE, and what is left of the index.
# Even if it took so long that its own change has settled, and if the empty line
# of the last message that stays went, too.
for my $goes (20, $count) {
	put($mail =~ s/\n\n\z/\n/r);
	forget();
	cached();
	talk({}, "DELE $goes", 'QUIT');
	poison(3);
	ok believed(), "delete $goes: what was before is believed";
}
for my $marks ([ 1 ], [ 5 ], [ $count ], [ 1, $count ], [ 2 .. $count ],
    [ 1 .. 40 ], [ 1 .. $count ]) {
	my %gone = map { $_ => 1 } @$marks;
	my $left = join '', @stored[ grep { !$gone{ $_ + 1 } } 0 .. $#stored ];
	my $name = @$marks < 3 ? "delete @$marks" : 'delete ' . @$marks .
	    " from $marks->[0]";
	for my $ids (0, 1) {
		put($mail);
		forget();
		$ids ? cached() : talk({}, 'STAT');
		my @said = talk({}, (map { "DELE $_" } @$marks), 'QUIT');
		is Dewey::read_file($box), $left, "$name, ids $ids: done";
		touch();
		same("$name, ids $ids: the next session");
		put($left . $mail);
		same("$name, ids $ids: after much mail");
		same("$name, ids $ids: and again", @look, 'RETR 1');
	}
}
# All messages have the same length: the old places are places still.
{
	my @even = map { from() . sprintf("E: %03d\n\n", $_) . "even\n" x 300
	    . "\n" } 1 .. 60;
	for my $marks ([ 1 ], [ 1 .. 30 ], [ 1 .. 55 ], [ 1 .. 60 ], [ 60 ],
	    [ 30 ]) {
		put(join '', @even[ 0 .. 49 ]);
		forget();
		cached();
		talk({}, (map { "DELE $_" } grep { $_ <= 50 } @$marks), 'QUIT');
		my $left = Dewey::read_file($box);
		put($left . join '', @even[ 50 .. 59 ], @even);
		my $n = 50 - grep { $_ <= 50 } @$marks;
		same("even messages, " . (50 - $n) . " from $marks->[0] went, "
		    . 'more came', @look, 'RETR 1', 'RETR 40');
	}
}

# ---- Octets change and the index does not know it: nothing wrong is sent,
# nothing wrong is deleted.  ${edit} keeps the length; ${ids}: they are known.
sub edited {
	my ($name, $edit, $n, %o) = @_;
	for my $ids (0, 1) {
		for my $how ('under the same stamps',
		    # Fewer than 65 messages: each begin is looked at.
		    $o{scan} ? () : 'then mail came') {
			my $now = $mail;
			$edit->($now) or die "$name: no edit";
			length $now == length $mail or die "$name: length";
			my $state = sub {
				put($mail);
				forget();
				$ids ? cached() : talk({}, 'STAT');
				if ($how =~ /mail/) {
					put($now . $more);
				} else {
					put($now, 1);
				}
			};
			my $after = $how =~ /mail/ ? $now . $more : $now;
			my $without = $after;
			substr $without, length(join '', @stored[0 .. $n - 2]),
			    length $stored[ $n - 1 ], '';
			$state->();
			my $what = "$name, ids $ids, $how";
			my ($retr, $top) = talk({}, "RETR $n", "TOP $n 0");
			if ($ids || $o{bounds}) {
				like $retr->[0], qr/^-ERR \[SYS\/TEMP\]/,
				    "$what: RETR";
				like $top->[0], qr/^-ERR \[SYS\/TEMP\]/,
				    "$what: TOP";
			}
			for my $ask ([], [ 'UIDL' ]) {
				next unless $ids || $o{bounds};
				$state->();
				my @said = talk({}, @$ask, "DELE $n", 'QUIT');
				# Its id was asked for when it was this already.
				next if !$ids && @$ask &&
				    Dewey::read_file($box) eq $without;
				is Dewey::read_file($box), $after,
				    "$what: DELE, @$ask: nothing went";
				like $said[-1][0], qr/^-ERR \[SYS\/TEMP\]/,
				    "$what: DELE, @$ask: QUIT";
			}
			# Others go.
			$state->();
			my @said = talk({}, 'DELE 2', 'QUIT');
			my $want = $after;
			substr $want, length $stored[0], length $stored[1], '';
			is Dewey::read_file($box), $want,
			    "$what: another one goes";
		}
	}
}
edited('words of a body', sub { $_[0] =~ s/twin/TWIN/ }, 5);
edited('a line less', sub { $_[0] =~ s/(line 9 of many)\nline/$1 line/ }, 16,
    bounds => 1);
edited('a From_ line less', sub { $_[0] =~
    s/From (a\@b [^\n]*\nD: 4)/from $1/ }, 4, bounds => 1, scan => 1);

# An index that was found to be wrong is not believed by the next session.
{
	put($mail);
	forget();
	cached();
	put($mail =~ s/(line 9 of many)\nline/$1 line/r, 1);
	isnt cached(), truth(), 'a line less, under the same stamps: not seen';
	my ($retr) = talk({}, 'RETR 16');
	like $retr->[0], qr/^-ERR \[SYS\/TEMP\]/, '... RETR sees it';
	same('... and so does the next session', @look, 'RETR 16');
}

# What a reader of mail changes in a header is not of the id, but of the octets.
{
	my $status = $mail =~ s/E: 5\n/E: 5\nStatus: RO\n/r;
	put($status);
	forget();
	my $before = cached();
	put($status =~ s/Status: RO/Status:  O/r, 1);
	my ($retr, $top, $other) = talk({}, 'RETR 5', 'TOP 5 0', 'RETR 6');
	like $_->[0], qr/^-ERR \[SYS\/TEMP\]/,
	    'a header edited in place under the same stamps is not sent'
	    for $retr, $top;
	is unstuffed($other->[1]), $wire[5], 'the next message is';
	is cached(), $before, '(and no id has changed)';
	touch();
	same('under others it is', 'RETR 5', 'TOP 5 0', @look);
}

# What begins behind no empty line is no message.  Message 19 of so many is none
# of those that are looked at when mail came.
my @many = map { from() . sprintf("M: %03d\n\n", $_) . "much mail\n" x 40 .
    "\n" } 1 .. 200;
for my $ids (0, 1) {
	for my $how ('under the same stamps', 'then mail came') {
		my $now = join '', @many;
		$now =~ s/(\nM: 018\n.*?)\n\n(?=From )/$1X\n/s or die;
		my $after = $now . ($how =~ /mail/ ? $more : '');
		my $state = sub {
			put(join '', @many);
			forget();
			$ids ? cached() : talk({}, 'STAT');
			put($after, $how !~ /mail/);
		};
		my $what = "no empty line before a message, ids $ids, $how";
		$state->();
		my ($retr) = talk({}, 'RETR 19');
		like $retr->[0], qr/^-ERR \[SYS\/TEMP\]/, "$what: RETR";
		$state->();
		my @said = talk({}, 'DELE 19', 'QUIT');
		is Dewey::read_file($box), $after, "$what: DELE: nothing went";
		like $said[-1][0], qr/^-ERR \[SYS\/TEMP\]/, "$what: QUIT";
	}
}

# ---- Rewritten, restored, copied: another file or another size.
for my $case (
	[ 'shorter', join('', @stored[ 1 .. $#stored ]) ],
	[ 'of another order', join('', reverse @stored) ],
	[ 'of the same size', $mail =~ s/twin/TWIN/r ],
	[ 'longer, and another', join('', map { from() .
	    "Z: $_\n\n" . "other\n" x 400 . "\n" } 1 .. 40) ],
) {
	my ($name, $octets) = @$case;
	put($mail);
	forget();
	cached();
	put($octets);
	same("rewritten, $name", @look, map { "RETR $_" } 1 .. 10);
	same("rewritten, $name: again", @look, map { "RETR $_" } 1 .. 10);
	put($mail);
	forget();
	cached();
	Dewey::write_file("$box.new", $octets);
	rename "$box.new", $box or die "rename: $!";
	# Under the very stamps of the other one.
	same("replaced, $name, the same stamps", @look);
	touch();
	same("replaced, $name", @look, map { "RETR $_" } 1 .. 10);
}
# The index of another mailbox, of the same content but for a word.
put($mail);
forget();
cached();
poison(3);
{
	my $other = Dewey::read_file($file);
	Dewey::write_file("$box.new", $mail);
	rename "$box.new", $box or die "rename: $!";
	Dewey::write_file($file, $other);
	ok !believed(), 'the index of another file: not believed';
}

# ---- The real clock: no stamp is bent.  One wait for all.

# Started by root: the index is made for a user who could not make it.
my ($common, $spool) = ("$dir/common", "$dir/spool");
my @ours = (61_001, 61_002);
sub by_root {
	my ($uid, @commands) = @_;
	my $c = Dewey->start('--host=dewey.example', "--users=$dir/users",
	    '--secrets=none', "--mailbox=$spool/%u", '--log=none',
	    "--cache-dir=$common", { as_root => 1 });
	$c->greeting;
	$c->say("USER u$uid");
	$c->fail('no login') if $c->say('PASS secret') !~ /^\+OK/;
	my @got = answers($c, @commands);
	$c->close_write;
	$c->exit_code;
	return @got;
}
if (!$>) {
	chmod 0755, $dir or die "$dir: $!";
	my $hash = crypt 'secret', '$6$rounds=1000$dewey';
	Dewey::write_file("$dir/users", join '', map {
	    "u$_:$hash:$_:$_\:::\n" } @ours);
	chown 0, 0, $dir, "$dir/users";
	mkdir $_, 0755 or die "$_: $!" for $common, $spool;
	chown 0, 8, $spool or die "$spool: $!";
	chmod 02775, $spool or die "$spool: $!";
	for my $uid (@ours) {
		Dewey::write_file("$spool/u$uid", $mail, 0600);
		chown $uid, 8, "$spool/u$uid" or die "chown: $!";
		by_root($uid, 'STAT');
		is join(' ', map { sprintf '%o', $_ }
		    (stat "$common/u$uid")[2]), '100600',
		    "by root: the index of $uid";
		is join(' ', (stat _)[3, 4, 5]), "1 $uid $uid",
		    '... is that user\'s';
	}
	is sprintf('%o %d', (stat $common)[2, 4]), '40755 0',
	    'by root: the directory stays as it was';
}
unlink $file;
Dewey::write_file($box, $mail);
my %live = (live => 1);
talk(\%live, 'UIDL');
poison(3);
unlike text(\%live, 'UIDL'), qr/\Q$told\E/, 'changed just now: not believed';
# Same length, time stamp put back, at once.
my ($atime, $mtime) = (stat $box)[8, 9];
talk(\%live, 'UIDL');
Dewey::write_file($box, $mail =~ s/twin/TWIN/r);
utime $atime, $mtime, $box;
is text(\%live, 'UIDL'), text({ %live, cache => 'none' }, 'UIDL'),
    'edited in the same moment: seen';
select undef, undef, undef, 2.3;
talk(\%live, 'UIDL');
poison(3);
like text(\%live, 'UIDL'), qr/\Q$told\E/, 'two seconds later: believed';
Dewey::write_file($box, $mail);
utime $atime, $mtime, $box;
is text(\%live, 'UIDL'), text({ %live, cache => 'none' }, 'UIDL'),
    'edited, the time stamp put back: seen';
if (!$>) {
	my @own = map { "$common/u$_" } @ours;
	my @true = by_root($ours[0], @look);
	my $own = $file;
	$file = $own[0];
	poison(3);
	chown $ours[0], $ours[0], $file;
	$file = $own;
	like((by_root($ours[0], 'UIDL'))[0][1], qr/\Q$told\E/,
	    'by root: believed when settled');
	by_root($ours[1], 'UIDL');
	unlink $own[1];
	rename $own[0], $own[1] or die "rename: $!";
	is_deeply [ by_root($ours[1], @look) ], \@true,
	    'by root: the index that belongs to another user is not believed';
	chown $ours[1], $ours[1], $own[1];
	is_deeply [ by_root($ours[1], @look) ], \@true,
	    'by root: nor that of another mailbox';
	is_deeply [ by_root($ours[0], @look) ], \@true,
	    'by root: one that is missing is made again';
	ok -e $own[0], '... where it was';
	chmod 0777, $common;
	unlink $own[0];
	is_deeply [ by_root($ours[0], @look) ], \@true,
	    'by root: a directory that everybody can write is not used';
	ok !-e $own[0], '... and nothing is made there';
}
done_testing;
