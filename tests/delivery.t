#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Mail that is delivered as fast as it goes while sessions fetch and delete it
# arrives exactly once: with every kind of lock and every order, with two sessions
# that want the same maildrop, with sessions that are killed, and with a mail
# reader that rewrites the mailbox.  (DESIGN section 7; real delivery agents:
# agents.t.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use File::Copy ();
use POSIX ();
use Processes;
use Test::More;
use Time::HiRes qw(sleep time);

my $built = ($ENV{builddir} // '.') . '/tests/crash/deliver';
plan skip_all => "$built was not built" unless -x $built;

my $long = $ENV{DEWEY_LONG};
my $seed = $ENV{DEWEY_SEED} // ($long ? time : 1);
srand $seed;
diag "seed $seed" if $long;

# How much mail, and until when.
my $many = $long ? 10_000 : Dewey::slow() ? 30 : 200;
my $patience = $long ? 900 : Dewey::slow() ? 300 : 60;

my $tools = Dewey::tmpdir();
my $deliver = "$tools/deliver";
File::Copy::copy($built, $deliver) or die "copy $built: $!";
chmod 0755, $deliver or die "chmod $deliver: $!";

my %children;
my $owner = $$;
END {
	my $status = $?;
	kill 'KILL', keys %children if $$ == $owner;
	$? = $status;
}

# The directories that the workers' servers want are made here, where they are
# removed in the end.
Dewey::binary(0);
Dewey::environment();

# ---- One after the other: sessions

# What a worker notes, one line each: taken ID, unsure ID (deleted, but the answer
# to QUIT was not heard, or was -ERR), twice ID, torn ID, and what is told at the
# end.
package Worker;

use Time::HiRes qw(sleep time);

sub note {
	my ($self, @words) = @_;
	syswrite $self->{out}, "@words\n";
}

# Whether ${text} is a message as it was delivered; its name.
sub check {
	my ($self, $text) = @_;
	my ($name) = $text =~ /^Subject: (\S+)\r\n/m or return (0, '?');
	my ($header, $body) = $text =~ /\A(.*?\r\n)\r\n(.*)\z/s
	    or return (0, $name);
	my ($lines) = $header =~ /^Lines: (\d+)\r\n/m or return (0, $name);
	return ($body eq join('', map {
		"$name line $_ of $lines\r\n" } 1 .. $lines), $name);
}

sub fetch {
	my ($self, $c, $count) = @_;
	my (%names, @all);
	$c->send(join '', map { "RETR $_\r\n" } 1 .. $count);
	for my $n (1 .. $count) {
		my $status = $c->line // return;
		# A mail reader was there.
		if ($status !~ /^\+OK/) {
			$self->note('refused', $status)
			    if $status !~ m{^-ERR \[SYS/TEMP\]};
			next;
		}
		# ... and is now: there is no end then, and no UPDATE.
		my $body = eval { $c->body } // return;
		$body =~ s/^\.//gm;
		my ($whole, $name) = $self->check($body);
		$self->note('torn', $name) unless $whole;
		$self->note('twice', $name) if $names{$name}++
		    || $self->{taken}{$name};
		push @all, [$n, $name];
	}
	return @all;
}

# Kills every process of a session.
sub kill_all {
	my ($self, $c) = @_;
	my @pids = ($c->pid, Processes::below($c->pid));
	sleep rand 0.006;
	kill 'KILL', @pids;
	$c->exit_code;
}

sub start {
	my ($self) = @_;
	return Dewey->start('--preauth', '--host=dewey.example',
	    '--log=stderr', "--mailbox=$self->{box}", @{ $self->{flags} });
}

# Whether ${c} was let in; how many messages there are.
sub is_in {
	my ($self, $c) = @_;
	my $greeting = $c->greeting // '';
	return $1 if $greeting =~ /^\+OK .* (\d+) messages? /;
	my $why = $greeting =~ /^-ERR \[IN-USE\]/ ? 'in-use' :
	    $greeting =~ m{^-ERR \[SYS/TEMP\]} ? 'busy' : 'refused';
	$self->note($why, $greeting);
	return undef;
}

# One session; returns how many messages it found, or undef.
sub session {
	my ($self) = @_;
	my ($c, $rival) = map { $self->start } 0 .. ($self->{race} ? 1 : 0);
	my $count = $self->is_in($c);
	if ($rival) {
		my $other = $self->is_in($rival);
		# Without a message there is nothing to lock.
		$self->note('refused', 'both') if $count && $other;
		($c, $count) = ($rival, $other) if !defined $count;
	}
	return undef if !defined $count;
	$c->multi('UIDL') if $self->{uidl};
	my @all = $self->fetch($c, $count);
	my $odds = (0.3, 0.7, 1)[rand 3];
	my @goes = grep { rand() < $odds } @all;
	$c->send(join '', map { "DELE $_->[0]\r\n" } @goes);
	my $refused = grep { ($c->line // '') !~ /^\+OK/ } @goes;
	$c->cmd('QUIT');
	if (rand() < $self->{kills}) {
		$self->kill_all($c);
		$self->note('unsure', $_->[1]) for @goes;
		$self->note('killed');
		return $count;
	}
	my $quit = $c->line // '';
	my $done = $quit =~ /^\+OK/ && !$refused;
	$self->note('failed', $quit . $c->stderr =~ s/\n/ /gr) unless $done;
	for my $name (map { $_->[1] } @goes) {
		$self->{taken}{$name} = 1 if $done;
		$self->note($done ? 'taken' : 'unsure', $name);
	}
	$c->exit_code;
	$self->note('session', scalar @goes);
	return $count;
}

# Sessions until the file ${stop} is there and nothing is left.
sub work {
	my ($self) = @_;
	my $deadline = time + $self->{patience};
	while (1) {
		my $last = -e $self->{stop};
		local $self->{kills} = $last ? 0 : $self->{kills};
		my $count = $self->session;
		return if $last && defined $count && $count == 0;
		die "no end in sight\n" if time > $deadline;
	}
}

package main;

# ---- Storms

my %sum = map { $_ => 0 } qw(delivered sessions lost duplicated damaged);

sub child {
	my ($out, $code) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		srand($seed + $$);
		my $ok = eval { $code->(); 1 };
		syswrite $out, "died $@" unless $ok;
		POSIX::_exit($ok ? 0 : 1);
	}
	$children{$pid} = 1;
	return $pid;
}

# Becomes another program, as the user whose mailbox it is.
sub become {
	my ($out, @command) = @_;
	open STDOUT, '>&', $out or die "dup: $!";
	Dewey::drop() if !$>;
	exec @command or die "$command[0]: $!\n";
}

sub finish {
	for my $pid (@_) {
		waitpid $pid, 0;
		delete $children{$pid};
	}
}

# Delivers by ${writers}, each a sub that is given a stream on which it names
# what it has delivered, while workers work.
sub storm {
	my ($name, %o) = @_;
	my $dir = Dewey::tmpdir();
	my $box = "$dir/box";
	my $begin = time;
	Dewey::write_file($box, '');
	my @logs = map { "$dir/log$_" } 1 .. ($o{workers} // 1);
	my @workers = map {
		my $path = $_;
		open my $out, '>>', $path or die "$path: $!";
		my $worker = bless { box => $box, out => $out, taken => {},
			flags => $o{flags} // [], kills => $o{kills} // 0,
			uidl => $o{uidl}, race => $o{race}, stop => "$dir/stop",
			patience => $patience }, 'Worker';
		child($out, sub { $worker->work });
	} @logs;
	open my $out, '>>', "$dir/delivered" or die "$dir/delivered: $!";
	my @writers = map {
		my $writer = $_;
		child($out, sub { $writer->($out, $box) });
	} @{ $o{writers} };
	finish(@writers);
	Dewey::write_file("$dir/stop", '');
	finish(@workers);

	my (%count, %taken, %unsure, @strange);
	for my $line (map { split /\n/, Dewey::read_file($_) } @logs) {
		my ($what, $rest) = split / /, $line, 2;
		$count{$what}++;
		$taken{$rest}++ if $what eq 'taken';
		$unsure{$rest}++ if $what eq 'unsure';
		push @strange, $line if $what =~ /^(?:torn|twice|died|refused)/
		    || ($what eq 'failed' && !$o{failures});
	}
	my @delivered = map { /^died/ ? do { push @strange, $_; () } : $_ }
	    split /\n/, Dewey::read_file("$dir/delivered");
	my @lost = grep { !$taken{$_} && !$unsure{$_} } @delivered;
	my @twice = grep { $taken{$_} > 1 } keys %taken;
	$sum{delivered} += @delivered;
	$sum{sessions} += $count{session} // 0;
	$sum{lost} += @lost;
	$sum{duplicated} += @twice + ($count{twice} // 0);
	$sum{damaged} += $count{torn} // 0;
	note sprintf '%.1f s', time - $begin;
	is join("\n", @strange[0 .. ($#strange > 9 ? 9 : $#strange)],
	    (map { "lost $_" } @lost), map { "twice $_" } @twice), '',
	    "$name: " . @delivered . ' messages, ' . join ', ',
	    map { ($count{$_} // 0) . " $_" } qw(session killed in-use busy);
	is -s $box, 0, '... and the mailbox is empty';
	return \%count;
}

# A delivery agent of ours.
sub agent {
	my ($kinds, $name, $count, $pause) = @_;
	return sub {
		my ($out, $box) = @_;
		become($out, $deliver, $box, $kinds, $name, $count,
		    $pause // 300);
	};
}

for my $kinds ('fcntl', 'dotlock', 'flock', 'fcntl,dotlock',
    'dotlock,fcntl', 'dotlock,flock', 'flock,dotlock') {
	# The default is for all who take one of its kinds.
	my @flags = $kinds =~ /flock/ ? "--locks=$kinds" : ();
	storm("by $kinds, dewey by " . ($flags[0] // 'its default'),
	    flags => \@flags, writers => [agent($kinds, 'a', $many)]);
}
storm('two agents, both orders, without a pause', writers => [
	agent('fcntl,dotlock', 'a', 4 * $many, 0),
	agent('dotlock,fcntl', 'b', 4 * $many, 0)]);
my $count = storm('two sessions want one maildrop', race => 1,
    writers => [agent('fcntl', 'a', $many)]);
cmp_ok $count->{'in-use'} // 0, '>', 0, '... and one of them does not get it';
storm('sessions are killed', kills => 0.4, flags => ['--journal-window=600'],
    writers => [agent('dotlock,fcntl', 'a', $many, 600)]);
# What was never asked for by its unique-id cannot be found again.
storm('a mail reader rewrites the mailbox', uidl => 1, failures => 1,
    writers => [agent('fcntl,dotlock', 'a', $many, 900),
    sub {
	my (undef, $box) = @_;
	open my $null, '>', '/dev/null' or die "/dev/null: $!";
	become($null, $deliver, $box, 'fcntl,dotlock', 'rewrite',
	    int $many / 5, 3000);
    }]);

# ---- Mail that arrives while a login waits for the locks

for my $there (1, 0) {
	my $dir = Dewey::tmpdir();
	my $box = "$dir/box";
	my @words = ('--preauth', '--host=dewey.example', '--log=none',
	    "--mailbox=$box");
	Dewey::write_file($box, '') if $there;
	Dewey::write_file("$box.lock", '') if $there;
	my $mail = Dewey::mbox(map { "Subject: $_\n\n$_\n" } 1 .. 3);
	my $c = Dewey->start(@words);
	if ($there) {
		# It has seen the mailbox without mail and waits.
		sleep Dewey::slow() ? 3 : 0.3;
		Dewey::write_file($box, $mail);
		unlink "$box.lock" or die "$box.lock: $!";
	} else {
		$c->greeting;
		Dewey::write_file($box, $mail);
	}
	my ($count) = $c->greeting =~ /^\+OK .* (\d+) messages/;
	my $name = $there ? 'mail for an empty mailbox'
	    : 'mail for a mailbox that was not there';
	like $count, qr/^[03]$/, "$name: all of it is seen, or none";
	my $second = Dewey->start(@words);
	like $second->greeting, $count ? qr/^-ERR \[IN-USE\]/
	    : qr/^\+OK .* 3 messages/, '... by one session at a time';
	$c = $second unless $count;
	like $c->say('DELE 1'), qr/^\+OK/, '... who can delete';
	like $c->say('QUIT'), qr/^\+OK .*\(2 messages left\)/, '... and does';
	is Dewey::read_file($box), Dewey::mbox(map { "Subject: $_\n\n$_\n" }
	    2, 3), '... what was asked for';
}

diag join ', ', map { "$sum{$_} $_" }
    qw(delivered sessions lost duplicated damaged);
is $sum{$_}, 0, "$_: none" for qw(lost duplicated damaged);
done_testing;
