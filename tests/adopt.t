#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Adopted unique-ids (RFC 1939 section 7, doc/DESIGN.md section 6): what another
# server answered, or would have, is what UIDL says; it stays with its message
# through sessions, deletes, delivery and edits of Status, and no other message
# ever has it.  What does not fit the mailbox changes nothing.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5_hex);
use Test::More;

my $me = (getpwuid Dewey::uid())[0];
my $dir = Dewey::tmpdir();
my $serial = 0;

# ---- Helpers

sub box { return Dewey::write_file("$dir/box" . ++$serial, $_[0]) }
sub ids_file { return $_[0] =~ s{([^/]+)\z}{.$1.dewey.ids}r }

# Runs dewey: (exit code, what it said).
sub run {
	my (@flags) = @_;
	my $c = Dewey->start(@flags, { transport => 'pipe' });
	$c->close_write;
	my $out = $c->rest;
	return ($c->exit_code, $out . $c->stderr);
}

sub adopts {
	my ($box, $source, $most, $what) = @_;
	my ($code, $said) = run("--adopt-ids=$source", $box);
	is $code, 0, "$what: adopted";
	like $said, qr/^\Q$box\E: $most of \d+ messages keep/m, "... $most";
	return $said;
}

sub refuses {
	my ($box, $source, $why, $what) = @_;
	my $before = join ' ', sort glob "$dir/.*";
	my ($code, $said) = run("--adopt-ids=$source", $box);
	is $code, 111, "$what: refused";
	like $said, $why, '... and says why';
	ok !-e ids_file($box), '... nothing is written';
}

sub answers { return Dewey::write_file("$dir/answers" . ++$serial, $_[0]) }

sub session {
	my ($box, @flags) = @_;
	my $c = Dewey->start('--preauth', "--mailbox=$box", '--log=none',
	    '--cache-dir=none', @flags);
	like $c->greeting, qr/^\+OK/, 'a session';
	return $c;
}

# The ids that UIDL says, in order; ${then} are more commands.
sub uidl {
	my ($box, @then) = @_;
	my $c = session($box);
	my @ids = map { (split ' ')[1] } split /\r\n/, $c->multi('UIDL');
	for my $i (1 .. @ids) {
		is $c->say("UIDL $i"), "+OK $i $ids[$i - 1]", "UIDL $i"
		    if $i <= 2;
	}
	like $c->say($_), qr/^\+OK/, $_ for @then, 'QUIT';
	is $c->exit_code, 0, 'exit code';
	my %seen;
	is scalar(grep { !/^[\x21-\x7e]{1,70}\z/ || $seen{$_}++ } @ids), 0,
	    'all ids are different, of 1 to 70 of 0x21 to 0x7e';
	return @ids;
}

