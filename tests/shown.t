#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Other programs rewrite the mailbox during the session, with mail of the same
# length in the same place: QUIT deletes only what the client was shown, and
# RETR and TOP send what was listed at login, or -ERR.  (RFC 1939 sections 5
# and 6: what was not marked stays.)
#
# Rows, the same done by mutt and mailx, and a model at random.  DEWEY_SEED=N
# repeats a run, DEWEY_SEED=N.I session I of it alone; DEWEY_LONG=1 makes
# 10,000 sessions.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Client;
use Dewey;
use Digest::MD5 qw(md5);
use Model;
use POSIX ();
use Spawner;
use Storable qw(retrieve store);
use Test::More;
use Time::HiRes qw(sleep time);

use constant BLOCK => 256 << 10;

my ($seed, $only) = split /\./, $ENV{DEWEY_SEED} // time =~ s/\..*//r;
my $sessions = Dewey::slow() ? 20 : $ENV{DEWEY_LONG} ? 10_000 : 250;

# Where sessions are had, a directory for what other programs want to write,
# and what was counted there.
my ($site, $box, $work, %count, @reports);

sub new_place {
	return (Dewey->site(mail => { ann => '' }, secrets => { ann => 'p' }),
	    Dewey::tmpdir());
}

sub be_at { ($site, $work) = @_; $box = $site->mailbox('ann') }

be_at(new_place());

# ---- Mails

my $edited = qr/(?:Status|X-Status|X-Keywords|X-UIDL?|X-IMAP|X-IMAPbase|
    X-Mozilla-Status2?|X-Mozilla-Keys|Content-Length|Lines)/ix;

