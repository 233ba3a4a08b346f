# SPDX-License-Identifier: ISC
# Spread.pm: users on several deweys behind something that sends each to the
# host that has his mailbox, while contrib/nginx/move-users moves them.
# Deliveries look at the same map and then are slow; sessions fetch and delete;
# and in the end every message has been counted: lost, twice, deleted and back,
# or looked for on the wrong host.
package Spread;

use strict;
use warnings;
use Dewey ();
use Fcntl qw(F_WRLCK LOCK_EX LOCK_NB O_CREAT O_EXCL O_RDWR O_WRONLY SEEK_SET);
use POSIX ();
use Spawner ();
use Test::More ();
use Time::HiRes qw(sleep time);

use constant F_OFD_SETLK => 37;

# new(names => [...], site => { HOST => Spawner::Site }, map => FILE,
# drain => DIR or undef, home => sub { host of a user who is in no map },
# connect => sub { a client that has had its greeting }, reload => a command, sessions of how many
# processes: workers => N, uid => sub { owner of a user's mailbox } if that is
# not Dewey::uid()).
sub new {
	my ($class, %o) = @_;
	return bless { workers => 4, dir => Dewey::tmpdir(), %o }, $class;
}

sub host_of {
	my ($self, $name) = @_;
	return Dewey::read_file($self->{map}) =~ /^\Q$name\E (\w+);$/m ? $1
	    : $self->{home}->($name);
}

