#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# A session that is killed at any of its calls that change a file, before it,
# in the middle of it or after it, leaves a mailbox that the next login or
# --recover makes that of before or that of after, with the mail that arrived,
# and nothing else.  So does a recovery that is killed.  (DESIGN section 8.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;
use Fcntl qw(F_SETLK F_WRLCK LOCK_EX LOCK_NB);
use Processes;
use Test::More;
use Time::HiRes qw(sleep);

my $why = Crash::reason();
plan skip_all => $why if defined $why;

my $long = $ENV{DEWEY_LONG};
my $seed = $ENV{DEWEY_SEED} // time;
srand $seed;
diag "seed $seed" if $long;
note "seed $seed";

my $dir = Dewey::tmpdir();
my $box = "$dir/box";

# ---- Mailboxes

sub message {
	my ($n) = @_;
	return "From a\@b Mon Jan  1 00:00:0$n 2024\nSubject: number $n\n\n"
	    . join('', map { chr(96 + $n) x (20 + $n) . "$_\n" } 1 .. 3) . "\n";
}

my @messages = map { message($_) } 1 .. 6;
my $arrives = message(7);
my $since = message(8) =~ s/^(.*\n)/$1Since: the crash\n/r;
my $pseudo = "From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n"
    . "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
    . "X-IMAP: 1234567890 0000000042\n\nThis text is part of a mailbox.\n\n";

my @any = grep { rand() < 0.5 } 1 .. 5;
@any = (2, 5) unless @any;

# Name, what goes, and what else there is: octets before the first message, a
# message that arrives before QUIT, a window.  A window of 300 octets makes
# three or four steps.
my @cases = (
	[first => [1], { window => 300 }],
	[last => [6], {}],
	['the last two' => [5, 6], {}],
	[alternate => [1, 3, 5], { window => 200 }],
	['all but one' => [1, 2, 3, 5, 6], { window => 50 }],
	[all => [1 .. 6], {}],
	["any (@any)" => \@any, { window => 100 + int rand 300 }],
	['behind a pseudo-message' => [1, 2, 4], { begin => $pseudo,
	    window => 200 }],
	['behind blank lines' => [2], { begin => "\n\n", window => 300 }],
	['while mail arrives' => [1, 4], { arrives => 1, window => 300 }],
	['the last, while mail arrives' => [6], { arrives => 1 }],
	['alternate, one step' => [2, 4, 6], {}],
	# Less goes than a nonce has octets.
	['eight octets' => [1], { tiny => 1 }],
	['eight octets, in steps' => [1], { tiny => 1, window => 300 }],
	['eight octets, while mail arrives' => [1], { tiny => 1,
	    arrives => 1 }],
);