# A header without what mail readers edit.
sub plain { return $_[0] =~ s/^$edited:.*\n(?:[ \t].*\n)*//gmr }

# A mail of a mailbox: raw is its octets there, id what says whether two are
# the same one, header and body what is sent, with LF.
sub mail {
	my ($raw) = @_;
	my $text = $raw =~ s/\r\n/\n/gr;
	my ($from, $end) = (index($text, "\n"), index $text, "\n\n");
	die "not a mail: $raw" if $text !~ /\AFrom / || $end < $from;
	my $header = substr $text, $from + 1, $end - $from;
	my $body = substr $text, $end + 2;
	chop $body if $body eq "\n" || substr($body, -2) eq "\n\n";
	my $id = Model::id_of(substr($text, 0, $from + 1) . plain($header) .
	    "\n$body");
	return { raw => $raw, id => $id, header => $header, body => $body,
	    octets => length($header) + length($body) + 2 +
	    ($header =~ tr/\n//) + ($body =~ tr/\n//) };
}

# The same length with every tag, which stands in one of four places.
sub compose {
	my ($tag, $place, $pad) = @_;
	my %at = map { $_ => $_ eq $place ? $tag : '0' x length $tag }
	    qw(from subject begin end);
	return mail("From x$at{from}\@b Mon Jan  1 00:00:00 2024\n" .
	    "Subject: x $at{subject}\nStatus: O\n\n" .
	    ".x $at{begin}\n$pad$at{end}\n\n");
}

sub lines_of { my ($n) = @_; return ('x' x 69 . "\n") x $n . '' }

# For people.
sub name {
	my ($m) = @_;
	my ($status) = $m->{header} =~ /^(Status: .*)/m;
	return ($m->{name} // substr $m->{id}, 0, 5) . '[' .
	    length($m->{raw}) . ($status ? " $status]" : ']');
}

sub names {
	my (@mails) = @_;
	return join ' ', scalar(@mails) . ' mails:',
	    map({ name($_) } @mails[0 .. ($#mails > 11 ? 11 : $#mails)]),
	    @mails > 12 ? '...' : ();
}

# ---- What other programs do.  A session has the mails that were there at
# login and those that are there now.

sub record { my ($s, $text) = @_; push @{ $s->{trace} }, $text }

sub complain {
	my ($s, $what, $text, $n) = @_;
	$count{$what} += $n // 1;
	$s->{failed}{$what} = 1;
	record($s, "*** $what: $text");
}

sub rewrite {
	my ($octets, $keep_time) = @_;
	return Dewey::write_file($box, $octets) unless -e $box;
	my @times = (stat _)[8, 9];
	open my $fh, '+<:raw', $box or die "$box: $!";
	syswrite($fh, $octets) // die "$box: $!";
	truncate $fh, length $octets or die "$box: $!";
	close $fh or die "$box: $!";
	utime @times, $box or die "$box: $!" if $keep_time;
}

sub append {
	my ($octets) = @_;
	return Dewey::write_file($box, $octets) unless -e $box;
	open my $fh, '>>:raw', $box or die "$box: $!";
	syswrite($fh, $octets) // die "$box: $!";
	close $fh or die "$box: $!";
}

# Makes the mailbox that of the mails, in place, by rename or by append.
sub put {
	my ($s, $how, @mails) = @_;
	my $old = @{ $s->{box} };
	my @new = $how eq 'append' ? @mails[$old .. $#mails] : @mails;
	my $octets = join '', map { $_->{raw} } @new;
	if ($how eq 'append') {
		append($octets);
	} elsif ($how eq 'rename') {
		Dewey::write_file("$box.new", $octets);
		rename "$box.new", $box or die "$box: $!";
	} else {
		rewrite($octets, $how eq 'keep time');
	}
	$s->{changed} = 1 if $how ne 'append';
	$count{changes}++;
	record($s, "   other program ($how): " . names(@mails));
	$s->{box} = [@mails];
}

# Real ones that delete a message by its number.
my %reader = (
	'bsd-mailx' => sub {
		my ($n) = @_;
		my $input = Dewey::write_file("$work/input",
		    "set keep\ndelete $n\nquit\n");
		Client::run({ dir => $work, input => $input }, 'env',
		    'LD_LIBRARY_PATH=' . Spawner::libraries(),
		    Spawner::program('bsd-mailx'), '-n', '-f', $box);
	},
	mutt => sub {
		my ($n) = @_;
		my $o = { dir => $work };
		my $rc = Client::write_rc($o, 'set mbox_type=mbox delete=yes ' .
		    "quit=yes move=no wait_key=no sleep_time=0\n" .
		    "set sort=mailbox-order mail_check=60\npush '<limit>all" .
		    "<enter><jump>$n<enter><delete-message><sync-mailbox>" .
		    "<quit>'\n");
		Client::run($o, 'script', '-qec', "stty rows 24 cols 80; mutt -n -F $rc -f $box",
		    '/dev/null');
	},
	's-nail' => sub {
		my ($n) = @_;
		my $input = Dewey::write_file("$work/input",
		    "delete $n\nquit\n");
		Client::run({ dir => $work, input => $input }, 's-nail', '-:/',
		    '-#', '-S', 'hold', '-S', 'keep', '-f', $box);
	},
);

sub missing_reader {
	my ($name) = @_;
	return Client::missing($name) if $name ne 'bsd-mailx';
	return Spawner::program($name) ? undef : "$name is not installed";
}

sub reader_deletes {
	my ($s, $name, $n) = @_;
	my ($old, $inode) = (scalar @{ $s->{box} }, (stat $box)[1]);
	$reader{$name}->($n);
	my $octets = Dewey::read_file($box);
	my $scan = Model::scan($octets);
	my @mails = map { mail(substr $octets, $_->{offset},
	    $_->{end} - $_->{offset}) } @{ $scan->{messages} };
	$s->{changed} = 1;
	$count{changes}++;
	record($s, "   $name deletes message $n: " . names(@mails));
	complain($s, 'broken tests', "$name left $octets") if
	    join('', map { $_->{raw} } @mails) ne $octets || @mails >= $old;
	complain($s, 'broken tests', "$name makes a new file")
	    if (stat $box)[1] != $inode;
	$s->{box} = \@mails;
}

# ---- What the client is told

sub begin {
	my ($s) = @_;
	$s->{login} = [@{ $s->{box} }];
	@$s{qw(marked changed closed)} = ({}, 0, 0);
	record($s, 'login: ' . names(@{ $s->{login} }));
	$s->{c} = $site->login('ann');
	$count{sessions}++;
}

# Whether the session may be refused nothing.
sub must_work {
	my ($s) = @_;
	return !$s->{changed};
}

sub refused {
	my ($s, $what, $must) = @_;
	$count{refused}++;
	complain($s, 'refused in vain', $what) if $must && must_work($s);
}

sub there {
	my ($s) = @_;
	return grep { !$s->{marked}{$_} } 1 .. @{ $s->{login} };
}

sub total {
	my ($s) = @_;
	my ($n, $octets) = (0, 0);
	for (there($s)) {
		$n++;
		$octets += $s->{login}[$_ - 1]{octets};
	}
	return "$n $octets";
}

# The unique-ids of the login, with the numbers of copies.
sub uids {
	my ($s) = @_;
	my %seen;
	return map {
		my $n = ++$seen{ $_->{id} };
		$n > 1 ? "$_->{id}-$n" : $_->{id};
	} @{ $s->{login} };
}

sub listing {
	my ($s, @values) = @_;
	return join '', map { "$_ $values[$_ - 1]\r\n" } there($s);
}

# What a client has of a mail, or of its header and some lines, without what
# readers edit.
sub shown {
	my ($header, $body, $lines) = @_;
	if (defined $lines) {
		my ($head) = $body =~ /\A((?:[^\n]*\n){0,$lines})/;
		$body = $head;
	}
	return plain($header) . "\n$body";
}

sub text {
	my ($s, $line, $reply, $got) = @_;
	my ($verb, $n, $lines) = split ' ', $line;
	my $m = $s->{login}[$n - 1];
	return refused($s, $line, 1) unless defined $got;
	$got =~ s/(\A|\n)\./$1/g;
	complain($s, 'wrong answers', "$line: $reply, listed $m->{octets}, " .
	    length($got) . ' came') if $verb eq 'RETR' && ($reply !~
	    /\A\+OK $m->{octets} octets/ || length $got != $m->{octets});
	$got =~ s/\r\n/\n/g;
	my $end = index $got, "\n\n";
	return if $end >= 0 && shown(substr($got, 0, $end + 1),
	    substr $got, $end + 2) eq shown($m->{header}, $m->{body}, $lines);
	complain($s, 'wrong answers', "$line is not " . name($m) . ': ' .
	    (length $got > 300 ? substr($got, 0, 300) . '...' : $got));
}

# A sub for each command: session, line, reply, body.
my %check = (
	STAT => sub {
		my ($s, $line, $reply) = @_;
		complain($s, 'wrong answers', "$line: $reply")
		    if $reply ne '+OK ' . total($s);
	},
	LIST => sub {
		my ($s, $line, $reply, $body) = @_;
		my (undef, $n) = split ' ', $line;
		my @octets = map { $_->{octets} } @{ $s->{login} };
		my $right = $n ? $reply eq "+OK $n $octets[$n - 1]" :
		    ($body // '') eq listing($s, @octets);
		complain($s, 'wrong answers', "$line: $reply") unless $right;
	},
	UIDL => sub {
		my ($s, $line, $reply, $body) = @_;
		my (undef, $n) = split ' ', $line;
		return refused($s, $line, 1) if $reply =~ /^-/;
		my @uids = uids($s);
		my ($got, $right) = $n ? ($reply, "+OK $n $uids[$n - 1]") :
		    ($body, listing($s, @uids));
		complain($s, 'wrong answers', "$line: $reply, $got, not $right")
		    if $got ne $right;
	},
	RETR => \&text,
	TOP => \&text,
	DELE => sub {
		my ($s, $line, $reply) = @_;
		my (undef, $n) = split ' ', $line;
		return refused($s, $line, 1) if $reply =~ /^-/;
		$s->{marked}{$n} = 1;
		$count{marks}++;
	},
	RSET => sub {
		my ($s, $line, $reply) = @_;
		$s->{marked} = {} if $reply =~ /^\+/;
	},
	NOOP => sub { },
);

# The server went: there is no UPDATE, and what was sent was not finished.  That
# is for what is read while it is sent; what fits a block is refused before.
sub torn {
	my ($s, $line) = @_;
	my (undef, $n) = split ' ', $line;
	$s->{closed} = 1;
	complain($s, 'closed, not refused', $line) if defined $n &&
	    length $s->{login}[$n - 1]{raw} <= BLOCK;
	record($s, "S: (closed during the answer to $line)");
	refused($s, "$line: closed", 1);
}

# Calls ${amid} when the first line of the answer was read.
sub answer {
	my ($s, $line, $amid) = @_;
	my ($verb, $n) = split ' ', $line;
	return if $s->{closed};
	my $c = $s->{c};
	my $reply = $c->line // return torn($s, $line);
	$amid->() if $amid;
	my $body;
	if ($reply =~ /^\+OK/ && ($verb =~ /^(?:RETR|TOP)$/ ||
	    ($verb =~ /^(?:LIST|UIDL)$/ && !defined $n))) {
		$body = eval { $c->body };
		die $@ if !defined $body && !$c->{eof};
		return torn($s, $line) unless defined $body;
	}
	record($s, "C: $line  S: $reply");
	if (defined $n && !grep { $_ == $n } there($s)) {
		complain($s, 'wrong answers', "$line: not there, but $reply")
		    if $reply !~ /^-ERR/;
		return;
	}
	$check{$verb}->($s, $line, $reply, $body);
}

sub say { my ($s, $line) = @_; $s->{c}->cmd($line); answer($s, $line) }

# ---- What is left of the mailbox

sub removed {
	my ($s) = @_;
	my ($after, $at, %gone) = (-e $box ? Dewey::read_file($box) : '', 0);
	my @left;
	for my $m (@{ $s->{box} }) {
		my $n = length $m->{raw};
		if ($at + $n <= length $after && substr($after, $at, $n) eq
		    $m->{raw} && substr($after, $at + $n, 5) =~
		    /\A(?:From |\z)/) {
			push @left, $m;
			$at += $n;
		} else {
			$gone{ $m->{id} }++;
			$count{removals}++;
		}
	}
	complain($s, 'spoilt mailboxes', 'there is more or less than mails: ' .
	    substr $after, $at, 300) if $at != length $after;
	record($s, '   left: ' . names(@left));
	$s->{box} = \@left;
	return %gone;
}

# ${reply}: what QUIT said, if it was asked.
sub judge {
	my ($s, $reply) = @_;
	my (%marks, %stood);
	$stood{ $_->{id} }++ for @{ $s->{box} };
	my %gone = removed($s);
	if (defined $reply) {
		$marks{ $s->{login}[$_ - 1]{id} }++ for keys %{ $s->{marked} };
	}
	for my $id (sort keys %gone) {
		my $wrong = $gone{$id} - ($marks{$id} // 0);
		complain($s, 'wrong removals', $wrong . ' of ' .
		    substr($id, 0, 5), $wrong) if $wrong > 0;
	}
	return if ($reply // '') !~ /^\+OK/;
	for my $id (sort keys %marks) {
		my ($is, $was) = ($gone{$id} // 0, $stood{$id} // 0);
		complain($s, 'marks left after +OK', substr $id, 0, 5)
		    if $is < $marks{$id} && $is < $was;
	}
}

# Ends the session with the answer to QUIT, which may have been sent, or by
# closing.
sub finish {
	my ($s, $how) = @_;
	my ($c, $reply) = ($s->{c});
	if (!$s->{closed} && $how ne 'close') {
		$c->cmd('QUIT') if $how eq 'QUIT';
		$reply = $c->line;
		record($s, 'C: QUIT  S: ' . ($reply // '(closed)'));
		complain($s, 'wrong answers', 'QUIT: ' . ($reply // 'closed'))
		    if ($reply // '') !~ /^(?:\+OK|-ERR)/;
		refused($s, 'QUIT', 1) if ($reply // '') =~ /^-/;
		# Sent, it may have been carried out.
		$reply //= '';
	} else {
		record($s, '(closed)');
	}
	$c->close;
	$c->exit_code;
	judge($s, $reply);
}

# ---- Showing what failed

sub report {
	my ($s, $title) = @_;
	my $failed = $s->{failed} or return;
	$count{"sessions with $_"}++ for keys %$failed;
	push @reports, join "\n  ", "$title:", @{ $s->{trace} }
	    if @reports < 5;
}

sub show_reports {
	diag $_ for splice @reports;
}

sub clear { unlink $box, "$box.new", glob $box =~ s{([^/]+)$}{.$1*}r }

# Runs sub ${body} over a new session that has these mails; whether it was fine.
sub try {
	my ($title, $mails, $settle, $body) = @_;
	my $s = { box => [], trace => [] };
	clear();
	put($s, 'rewrite', @$mails);
	# Then time stamps tell the next change.
	sleep 0.03 if $settle;
	eval { $body->($s); 1 } or complain($s, 'broken tests', $@);
	report($s, $title);
	return !$s->{failed};
}

# ---- Rows: what is there at login, what happens, what is left.  Letters are
# mails of one length, small ones are the same with another Status.  `=' is a
# rewrite in place, `>' one by rename, `+' an append, `-' a reader's delete.

my @rows = (
	[ 'removed, appended', 'A', 'RETR 1; DELE 1; =; +C', 'C' ],
	[ 'two marked, one removed, one appended', 'AB',
	    'RETR 1; RETR 2; DELE 1; DELE 2; =B; +C', 'B?C' ],
	[ 'ids asked for too late', 'A', 'RETR 1; DELE 1; =; +C; UIDL', 'C' ],
	[ 'RETR after the change', 'ABC', '=BC; +D; RETR 1; RETR 2; RETR 3; ' .
	    'TOP 1 9; TOP 2 0; TOP 3 9', 'BCD' ],
	[ 'ids asked for before', 'A', 'UIDL; DELE 1; =; +C', 'C' ],
	[ 'two swapped', 'ABC', 'DELE 1; =BAC', 'BA?C' ],
	[ 'two swapped before', 'ABC', '=BAC; RETR 1; UIDL 2; DELE 1', 'BA?C' ],
	[ 'replaced in place', 'ABC', 'DELE 2; =ADC', 'ADC' ],
	[ 'replaced in place before', 'ABC', '=ADC; DELE 2', 'ADC' ],
	[ 'all replaced', 'AB', 'DELE 1; DELE 2; =CD', 'CD' ],
	[ 'DELE after it was removed', 'AB', '=B; +C; DELE 1', 'BC' ],
	[ 'DELE after it was moved', 'AB', '=B; +C; RETR 2; DELE 2', 'B?C' ],
	[ 'another file', 'ABC', 'DELE 2; >ADC; RETR 3', 'ADC' ],
	[ 'another file, the same mails', 'ABC', 'DELE 2; >ABC', 'AC' ],
	[ 'another file, then appended', 'AB', 'DELE 1; >B; +C', 'BC' ],
	[ 'one of two copies marked, one removed', 'AA', 'DELE 1; =A', 'A?' ],
	[ 'the second of two copies', 'AAB', 'DELE 2; =AB; RETR 2', 'A?B' ],
	[ 'copies, one replaced', 'ABA', 'DELE 3; =BA; +C', 'BA?C' ],
	[ 'copies, moved by one', 'AAB', 'DELE 1; =CAB', 'CA?B' ],
	[ 'both copies marked, one removed', 'AA', 'DELE 1; DELE 2; =A; +C',
	    'A?C' ],
	[ 'a copy appended', 'AB', 'DELE 1; +A', 'AB|BA' ],
	[ 'another Status', 'AB', 'DELE 1; =aB; RETR 1; RETR 2', 'A?B' ],
	[ 'another Status, swapped', 'AB', 'DELE 1; =ba; RETR 2', 'BA?' ],
	[ 'unmarked, another marked', 'ABC', 'DELE 1; RSET; DELE 2; =CBA',
	    'CB?A' ],
	[ 'only appended', 'AB', 'DELE 1; +C; RETR 2; +D; TOP 2 1', 'BCD' ],
	[ 'away and back', 'AB', 'DELE 1; =; =AB; RETR 2', 'A?B' ],
	[ 'swapped, ids asked for before', 'AB',
	    'UIDL; =BA; UIDL; RETR 1; RETR 2', 'BA' ],
	[ 'swapped, ids asked for behind', 'AB', '=BA; UIDL; UIDL 1', 'BA' ],
);
my @reader_rows = (
	[ 'removed, appended', 'A', 'RETR 1; DELE 1; -1; +C', 'C' ],
	[ 'two marked', 'AB', 'RETR 1; RETR 2; DELE 1; DELE 2; -1; +C',
	    'B?C' ],
	[ 'ids asked for too late', 'A', 'RETR 1; DELE 1; -1; +C; UIDL',
	    'C' ],
	[ 'RETR after the change', 'ABC',
	    '-1; +D; RETR 1; RETR 2; RETR 3; TOP 2 9', 'BCD' ],
	[ 'between two sessions and in the second', 'AB', 'UIDL; QUIT; -1; ' .
	    '+C; LOGIN; RETR 1; RETR 2; DELE 1; -1; +D', 'CD' ],
);

my %letter;

sub letter {
	my ($pad, $letter) = @_;
	my $m = compose(uc $letter, 'end', lines_of($pad));
	$m = mail($m->{raw} =~ s/^Status: O$/Status: R/mr)
	    if $letter =~ /[a-z]/;
	$m->{name} = uc $letter;
	return $m;
}

sub letters {
	my ($pad, $letters) = @_;
	return map { $letter{"$pad $_"} //= letter($pad, $_) }
	    split //, $letters;
}

my %how = ('=' => 'rewrite', '>' => 'rename');

sub step {
	my ($s, $step, $pad, $reader) = @_;
	if ($step =~ /^([=>])(.*)/) {
		put($s, $how{$1}, letters($pad, $2));
	} elsif ($step =~ /^\+(.*)/) {
		put($s, 'append', @{ $s->{box} }, letters($pad, $1));
	} elsif ($step =~ /^-(.*)/) {
		reader_deletes($s, $reader, $1);
	} elsif ($step eq 'QUIT') {
		finish($s, 'QUIT');
	} elsif ($step eq 'LOGIN') {
		begin($s);
	} else {
		say($s, $step);
	}
}

sub row {
	my ($row, $what, $pad, $settle, $reader) = @_;
	my ($title, $login, $steps, $left) = @$row;
	my %name = map { $_->{id} => $_->{name} } letters($pad, 'ABCD');
	my $is = '';
	my $fine = try("$what: $title", [letters($pad, $login)], $settle, sub {
		my ($s) = @_;
		begin($s);
		step($s, $_, $pad, $reader) for split /; /, $steps;
		finish($s, 'QUIT');
		$is = join '', map { $name{ $_->{id} } // '?' }
		    @{ $s->{box} };
	});
	like $is, qr/^(?:$left)$/, "$what: $title: what is left";
	ok $fine, "$what: $title: nothing is wrong";
	show_reports();
}

# What happens while message 1 is sent: its first line was read, and it is too
# long for what may be on its way and in memory to reach to its end, where
# letters differ.  Whether the client gets it is the last column.
my @amid_rows = (
	[ 'nothing', '=', 1 ],
	[ 'mail comes', '+C', 1 ],
	[ 'the same mails are written', '=AB', 1 ],
	[ 'replaced in place', '=CB', 0 ],
	[ 'replaced in place, mail comes', '=CB; +D', 0 ],
	[ 'swapped', '=BA', 0 ],
	[ 'another file', '>CB', 1 ],
);

sub amid_row {
	my ($row, $what, $pad, $settle, $line) = @_;
	my ($title, $steps, $comes) = @$row;
	my $came;
	my $fine = try("$what: $title", [letters($pad, 'AB')], $settle, sub {
		my ($s) = @_;
		begin($s);
		$s->{c}->cmd($line);
		answer($s, $line, sub {
			$steps eq '=' or step($s, $_, $pad) for split /; /,
			    $steps;
		});
		$came = !$s->{closed};
		finish($s, 'close');
	});
	is $came ? 1 : 0, $comes, "$what: $title: " . ($comes ? 'sent to its ' .
	    'end' : 'cut off before its end');
	ok $fine, "$what: $title: nothing is wrong";
	show_reports();
}

# Mail that comes is no change, for a client that asked for nothing before it
# came, whatever it asks for then.
my @grown_rows = (
	[ 'mail comes before all', 'AB',
	    '+C; TOP 2 9; RETR 1; +D; RETR 1; RETR 2', 'ABCD' ],
	[ 'mail comes before UIDL', 'AB', '+C; UIDL; RETR 2', 'ABC' ],
	[ 'mail comes, one is deleted unseen', 'AB', '+C; DELE 1', 'BC' ],
	[ 'mail comes, one is shown and deleted', 'AB',
	    '+C; RETR 2; DELE 2; +D', 'ACD' ],
	[ 'mail comes later', 'AB', 'RETR 1; DELE 1; +C; RETR 2', 'BC' ],
);

for my $m (letters(1, 'Aa')) {
	my ($found) = @{ Model::scan($m->{raw})->{messages} };
	is $m->{id}, Model::id_of(Model::hashed($found->{stored})),
	    'the id is that of the model';
	is $m->{octets}, length Model::retr($found), '... and the octets';
}
unless (defined $only) {
	row($_, 'small', 1, 0) for @rows, @grown_rows;
	unless (Dewey::slow()) {
		row($_, 'small, settled', 1, 1) for @rows[10 .. $#rows];
		row($_, 'large, settled', 2000, 1) for @rows[0 .. 9];
		for my $settle (0, 1) {
			row($_, 'large, comes' . ($settle && ', settled'), 2000,
			    $settle) for @grown_rows;
		}
		row($_, 'huge, comes', 140_000, 1) for @grown_rows;
		row($_, 'huge', 140_000, 0) for @rows[0 .. 3];
	}
	for my $pad (Dewey::slow() ? 30_000 : (30_000, 65_000)) {
		for my $settle (0, 1) {
			my $what = "$pad lines" . ($settle ? ', settled' : '');
			amid_row($_, "$what, while it is sent", $pad, $settle,
			    'RETR 1') for @amid_rows;
			amid_row($_, "$what, while TOP sends it", $pad, $settle,
			    "TOP 1 $pad") for @amid_rows;
			%letter = ();
		}
	}
	%letter = ();
	for my $name (sort keys %reader) {
		subtest $name => sub {
			my $reason = missing_reader($name);
			plan skip_all => $reason if $reason;
			row($_, $name, 2, 1, $name) for @reader_rows;
		};
	}
}

# ---- The model at random

sub pick { return $_[rand @_] }

# How the mails of a session are made.  Huge ones are made once.
my %huge;

sub kind {
	my $kind = rand() < 0.01 ? 'huge' : rand() < 0.04 ? 'large' :
	    rand() < 0.04 ? 'many' : 'small';
	my %k = (kind => $kind, serial => 0, same => rand() < 0.85,
	    place => $kind eq 'huge' ? 'end' :
	    pick(qw(from subject begin end end)));
	$k{lines} = $kind eq 'huge' ? 45_000 : $kind eq 'large' ? 1500 :
	    $kind eq 'many' ? 6 : int rand 4;
	my $n = $kind eq 'huge' ? 3 + int rand 2 : $kind eq 'large' ?
	    3 + int rand 3 : $kind eq 'many' ? 600 + int rand 200 : int rand 7;
	return (\%k, $n);
}

sub fresh {
	my ($k) = @_;
	my $tag = sprintf '%06d', ++$k->{serial};
	return $huge{$tag} //= compose($tag, 'end', lines_of($k->{lines}))
	    if $k->{kind} eq 'huge';
	return compose($tag, $k->{place}, lines_of($k->{lines} +
	    ($k->{same} ? 0 : int rand 3)));
}

# One octet is another one, or the x at a line's end a CR.
sub edit {
	my ($m) = @_;
	my $raw = $m->{raw};
	my @at;
	if (rand() < 0.2) {
		$raw =~ s/x\n(.*\n)\z/\r\n$1/ if $raw !~ /x\n.*\n\z/;
		$raw =~ s/x(?=\n)/\r/ if $raw eq $m->{raw};
	} else {
		for (1 .. 40) {
			my $at = int rand length $raw;
			next if substr($raw, $at, 1) ne 'x';
			substr $raw, $at, 1, 'y';
			last;
		}
	}
	return mail($raw);
}

# Subs over (kind, mails) that return the mails then.
my %change = (
	append => sub { my $k = shift; return (@_, fresh($k)) },
	copy => sub { my $k = shift; return (@_, @_ ? pick(@_) : fresh($k)) },
	remove => sub {
		my ($k, @mails) = @_;
		splice @mails, rand @mails, 1 if @mails;
		return @mails;
	},
	swap => sub {
		my ($k, @mails) = @_;
		return () unless @mails;
		my ($i, $j) = (int rand @mails, int rand @mails);
		@mails[$i, $j] = @mails[$j, $i];
		return @mails;
	},
	replace => sub {
		my ($k, @mails) = @_;
		$mails[rand @mails] = fresh($k) if @mails;
		return @mails;
	},
	double => sub {
		my ($k, @mails) = @_;
		$mails[rand @mails] = pick(@mails) if @mails;
		return @mails;
	},
	edit => sub {
		my ($k, @mails) = @_;
		$_ = edit($_) for @mails ? $mails[rand @mails] : ();
		return @mails;
	},
	status => sub {
		my ($k, @mails) = @_;
		my $to = pick("Status: R\n", "Status: O\n", "Status: RO\n",
		    "Status: O\nX-UID: 7\n");
		$_ = mail($_->{raw} =~ s/^Status: .*\n/$to/mr)
		    for @mails ? $mails[rand @mails] : ();
		return @mails;
	},
	clear => sub { return () },
	all => sub { my $k = shift; return map { fresh($k) } @_ },
	same => sub { my $k = shift; return @_ },
);

# What is done at once, within a tick of the clock if it is quick enough.
my @plans = ([qw(append)], [qw(copy)], [qw(remove)], [qw(swap)], [qw(replace)],
    [qw(edit)], [qw(status)], [qw(clear)], [qw(all)], [qw(same)], [qw(double)],
    ([qw(remove append)]) x 4, ([qw(clear append)]) x 2, [qw(remove copy)],
    [qw(remove remove append append)], [qw(swap status)], [qw(append replace)],
    [qw(clear append append)], [qw(edit append)], [qw(back)]);

sub change {
	my ($s, $k) = @_;
	my @plan = $s->{mode} eq 'append' ? (pick(qw(append copy)))
	    x (1 + int rand 2) : @{ pick(@plans) };
	my $how = rand() < 0.15 ? 'rename' : rand() < 0.2 ? 'keep time' :
	    'rewrite';
	for my $what (@plan) {
		my @mails = $what eq 'back' ? @{ $s->{login} } :
		    $change{$what}->($k, @{ $s->{box} });
		put($s, $what =~ /^(?:append|copy)$/ ? 'append' : $how,
		    @mails);
	}
}

sub command {
	my ($s, $ids) = @_;
	my $all = @{ $s->{login} };
	my $n = rand() < 0.05 ? $all + 1 : 1 + int rand($all || 1);
	my @there = there($s);
	return map { ("RETR $_", "DELE $_") } @there
	    if rand() < 0.08 && @there < 10;
	return map { "DELE $_" } @there if rand() < 0.03;
	return pick(('STAT', 'LIST', "LIST $n", 'NOOP'),
	    ("RETR $n") x 6, ("TOP $n " . int rand 5) x 3, ("DELE $n") x 8,
	    rand() < 0.4 ? 'RSET' : "DELE $n",
	    $ids ? ('UIDL', 'UIDL', "UIDL $n", "UIDL $n") : ());
}

# Sends commands, one by one or all at once; then maybe the mailbox changes
# while the answers are on their way.
sub exchange {
	my ($s, $amid, @lines) = @_;
	return if $s->{closed};
	if (@lines < 2 || (!$amid && rand() < 0.6)) {
		say($s, $_) for @lines;
		$amid->() if $amid;
		return;
	}
	send_all($s, @lines);
	sleep rand 0.002 if $amid && rand() < 0.5;
	$amid->() if $amid;
	answer($s, $_) for @lines;
}

sub send_all {
	my ($s, @lines) = @_;
	record($s, '   at once: ' . join ', ', @lines[0 .. ($#lines > 20 ? 20 :
	    $#lines)]);
	$s->{c}->send(join '', map { "$_\r\n" } @lines);
}

sub converse {
	my ($s, $k, $real) = @_;
	my $ids = rand() < 1 / 3;
	my $turns = 2 + int rand 7;
	for my $turn (1 .. $turns) {
		my $other = $s->{mode} ne 'none' && rand() < 0.5;
		my @lines = map { command($s, $ids) } 1 .. 1 + int rand 3;
		my $amid = $other && rand() < 0.3 && sub { change($s, $k) };
		exchange($s, $amid, @lines);
		change($s, $k) if $other && !$amid;
		sleep 0.012 if rand() < 0.03;
		next if !$real || $turn != ($turns + 1 >> 1) || !@{ $s->{box} };
		reader_deletes($s, $real, 1 + int rand @{ $s->{box} });
		put($s, 'append', @{ $s->{box} }, fresh($k)) if rand() < 0.7;
	}
	return finish($s, 'close') if rand() < 0.1;
	return finish($s, 'QUIT') if $s->{closed} || rand() < 0.7;
	# With QUIT in the same packet.
	my @lines = map { command($s, 0) } 1, 2;
	send_all($s, @lines, 'QUIT');
	answer($s, $_) for @lines;
	finish($s, 'sent');
}

# A session before, which leaves its index behind, and a change.
sub earlier {
	my ($s, $k) = @_;
	begin($s);
	say($s, pick('UIDL', 'NOOP', 'LIST', 'STAT'));
	finish($s, 'QUIT');
	change($s, $k) if rand() < 0.7;
}

my @readers = grep { !missing_reader($_) } sort keys %reader;

sub play {
	my ($i) = @_;
	srand unpack 'N', md5("$seed.$i");
	my ($k, $n) = kind();
	my $real = $i % 41 == 40 && @readers ? $readers[$i / 41 % @readers] :
	    undef;
	($k, $n) = kind() while $real && ($k->{kind} ne 'small' || !$n);
	my @mails = map { fresh($k) } 1 .. $n;
	# Exact copies.
	@mails = map { rand() < 0.3 ? $mails[0] : $_ } @mails if rand() < 0.2;
	my $mode = $real ? 'any' : pick('none', ('append') x 2, ('any') x 7);
	try("session $seed.$i", \@mails, rand() < 0.3, sub {
		my ($s) = @_;
		$s->{mode} = $mode;
		earlier($s, $k) if rand() < 0.15;
		begin($s);
		converse($s, $k, $real);
	});
}

# A server waits for its clock more than it works: several places at once.
use constant PLACES => 4;

sub play_at {
	my ($file, $first, @place) = @_;
	be_at(@place);
	for (my $i = $first; $i <= $sessions; $i += PLACES) {
		play($i) if !defined $only || $i == $only;
	}
	store [\%count, \@reports], $file;
}

sub play_all {
	my (%file, %sum);
	my $dir = $work;
	%count = ();
	$sessions = $only if defined $only && $only > $sessions;
	for my $first (1 .. PLACES) {
		my @place = new_place();
		my $pid = fork // die "fork: $!";
		$file{$pid} = "$dir/count-$first";
		next if $pid;
		eval { play_at("$dir/count-$first", $first, @place); 1 }
		    or print STDERR $@;
		POSIX::_exit(0);
	}
	for my $pid (sort { $a <=> $b } keys %file) {
		waitpid $pid, 0;
		my $got = eval { retrieve $file{$pid} } //
		    [{ 'broken tests' => 1 }, []];
		$sum{$_} += $got->[0]{$_} for keys %{ $got->[0] };
		push @reports, @{ $got->[1] };
	}
	return %sum;
}

# What every server needs is made before there are several.
Dewey::environment();
Dewey::binary();
%count = play_all();
splice @reports, 5 if @reports > 5;
show_reports();
my @classes = ('wrong removals', 'wrong answers', 'marks left after +OK',
    'refused in vain', 'spoilt mailboxes', 'broken tests');
diag "seed $seed: " . join ', ', map { "$_ " . ($count{$_} // 0) } qw(sessions
    changes marks removals refused), @classes;
for (@classes) {
	is $count{$_} // 0, 0, "at random: $_";
	diag "$_: in " . $count{"sessions with $_"} . ' sessions'
	    if $count{$_};
}

done_testing;