sub mailbox {
	my ($self, $name, $host) = @_;
	return $self->{site}{ $host // $self->host_of($name) }->mailbox($name);
}

sub is_drained {
	my ($self, $name) = @_;
	return defined $self->{drain} && -e "$self->{drain}/$name";
}

# ---- A delivery, with every lock

sub range { return pack 's s x4 q q i x4', F_WRLCK, SEEK_SET, 0, 0, 0 }

sub owned {
	my ($self, $name, $path) = @_;
	return Dewey::give($path) unless $self->{uid};
	chown $self->{uid}->($name), getgrnam('mail') // 8, $path;
	return chmod 0660, $path;
}

# Returns the host that it went to.
sub deliver {
	my ($self, $name, $octets) = @_;
	my $host = $self->host_of($name);
	my $path = $self->mailbox($name, $host);
	my $deadline = time + 60;
	while (time < $deadline) {
		if (sysopen my $mail, $path, O_RDWR | O_CREAT, 0600) {
			$self->owned($name, $path);
			my $dot;
			my $got = fcntl($mail, F_OFD_SETLK, range()) &&
			    flock($mail, LOCK_EX | LOCK_NB) &&
			    sysopen $dot, "$path.lock",
			    O_WRONLY | O_CREAT | O_EXCL, 0644;
			my @ours = stat $mail;
			my @there = stat $path;
			if ($got && @there && $ours[1] == $there[1]) {
				sysseek $mail, 0, 2;
				syswrite $mail, $octets;
				unlink "$path.lock";
				return $host;
			}
			unlink "$path.lock" if $got;
		}
		sleep 0.02;
	}
	die "$path stays locked\n";
}

sub mail { my ($id) = @_; return Dewey::mbox("X-Id: $id\n\n" . "x\n" x 50) }

# ---- A session: what it fetched and deleted

# Returns (state, ids seen, ids taken): done, refused, cut.  ${c}: a client that
# has had its greeting, or none.
sub session {
	my ($self, $name, $c) = @_;
	my (@seen, @taken);
	$c //= $self->{connect}->();
	return 'cut' unless ($c->say("USER $name") // '') =~ /^\+OK/;
	my $answer = $c->say("PASS pass-$name") // '';
	return $answer =~ /^-ERR/ ? 'refused' : 'cut' unless $answer =~ /^\+OK/;
	my ($n) = ($c->say('STAT') // '') =~ /^\+OK (\d+)/ or return 'cut';
	for my $message (1 .. $n) {
		($c->say("RETR $message") // '') =~ /^\+OK/ or return 'cut';
		my ($id) = $c->body =~ /^X-Id: (\S+)/m or return 'cut';
		push @seen, $id;
		next if $message % 3 == 0;
		($c->say("DELE $message") // '') =~ /^\+OK/ or return 'cut';
		push @taken, $id;
	}
	my $bye = $c->say('QUIT') // '';
	$c->close;
	return ($bye =~ /^\+OK/ ? 'done' : 'cut', \@seen, \@taken);
}

# Has ${count} sessions of its own users; returns what went wrong and was done.
sub work {
	my ($self, $number, $count) = @_;
	my @names = @{ $self->{names} };
	my @mine = grep { $_ % $self->{workers} == $number } 0 .. $#names;
	srand 7 + $number;
	my (%box, %result, %late);
	for my $n (1 .. $count) {
		my $name = $names[$mine[rand @mine]];
		my $id = "$name-$number-$n";
		my $to = $self->deliver($name, mail($id));
		$box{$name}{$id} = 1;
		# A move may have overtaken it.
		$late{$name} = 1 if $to ne $self->host_of($name) ||
		    $self->is_drained($name);
		my ($state, $seen, $taken) = eval { $self->session($name) };
		$state //= 'cut';
		$result{$state}++;
		$late{$name} = 1 if $to ne $self->host_of($name) ||
		    $self->is_drained($name);
		next if $state eq 'refused' || !$seen;
		my %saw;
		for my $got (@$seen) {
			$result{double}++ if $saw{$got}++ || !$box{$name}{$got};
		}
		if (!$late{$name}) {
			$result{wrong}++ if grep { !$saw{$_} } keys %{ $box{$name} };
		}
		# A QUIT without an answer may or may not have done it.
		if ($state eq 'done') {
			delete @{ $box{$name} }{@$taken};
		} else {
			$box{$name}{$_} = 2 for @$taken;
		}
	}
	my $text = join '', map { "$_ $result{$_}\n" } keys %result;
	for my $name (keys %box) {
		$text .= "left $name $_ $box{$name}{$_}\n" for keys %{ $box{$name} };
	}
	return $text;
}

# ---- Moving

# Runs a command; (exit code, what it said).
sub said {
	my (@command) = @_;
	my $said = qx{@command 2>&1};
	return ($? >> 8, $said);
}

sub move_users {
	my ($self, $host, @rest) = @_;
	return said($^X, Spawner::srcdir() . '/contrib/nginx/move-users',
	    '--spool=' . $self->{site}{$host}->dir . '/spool', @rest);
}

sub move {
	my ($self, $from, $to, @who) = @_;
	return $self->move_users($from, '--to=' . $self->{site}{$to}->dir .
	    '/spool', "--host=$to", "--map=$self->{map}",
	    defined $self->{drain} ? "--drain=$self->{drain}" : (),
	    "--reload='$self->{reload}'", @who);
}

# What came late to ${host}.
sub rest {
	my ($self, $host, $name, @how) = @_;
	return $self->move_users($host, @how, $name);
}

# ---- All at once

# ${rounds} sessions with a delivery before each, while users are moved, six at
# a time, ${batches} times.  Says and returns what came of it.
sub storm {
	my ($self, $rounds, $batches) = @_;
	my @pids = map { $self->start_work($_, $rounds / $self->{workers}) }
	    0 .. $self->{workers} - 1;
	my ($moves, $refusals) = $self->move_many($batches, @pids);
	waitpid $_, 0 for @pids;
	Test::More::cmp_ok($moves, '>', 0, "$moves moves, $refusals refused");
	my $rest = $self->hand_on();
	my $total = $self->count();
	Test::More::diag join ', ', map { "$_ $total->{$_}" } sort keys %$total;
	Test::More::diag "$moves moves, $refusals refused, " .
	    "$rest mailboxes with late mail";
	Test::More::cmp_ok($total->{done}, '>', $rounds / 2,
	    'most sessions were whole');
	Test::More::is($total->{lost}, 0, 'lost: none');
	Test::More::is($total->{double}, 0, 'double: none');
	Test::More::is($total->{again}, 0, 'deleted, and back: none');
	Test::More::is($total->{wrong}, 0, 'wrong host: none');
	return $total;
}

sub start_work {
	my ($self, $number, $count) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	my $text = eval { $self->work($number, $count) } // "died $@";
	Dewey::write_file("$self->{dir}/result.$number", $text);
	POSIX::_exit(0);
}

sub move_many {
	my ($self, $batches, @pids) = @_;
	my @hosts = sort keys %{ $self->{site} };
	my ($moves, $refusals, %gone) = (0, 0);
	for my $batch (1 .. $batches) {
		my $from = $hosts[$batch % @hosts];
		my $to = $hosts[($batch + 1) % @hosts];
		my @who = grep { $self->host_of($_) eq $from && !$gone{$_} }
		    @{ $self->{names} };
		@who = @who[0 .. 5] if @who > 6;
		next unless @who;
		$gone{$_} = 1 for @who;
		my ($code, $text) = $self->move($from, $to, @who);
		for my $name (@who) {
			$self->host_of($name) eq $to ? $moves++ : $refusals++;
		}
		Test::More::diag $text if $text =~ /failed/;
		last unless grep { waitpid($_, POSIX::WNOHANG()) == 0 } @pids;
	}
	return ($moves, $refusals);
}

# What came late goes where it belongs.
sub hand_on {
	my ($self) = @_;
	my $late = Dewey::write_file("$self->{dir}/late", <<"SH", 0755);
#!/bin/sh
cat >'$self->{dir}/rest.'\$1
SH
	my $rest = 0;
	for my $name (@{ $self->{names} }) {
		my $home = $self->host_of($name);
		for my $host (grep { $_ ne $home } keys %{ $self->{site} }) {
			next unless -s $self->mailbox($name, $host);
			my ($code, $text) = $self->rest($host, $name,
			    "--rest=$late");
			Test::More::is($code, 0, 'what came late is handed on')
			    or Test::More::diag $text;
			$self->deliver($name,
			    Dewey::read_file("$self->{dir}/rest.$name"));
			$rest++;
		}
	}
	return $rest;
}

# What there is, against what the workers say.
sub count {
	my ($self) = @_;
	my %total = map { $_ => 0 } qw(done refused cut double wrong lost again);
	my %there;
	for my $name (@{ $self->{names} }) {
		my $path = $self->mailbox($name);
		my $text = -e $path ? Dewey::read_file($path) : '';
		$there{$name}{$_}++ for $text =~ /^X-Id: (\S+)/mg;
	}
	for my $number (0 .. $self->{workers} - 1) {
		for (split /\n/, Dewey::read_file("$self->{dir}/result.$number")) {
			if (/^left (\S+) (\S+) (\d)/) {
				my $n = delete $there{$1}{$2} // 0;
				$total{lost}++ if !$n && $3 == 1;
				$total{double}++ if $n > 1;
			} elsif (/^(\w+) (\d+)$/) {
				$total{$1} += $2;
			} else {
				Test::More::fail $_;
			}
		}
	}
	$total{again} += keys %{ $there{$_} } for keys %there;
	return \%total;
}

1;
