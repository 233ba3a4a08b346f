#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# A session that is killed at any of its calls that change a file, before it,
# in the middle of it or after it, leaves a mailbox that the next login or
# --recover makes that of before or that of after, with the mail that arrived,
# and nothing else.  So does a recovery that is killed.  (DESIGN section 6.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;
use Test::More;

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
);

# Returns the mailbox before, and both states that may be left of it.
sub states {
	my ($goes, $o) = @_;
	my %goes = map { $_ => 1 } @$goes;
	my $begin = $o->{begin} // '';
	my $more = $o->{arrives} ? $arrives : '';
	my $before = $begin . join '', @messages;
	return ($before, $before . $more, $begin . join('',
	    map { $goes{$_} ? () : $messages[$_ - 1] } 1 .. @messages) . $more);
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

diag "$kills kills, $delivered messages delivered meanwhile: "
    . Crash::report();
ok Crash::is_clean(), 'nothing lost, duplicated or damaged';
done_testing;