sub message {
	my ($i, $more) = @_;
	return "From a\@b Mon Jan  1 00:00:0$i 2024\nSubject: $i\n"
	    . ($more // '') . "\nbody $i\n\n";
}
my @mail = map { message($_) } 1 .. 4;
my $mail = join '', @mail;
my @old = map { "old-$_" } 1 .. 4;
my $listed = join '', map { "$_ old-$_\r\n" } 1 .. 4;
my $octets = 22;	# of each message
my $sizes = join '', map { "$_ $octets\r\n" } 1 .. 4;

# ---- Answers in a file

for my $row (
	["+OK\r\n$listed.\r\n", 'UIDL as it came over the wire'],
	[$listed, 'without status and dot'],
	[$listed =~ s/\r//gr, 'LF'],
	["+OK 4\r\n$listed.\r\n+OK 4 84\r\n$sizes.\r\n", 'UIDL and LIST'],
	["$listed$sizes", 'both without anything between'],
	["$sizes$listed", 'LIST first'],
	["UIDL\n+OK\n$listed.\nLIST\n+OK\n$sizes.\n", 'with commands'],
) {
	my ($text, $what) = @$row;
	my $box = box($mail);
	adopts($box, answers($text), 4, $what);
	is_deeply [uidl($box)], \@old, "... $what: UIDL";
	is sprintf('%o', (stat ids_file($box))[2]), '100600', 'mode';
	is +(stat ids_file($box))[4], Dewey::uid(), 'owner';
}

for my $row (
	['', qr/no answer to UIDL/, 'an empty file'],
	["-ERR no\r\n", qr/line 1: no message number/, '-ERR'],
	["1 old-1\n2\n", qr/line 2: no unique-id/, 'no id'],
	["1 a b\n", qr/line 1: no unique-id/, 'a blank in an id'],
	["1 \xe4\n", qr/line 1: no unique-id/, '8 bits in an id'],
	["1 \x7f\n", qr/line 1: no unique-id/, 'DEL in an id'],
	['1 ' . 'x' x 71 . "\n", qr/line 1: no unique-id/, '71 characters'],
	["0 a\n", qr/line 1: no message number/, 'number 0'],
	["1 a\n2 b\n2 c\n3 d\n", qr/LIST|rise/, 'numbers that do not rise'],
	["$listed$sizes$listed", qr/rise/, 'three listings'],
	["${listed}5 old-5\r\n", qr/more messages/, 'more messages'],
	["1 a\n2 b\n", qr/needed/, 'fewer, without LIST'],
	["$listed$sizes" =~ s/3 $octets\r\n\z/3 23\r\n/r . "4 99\r\n",
	    qr/rise/, 'LIST of more'],
	[$listed . $sizes =~ s/3 $octets/3 23/r,
	    qr/message 3: the other server says 23 octets, dewey 22/,
	    'octets that differ'],
	[$listed . $sizes =~ s/^4 .*//mr, qr/LIST/, 'LIST of fewer'],
) {
	my ($text, $why, $what) = @$row;
	my $box = box($mail);
	refuses($box, answers($text), $why, $what);
	isnt join(' ', uidl($box)), "@old", '... own ids';
}

# LIST shows which, if some are newer or are marked as deleted there.
{
	my $box = box($mail);
	adopts($box, answers("2 b\n4 d\n2 $octets\n4 $octets\n"), 2,
	    'two of four');
	my @ids = uidl($box);
	is "$ids[1] $ids[3]", 'b d', 'they have them';
	like $ids[$_], qr/^[\w-]{24}\z/, 'the others have ours' for 0, 2;
}

# Every rule of counting holds for all messages or for none.
for my $row ([2, 'the empty line behind each'], [-3, 'line ends as stored']) {
	my ($more, $what) = @$row;
	my $box = box($mail);
	my $list = join '', map { "$_ " . ($octets + $more) . "\n" } 1 .. 4;
	adopts($box, answers($listed . $list), 4, $what);
	$box = box($mail);
	refuses($box, answers($listed . $list =~ s/^2 .*/2 $octets/mr),
	    qr/message 2/, "$what, and another rule");
}

# The first bearer keeps an id that several have; ids like ours are not taken.
{
	my $box = box($mail);
	my @own = uidl($box);
	my $said = adopts($box, answers("1 a\n2 a\n3 $own[3]\n4 $own[0]-2\n"), 1,
	    'one of four');
	like $said, qr/1 not, as others have the same/, 'repeated';
	like $said, qr/2 not, as they look like dewey's/, 'like ours';
	is_deeply [uidl($box)], ['a', @own[1 .. 3]], 'UIDL';
}

# ---- By a server's rule.  The first vector is what popa3d 1.0.3 said.

{
	my @parts = ("From alice\@example.org Mon Nov 23 10:00:00 2026\n",
	    "Return-Path: <alice\@example.org>\n",
	    "Received: from a.example.org by mx.example.org\n"
	    . "\tid 1; Mon, 23 Nov 2026 10:00:00 +0000\n",
	    "Received: from b.example.org by a.example.org; "
	    . "Mon, 23 Nov 2026 09:59:00 +0000\n",
	    "Delivered-To: u1\@example.org\n",
	    "Date: Mon, 23 Nov 2026 09:58:00 +0000\n",
	    "Message-ID: <1\@example.org>\n", "Subject: one\n two\n",
	    "Status: RO\n", "\n", "body one\n\n");
	my @vector = (join('', @parts),
	    "From bob\@example.org Mon Nov 23 11:00:00 2026\n"
	    . "Date: Mon, 23 Nov 2026 10:58:00 +0000\n"
	    . "Message-Id: <2\@example.org>\n"
	    . "X-UIDL: !!\"#abcdefghijklmnop\nSubject: second\n\n"
	    . "Status: in the body\nbody two\n\n",
	    "From bob\@example.org Mon Nov 23 12:00:00 2026\n"
	    . "Subject: nothing to hash for popa3d\nX-Delivery-ID: 42\n\n"
	    . 'three');
	my $box = box(join '', @vector);
	adopts($box, 'popa3d', 3, 'popa3d');
	is_deeply [uidl($box)], [qw(3794c9111e9dd76d b034cad4b6a912f9
	    5d52a5ef82ce6f2c)], 'its ids';

	my @first = (md5_hex($parts[2] =~ s/\n\t.*/\n/sr . $parts[3]
	    . $parts[5] . "Subject: one\n"),
	    md5_hex(join '', $vector[1] =~ /^((?:Date|Message-Id|Subject):.*\n)/mg),
	    md5_hex("Subject: nothing to hash for popa3d\n"));
	$box = box(join '', @vector);
	adopts($box, 'solid', 3, 'solid');
	is_deeply [uidl($box)], \@first, 'its ids';

	$box = box(join '', @vector);
	adopts($box, 'tpop3d', 3, 'tpop3d');
	is_deeply [uidl($box)],
	    [map { md5_hex(substr s/\n\n\z/\n/r, 0, 512) } @vector], 'its ids';

	$box = box(join '', @vector);
	adopts($box, 'teapop', 3, 'teapop');
	is_deeply [uidl($box)],
	    [map { md5_hex(s/^Status:.*\n//gmr =~ s/\n\n\z/\n/r) } @vector],
	    'its ids';

	$box = box(join '', @vector);
	adopts($box, 'xuidl', 1, 'xuidl');
	is +(uidl($box))[1], '!!"#abcdefghijklmnop', 'its id';
}

# UW and Dovecot keep UIDs.  What does not rise, or is above the last one, was
# put there by a sender; so were all if there is no X-IMAPbase.
{
	my @uids = (5, 7, undef, 7, 6, 9, 12, 'x');
	my $text = join '', map { message($_ + 1, ($_ == 0
	    ? "X-IMAPbase: 1234567890 10\n" : '') . (defined $uids[$_]
	    ? "X-UID: $uids[$_]\n" : '')) } 0 .. 7;
	for my $row (['uw', '%08x%08x', 1], ['dovecot', '%2$08x%1$08x', 1]) {
		my ($server, $format) = @$row;
		my $box = box($text);
		adopts($box, $server, 3, $server);
		my @ids = uidl($box);
		is_deeply [@ids[0, 1, 5]], [map { sprintf $format, 1234567890, $_
		    } 5, 7, 9], 'its ids';
		like $ids[$_], qr/^[\w-]{24}\z/, 'ours' for 2, 3, 4, 6, 7;
		$box = box($text =~ s/^X-IMAPbase.*\n//mr);
		adopts($box, $server, 0, "$server, without X-IMAPbase");
		ok !-e ids_file($box), '... no file';
	}
	my $pseudo = "From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n"
	    . "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
	    . "X-IMAP: 17 20\n\nx\n\n";
	my $box = box($pseudo . message(1, "X-UID: 3\n"));
	adopts($box, 'uw', 1, 'a pseudo message');
	is_deeply [uidl($box)], ['0000001100000003'], 'its id';
}

# ---- What stays, and what goes

sub start_box {
	my ($octets) = @_;
	my $box = box($octets // $mail);
	adopts($box, answers($listed), 4, 'a mailbox');
	return $box;
}

{
	my $box = start_box();
	my $forged = "From a\@b Mon Jan  1 00:00:00 2024\nX-UIDL: old-2\n"
	    . "X-UID: 7\nX-IMAPbase: 1 9\nSubject: f\n\nforged\n\n";
	Dewey::write_file($box, $mail . $forged);
	my @ids = uidl($box, 'DELE 2');
	is_deeply [@ids[0 .. 3]], \@old, 'mail that arrives changes nothing';
	like $ids[4], qr/^[\w-]{24}\z/, 'forged fields give no id';
	is_deeply [uidl($box)], [@ids[0, 2, 3, 4]], 'after DELE';
	# The message comes back from a backup: its id was dropped.
	Dewey::write_file($box, $mail . $forged);
	is_deeply [(uidl($box))[0, 2, 3, 4]], [@ids[0, 2, 3, 4]],
	    'a mailbox from a backup';
	Dewey::write_file($box, join('', @mail[3, 0, 2]) . $forged);
	is_deeply [uidl($box)], [@ids[3, 0, 2, 4]], 'another order';
	Dewey::write_file($box, join('', @mail[0, 2, 3]) =~
	    s/^Subject: \d\n/${&}Status: RO\nX-UID: 12\nX-UIDL: x\n/gmr);
	is_deeply [uidl($box)], [@ids[0, 2, 3]], 'mail readers edit Status';
	Dewey::write_file($box, join('', @mail[0, 2, 3]) =~ s/\n/\r\n/gr);
	is_deeply [uidl($box)], [@ids[0, 2, 3]], 'other line ends';
	Dewey::write_file($box, $forged);
	ok -e ids_file($box), 'nobody deleted by dewey: the file is there';
	uidl($box, 'DELE 1');
	ok !-e ids_file($box), 'the last one gone, the file goes';
}

# All are deleted; no file is left.
{
	my $box = start_box();
	uidl($box, map { "DELE $_" } 1 .. 4);
	ok !-e ids_file($box), 'all deleted: the file goes';
	is -s $box, 0, 'the mailbox is empty';
}

# DELE without UIDL, RSET, a session that ends without QUIT.
{
	my $box = start_box();
	my $c = session($box);
	like $c->say($_), qr/^\+OK/, $_ for 'DELE 1', 'RSET', 'DELE 3', 'QUIT';
	is $c->exit_code, 0, 'exit code';
	is_deeply [uidl($box)], [@old[0, 1, 3]], 'DELE without UIDL';
	$c = session($box);
	like $c->say('DELE 1'), qr/^\+OK/, 'DELE';
	$c->close_write;
	$c->rest;
	$c->exit_code;
	is_deeply [uidl($box)], [@old[0, 1, 3]], 'no QUIT, no change';
}

# Mail arrives in the session that deletes.
{
	my $box = start_box();
	my $c = session($box);
	like $c->say($_), qr/^\+OK/, $_ for 'DELE 1';
	open my $fh, '>>', $box or die "$box: $!";
	print {$fh} message(5);
	close $fh or die "$box: $!";
	like $c->say($_), qr/^\+OK/, $_ for 'QUIT';
	is $c->exit_code, 0, 'exit code';
	my @ids = uidl($box);
	is_deeply [@ids[0 .. 2]], [@old[1 .. 3]], 'the others keep theirs';
	is scalar @ids, 4, 'and the new one is there';
}

# Equal messages: the first has the first one's; the rest keep theirs.
{
	my $box = box(join '', @mail[0, 0, 1, 0]);
	adopts($box, answers($listed), 4, 'three equal messages');
	is_deeply [uidl($box, 'DELE 1')], \@old, 'UIDL';
	is_deeply [uidl($box)], [@old[1 .. 3]], 'after DELE of the first';
	# One more arrives, and the order is another one.
	Dewey::write_file($box, join '', @mail[1, 0, 0, 0]);
	my @ids = uidl($box);
	is_deeply [@ids[0 .. 2]], [@old[2, 1, 3]], 'another order';
	like $ids[3], qr/^[\w-]{24}-3\z/, 'one too many has ours';
}

# ---- A file that cannot be believed

{
	my $box = start_box();
	my $file = ids_file($box);
	my $good = Dewey::read_file($file);
	my @own = do { unlink $file; uidl($box) };
	for my $row (['', 'empty'], [substr($good, 0, 20), 'cut'],
	    [substr($good, 0, -1), 'cut by one'], ["$good+", 'longer'],
	    ["\0" x 32 . substr($good, 32), 'without a head'],
	    [$good =~ s/old-2/old-3/r, 'changed'],
	    ["\0" x length $good, 'zeros']) {
		Dewey::write_file($file, $row->[0]);
		is_deeply [uidl($box)], \@own, "$row->[1]: not believed";
	}
	Dewey::write_file($file, $good);
	is_deeply [uidl($box)], \@old, 'as it was: believed';
	# Of another mailbox.
	my $other = box(join '', map { message($_, "X: y\n") } 1 .. 4);
	my @others = uidl($other);
	Dewey::write_file(ids_file($other), $good);
	is_deeply [uidl($other)], \@others, 'of another mailbox';
	for my $row ([0644, 'mode'], [0620, 'mode']) {
		chmod $row->[0], $file;
		my $c = Dewey->start('--preauth', "--mailbox=$box",
		    '--log=stderr');
		like $c->greeting, qr/^-ERR/, "$row->[1]: refused";
		$c->rest;
		$c->exit_code;
		like $c->stderr, qr/must be a regular file/, '... and logged';
	}
	unlink $file;
	symlink $box, $file or die "symlink: $!";
	my $c = Dewey->start('--preauth', "--mailbox=$box", '--log=none');
	like $c->greeting, qr/^-ERR/, 'a link: refused';
	$c->rest;
	$c->exit_code;
}

# Every octet of the file that is lost or changed: all of it or nothing of it is
# believed, but for the marks, which are for one id each.
{
	my $box = start_box();
	my $file = ids_file($box);
	my $good = Dewey::read_file($file);
	my $marks = length($good) - 4;
	my %seen;
	for (my $i = 0; $i < $marks; $i += 13) {
		Dewey::write_file($file, substr($good, 0, $i)
		    . chr(ord(substr $good, $i, 1) ^ 1)
		    . substr $good, $i + 1);
		my ($code, $said) = run('--list', $box);
		$seen{ scalar(() = $said =~ /\(adopted\)/g) }++;
	}
	is_deeply [keys %seen], [0], 'a changed octet: none is believed';
	Dewey::write_file($file, substr($good, 0, $marks) . '+-?+');
	my @ids = uidl($box);
	is_deeply [@ids[0, 3]], [@old[0, 3]], 'dropped ones are ours';
	like $ids[$_], qr/^[\w-]{24}\z/, 'ours' for 1, 2;
}

# ---- The command line

{
	my $box = box($mail);
	my $file = answers($listed);
	my ($code, $said) = run("--adopt-ids=$file", '--dry-run', $box);
	is $code, 0, '--dry-run';
	is $said, join('', map { "$box: $_ old-$_\n" } 1 .. 4)
	    . "$box: 4 of 4 messages would keep the ids of the other server\n",
	    '... says what it would do';
	ok !-e ids_file($box), '... and does not';
	($code, $said) = run('--forget-ids', $box);
	is "$code $said", "0 $box: has no adopted ids\n", 'nothing to forget';
	adopts($box, $file, 4, 'adopted');
	($code, $said) = run('--adopt-ids=popa3d', $box);
	is "$code $said", "0 $box: has adopted ids already: nothing is "
	    . "changed\n", 'not twice';
	is_deeply [uidl($box)], \@old, '... and nothing is';
	($code, $said) = run('--list', $box);
	is scalar(() = $said =~ /^\d $octets old-\d \(adopted\) From a\@b /gm),
	    4, '--list' or diag $said;
	my $c = session($box, '--log=stderr', '--log-deletes');
	like $c->say($_), qr/^\+OK/, $_ for 'DELE 2', 'QUIT';
	is $c->exit_code, 0, 'exit code';
	like $c->stderr, qr/deleting=old-2$/m, '--log-deletes';
	($code, $said) = run('--forget-ids', '--dry-run', $box);
	is $code, 0, '--forget-ids --dry-run';
	ok -e ids_file($box), '... only says';
	($code, $said) = run('--forget-ids', $box);
	is "$code $said", "0 $box: adopted ids are forgotten\n", '--forget-ids';
	ok !-e ids_file($box), '... the file is gone';
	like $_, qr/^[\w-]{24}\z/, 'ours' for uidl($box);

	# A session has it: nothing is changed.
	$c = session($box);
	refuses($box, $file, qr/nothing is changed/, 'in a session');
	$c->say('QUIT');
	$c->exit_code;
}

for my $row (
	[['--adopt-ids'], 100, qr/--adopt-ids needs/],
	[['--adopt-ids=popa3d'], 100, qr/say --all/],
	[['--adopt-ids=popa3d', '--all', 'x'], 100, qr/say --all/],
	[['--adopt-ids=qmail', 'x'], 111, qr/qmail.*popa3d/],
	[['--adopt-ids=' . answers($listed), 'x', 'y'], 100, qr/one user/],
	[['--adopt-ids=popa3d', 'root'], 111, qr/no such user|only root/],
	[['--adopt-ids=popa3d', "$dir/none"], 111, qr/is no mailbox/],
	[['--adopt-ids=popa3d', '--list', 'x'], 100, qr/only one action/],
	[['--forget-ids'], 100, qr/say --all/],
) {
	my ($flags, $code, $why) = @$row;
	my ($got, $said) = run(@$flags);
	is $got, $code, "@$flags";
	like $said, $why, '... says why';
}

# By the user's name; all users of a file.
{
	mkdir "$dir/spool", 0700 or die "spool: $!";
	Dewey::give("$dir/spool");
	my @where = ("--mailbox=$dir/spool/%u");
	Dewey::write_file("$dir/spool/$_", $mail) for $me, 'ann', 'bob';
	Dewey::write_file("$dir/spool/zoe", '');
	my ($code, $said) = run(@where, '--adopt-ids=tpop3d', $me);
	is "$code $said", "0 $me: 4 of 4 messages keep the ids of the other "
	    . "server\n", 'a user, for himself';
	Dewey::write_file("$dir/users", "ann:x\nbob:x\ncyd:x\nzoe:x\n");
	push @where, "--users=$dir/users";
	($code, $said) = run(@where, '--adopt-ids=tpop3d', '--all');
	is "$code $said", join('', '0 ', map { "$_: 4 of 4 messages keep the "
	    . "ids of the other server\n" } 'ann', 'bob'), '--all';
	is_deeply [uidl("$dir/spool/bob")],
	    [map { md5_hex($_ =~ s/\n\z//r) } @mail], 'UIDL';
	($code, $said) = run(@where, '--forget-ids', '--all');
	is $code, 0, '--forget-ids --all';
	is_deeply [grep { !/\.$me\./ } glob "$dir/spool/.*.ids"], [],
	    '... all gone';
}

done_testing;