# Where the file begins a From_ line needs no date.
sub messages_of {
	my ($o) = @_;
	return $o->{tiny} ? ("From x\n\n", @messages[1 .. $#messages]) :
	    @messages;
}

# Returns the mailbox before, and both states that may be left of it.
sub states {
	my ($goes, $o) = @_;
	my %goes = map { $_ => 1 } @$goes;
	my $begin = $o->{begin} // '';
	my $more = $o->{arrives} ? $arrives : '';
	my @all = messages_of($o);
	my $before = $begin . join '', @all;
	return ($before, $before . $more, $begin . join('',
	    map { $goes{$_} ? () : $all[$_ - 1] } 1 .. @all) . $more);
}

# ---- Sessions

sub deliver {
	my ($octets) = @_;
	open my $fh, '>>:raw', $box or die "$box: $!";
	print {$fh} $octets or die "$box: $!";
	close $fh or die "$box: $!";
}

# The mailbox stays the same file: a journal knows it by its inode.
sub begin {
	my ($octets) = @_;
	unlink glob "$dir/.box* $dir/box.*";
	Dewey::write_file($box, $octets);
}

# The session with the UPDATE.  Returns whether the new mail came.
sub update {
	my ($goes, $o, $shim) = @_;
	my $came = 0;
	my $r = Crash::run(mailbox => $box, shim => $shim,
	    flags => [$o->{sandboxed} ? () : '--sandbox=none',
	    $o->{window} ? "--journal-window=$o->{window}" : ()],
	    input => join('', map { "DELE $_\r\n" } @$goes) . "QUIT\r\n",
	    $o->{arrives} ? (between => sub { deliver($arrives); $came = 1 })
	    : ());
	return ($r, $came);
}

my $turn = 0;

# Recovers by a login or by --recover, in turn.
sub recover {
	my ($shim) = @_;
	return Crash::run(mailbox => $box, shim => $shim,
	    flags => ['--sandbox=none'], $turn++ % 2
	    ? (action => ['--recover', $box]) : (input => "QUIT\r\n"));
}

# Recovers, compares, and says what is wrong, or nothing.
sub look {
	my ($states, $must) = @_;
	my $r = recover();
	my @wrong;
	push @wrong, "recovery ended with $r->{status}: $r->{output}"
	    if $r->{status};
	push @wrong, 'neither the mailbox of before nor that of after'
	    unless Crash::judge(Dewey::read_file($box), $states, $must);
	# What was made under a name of its own when the process died stays; the
	# dot-lock goes at the next login.
	my $idle = $r->{output} =~ /: nothing to do$/;
	push @wrong, grep { !/\.lock\../ && !($idle && $_ eq 'box.lock') }
	    Crash::leftovers($box);
	return @wrong;
}

# ---- One call after the other

my ($kills, $delivered) = (0, 0);

# Kills at each call of one case, everything or only the process that called.
sub kill_all {
	my ($name, $goes, $o, $group) = @_;
	my ($mailbox, $before, $after) = states($goes, $o);
	begin($mailbox);
	unlink "$dir/record";
	my ($r) = update($goes, { %$o, sandboxed => 0 },
	    { RECORD => "$dir/record" });
	my @calls = Crash::record("$dir/record");
	unlink "$dir/record";
	is Dewey::read_file($box), $after, "$name: without a kill";
	my @wrong;
	for my $n (1 .. @calls) {
		next if Dewey::slow() && $n % 12;
		for my $when (qw(before middle after)) {
			next if $when eq 'middle' && $calls[$n - 1]{kind} ne 'w';
			begin($mailbox);
			my ($r, $came) = update($goes, $o, { AT => $n,
			    DO => $when, $group ? (GROUP => 1) : () });
			$kills++;
			my $more = $kills % 2 ? $since : '';
			deliver($more) if $more;
			$delivered += $came + ($more ne '');
			# What was to be there before QUIT may not have come.
			my @states = map { "$_$more" } $r->{output} =~
			    /signing off/ ? $after : $came || !$o->{arrives}
			    ? ($before, $after) : $mailbox;
			my %goes = map { $_ => 1 } @$goes;
			my @must = map { $goes{$_} ? () : $messages[$_ - 1] }
			    1 .. @messages;
			push @wrong, map { "$when call $n: $_" }
			    look(\@states, [@must, $more || ()]);
		}
	}
	is join("\n", @wrong), '', "$name: killed at " . @calls . ' calls';
}

kill_all(@$_, 1) for @cases;
# Its keeper completes what a dead session has begun.
kill_all('only the process itself', [1, 3, 5],
    { window => 200, sandboxed => 1 }, 0);

# ---- Killed while recovering

# Leaves the mailbox as a kill at call ${n} does, with mail behind it.
sub leave {
	my ($goes, $o, $n) = @_;
	my ($mailbox) = states($goes, $o);
	begin($mailbox);
	update($goes, $o, { AT => $n, DO => 'after', GROUP => 1 });
	deliver($since);
	return Dewey::read_file($box), Dewey::read_file("$dir/.box.dewey");
}

sub kill_recovery {
	my ($name, $goes, $o) = @_;
	my ($mailbox, $before, $after) = states($goes, $o);
	my @states = ($before . $since, $after . $since);
	my %goes = map { $_ => 1 } @$goes;
	my @must = ($since, map { $goes{$_} ? () : $messages[$_ - 1] }
	    1 .. @messages);
	begin($mailbox);
	unlink "$dir/record";
	update($goes, $o, { RECORD => "$dir/record" });
	my @calls = Crash::record("$dir/record");
	unlink "$dir/record";
	# From the first slot on there is something to recover.
	my ($first) = grep { $calls[$_ - 1]{file} eq 's'
	    && $calls[$_ - 1]{kind} eq 'w' } 1 .. @calls;
	my ($tried, @wrong) = (0);
	my @at = $first .. @calls;
	@at = map { $at[rand @at] } 1 .. (Dewey::slow() ? 1 : 6) unless $long;
	for my $n (@at) {
		my @left = leave($goes, $o, $n);
		recover({ RECORD => "$dir/record" });
		my @inner = Crash::record("$dir/record");
		unlink "$dir/record";
		for my $m (1 .. @inner) {
			next if !$long && $m % (Dewey::slow() ? 20 : 2);
			begin($left[0]);
			Dewey::write_file("$dir/.box.dewey", $left[1]);
			my $when = (qw(before middle after))[rand 3];
			recover({ AT => $m, DO => $when, GROUP => 1 });
			# And once more, somewhere.
			recover({ AT => 1 + int rand @inner, DO => 'after',
			    GROUP => 1 }) if rand() < 0.3;
			$tried++;
			push @wrong, map { "call $n, $when call $m of the "
			    . "recovery: $_" } look(\@states, \@must);
		}
	}
	$kills += $tried;
	is join("\n", @wrong), '', "$name: $tried recoveries killed";
}

kill_recovery('alternate', [1, 3, 5], { window => 200 });
kill_recovery('one step', [2], {});

# ---- Much mail behind what moves little

begin(join '', @messages);
unlink "$dir/record";
update([2], {}, { RECORD => "$dir/record" });
my @short = Crash::record("$dir/record");
unlink "$dir/record";
my ($moves) = grep { $short[$_ - 1]{kind} eq 'w' &&
    $short[$_ - 1]{file} eq 'm' } 1 .. @short;
my ($much, @syncs) = ($since x 40_000);
leave([2], {}, $moves);
deliver($much);
recover({ RECORD => "$dir/record" });
@syncs = grep { $_->{kind} eq 's' && $_->{file} eq 'm' }
    Crash::record("$dir/record");
is Dewey::read_file($box), join('', @messages[0, 2 .. 5], $since, $much),
    'mail behind an UPDATE that was killed: all is there';
cmp_ok scalar(@syncs), '<', 10, '... moved in few steps';

# More than a page moves, and a write finds no space.
my @large = map { message($_) =~ s/\n\n\K/('x' x 63 . "\n") x 50/er } 1 .. 4;
my @odd;
for my $window (0, 5000) {
	for my $n (1 .. 16) {
		begin(join '', @large);
		my ($r) = update([1], { window => $window }, { KINDS => 'w',
		    AT => $n, DO => 'fail', ERRNO => POSIX::ENOSPC() });
		my @may = (join('', @large[1 .. 3]), join '', @large);
		pop @may if $r->{output} =~ /signing off/;
		push @odd, map { "window $window, write $n: $_" }
		    look(\@may, [@large[1 .. 3]]);
	}
}
is join("\n", @odd), '', 'a write of more than a page finds no space';

# ---- Killed when its locks have fallen

my @deletes = map { "DELE $_" } 1, 3, 5;
my ($full, undef, $less) = states([1, 3, 5], {});

# Takes a lock of the mailbox as another program does.  Returns what undoes it.
my %lock = (
	fcntl => sub {
		open my $fh, '+<', $box or die "$box: $!";
		my $whole = pack 's s x![q] q q i x4', F_WRLCK, 0, 0, 0, 0;
		fcntl $fh, F_SETLK, $whole or return;
		return sub { close $fh };
	},
	flock => sub {
		open my $fh, '+<', $box or die "$box: $!";
		flock $fh, LOCK_EX | LOCK_NB or return;
		return sub { close $fh };
	},
	dotlock => sub {
		Dewey::write_file("$box.lock", "1\n");
		return sub { unlink "$box.lock" };
	},
);

# A session whose UPDATE failed half way: it has given its locks back, and waits
# for a client that does not take the answer.
sub stopped_half_way {
	my ($at) = @_;
	begin($full);
	my $c = Dewey->start('--preauth', "--mailbox=$box", '--log=stderr',
	    '--journal-window=200', { transport => 'pipe', keep => 1,
	    env => Crash::environment($box, { AT => $at, DO => 'fail',
	    ERRNO => POSIX::EIO() }) });
	$c->greeting;
	my (undef, $out) = $c->kept;
	vec(my $room = '', fileno $out, 1) = 1;
	while (select undef, my $w = $room, undef, 0) {
		syswrite $out, 'x' x 4096 or die "write: $!";
	}
	$c->send(join '', map { "$_\r\n" } @deletes, 'QUIT');
	$c->wait_for(sub { -s "$dir/.box.dewey" && !-e "$box.lock" });
	return $c;
}

SKIP: {
	skip 'a tool has processes of its own', 9 if Dewey::slow();
	begin($full);
	unlink "$dir/record";
	update([1, 3, 5], { window => 200 }, { RECORD => "$dir/record" });
	my @calls = Crash::record("$dir/record");
	my ($wrote, $synced) = (0);
	for (1 .. @calls) {
		my $call = $calls[$_ - 1];
		next if $call->{file} ne 'm';
		$wrote ||= $call->{kind} eq 'w';
		$synced //= $_ if $wrote && $call->{kind} eq 's';
	}
	for my $kind (sort keys %lock) {
		my $c = stopped_half_way($synced);
		my $half = Dewey::read_file($box);
		my $undo = $c->wait_for($lock{$kind});
		my ($session) = Processes::below($c->pid);
		kill 'KILL', $session;
		$c->wait_for(sub { Processes::has_ended($c->pid) ||
		    grep { $_ != $session } Processes::below($c->pid) });
		sleep 0.3;
		is Dewey::read_file($box), $half,
		    "$kind is another's: the keeper waits for it";
		deliver($since);
		$undo->();
		$c->forget_kept;
		$c->exit_code;
		is Dewey::read_file($box), "$less$since",
		    '... then it completes the UPDATE';
		is join(' ', Crash::leftovers($box)), '', '... all of it';
	}
}

diag "$kills kills, $delivered messages delivered meanwhile: "
    . Crash::report();
ok Crash::is_clean(), 'nothing lost, duplicated or damaged';
done_testing;
