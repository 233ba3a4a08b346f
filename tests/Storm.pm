# SPDX-License-Identifier: ISC
# Storm.pm: delivers numbered messages to many mailboxes with programs of other
# people while sessions fetch and delete, and counts what arrived.
package Storm;

use strict;
use warnings;
use Dewey ();
use POSIX ();
use Spawner ();
use Storable ();
use Time::HiRes qw(sleep time);

# Processes that have sessions at the same time.
use constant WORKERS => 8;

# new(each => {name => N}, deliver => {name => [command]}, login => sub(name)
# -> session, mailbox => sub(name) -> path, [env => {..}], [as_root => 1],
# [timeout => seconds], [after => sub(): what is left to be done when all has
# been handed over])
sub new {
	my ($class, %o) = @_;
	return bless { names => [sort keys %{ $o{each} }], timeout => 240, sessions => 0, refused => 0,
	    changed => 0,
	    delivered => 0, %o }, $class;
}

# Of a size of its own, with what a careless program would trip over; the last
# line tells a whole message from a cut one.
sub message {
	my ($name, $n) = @_;
	return "From: a\@b.example\nTo: $name\@dewey.example\nSubject: $name $n\n" .
	    "Message-ID: <$name.$n\@b.example>\n\n" .
	    "From here on\n\n.\n" . "$name $n\n" x ($n * 37 % 60) .
	    "end of $name $n\n";
}

# Runs the program once; its exit code.
sub deliver {
	my ($self, $name, $n) = @_;
	my @command = @{ $self->{deliver}{$name} };
	pipe my $r, my $w or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		close $w;
		# maildrop sends SIGHUP to its process group.
		POSIX::setsid();
		POSIX::dup2(fileno $r, 0);
		%ENV = (PATH => '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL => 'C',
		    HOME => '/nonexistent', LD_LIBRARY_PATH =>
		    Spawner::libraries(), %{ $self->{env} // {} });
		no warnings 'exec';
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	close $r;
	local $SIG{PIPE} = 'IGNORE';
	print {$w} message($name, $n);
	close $w;
	waitpid $pid, 0;
	return $? >> 8 || $? & 127;
}

# The process that delivers everything for one mailbox.
sub deliverer {
	my ($self, $name) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	open STDOUT, '>', '/dev/null';
	open STDERR, '>&', \*STDOUT;
	Spawner::drop_rights() if !$> && !$self->{as_root};
	for my $n (1 .. $self->{each}{$name}) {
		# EX_TEMPFAIL: the agent asks for another try.
		my $tries = 0;
		while (my $code = $self->deliver($name, $n)) {
			last if $code != 75 || ++$tries > 20;
			sleep 0.1;
		}
	}
	POSIX::_exit(0);
}

# Fetches and deletes all that is there; counts each message that the server
# said was removed.
sub session {
	my ($self, $name) = @_;
	my $c = eval { $self->{login}->($name) } or do {
		die $@ unless $@ =~ m{\[SYS/TEMP\]|\[IN-USE\]};
		$self->{refused}++;
		return;
	};
	$self->{sessions}++;
	my ($count) = $c->say('STAT') =~ /^\+OK (\d+) / or die 'STAT';
	$c->send(join '', map { "RETR $_\r\nDELE $_\r\n" } 1 .. $count);
	my @got;
	for my $n (1 .. $count) {
		my $reply = $c->line;
		if ($reply =~ m{^-ERR \[SYS/TEMP\]}) {
			# Nobody but us takes anything away: this should not be.
			$self->{changed}++;
			$c->close;
			return;
		}
		die "RETR $n: $reply" unless $reply =~ /^\+OK/;
		my $body = $c->body =~ s/(\A|\r\n)\./$1/gr =~ s/\r\n/\n/gr;
		$reply = $c->line;
		die "DELE $n: $reply" unless $reply =~ /^\+OK/;
		push @got, $body;
	}
	my $reply = $c->say('QUIT');
	$c->exit_code if $c->pid;
	if ($reply !~ /^\+OK/) {
		$self->{refused}++;
		return;
	}
	$self->{got}{$_}++ for @got;
}

# A process that has sessions for some of the mailboxes until the file says
# that all has been delivered, and then until they are empty; then it tells what
# it got.
sub worker {
	my ($self, $stop, @names) = @_;
	pipe my $r, my $w or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if ($pid) {
		close $w;
		return [$pid, $r];
	}
	eval {
		until (-e $stop) {
			for my $name (@names) {
				$self->session($name);
				last if -e $stop;
			}
			sleep 0.05;
		}
		for my $name (@names) {
			for (1 .. 50) {
				$self->session($name);
				last unless -s $self->{mailbox}->($name);
				sleep 0.1;
			}
		}
		1;
	} or $self->{died} = "$@";
	Storable::store_fd({ map { $_ => $self->{$_} }
	    qw(got sessions refused changed died) }, $w);
	close $w;
	POSIX::_exit(0);
}

sub run {
	my ($self) = @_;
	my $begin = time;
	my $deadline = $begin + $self->{timeout};
	my $stop = Dewey::tmpdir() . '/stop';
	my @names = @{ $self->{names} };
	my @workers = map {
		my $i = $_;
		$self->worker($stop, @names[grep { $_ % WORKERS == $i }
		    0 .. $#names])
	} 0 .. WORKERS - 1;
	my %pids = map { $self->deliverer($_) => 1 } @names;
	while (%pids && time < $deadline) {
		for my $pid (keys %pids) {
			delete $pids{$pid}
			    if waitpid($pid, POSIX::WNOHANG()) == $pid;
		}
		sleep 0.02;
	}
	kill 'KILL', keys %pids;
	waitpid $_, 0 for keys %pids;
	$self->{after}->() if $self->{after};
	Dewey::write_file($stop, '');
	for (@workers) {
		my ($pid, $r) = @$_;
		my $what = Storable::fd_retrieve($r);
		waitpid $pid, 0;
		die $what->{died} if $what->{died};
		$self->{$_} += $what->{$_} for qw(sessions refused changed);
		$self->{got}{$_} += $what->{got}{$_} for keys %{ $what->{got} };
	}
	$self->{seconds} = time - $begin;
	$self->count;
}

# Takes off what an agent puts at the top of a message.
sub plain {
	my ($body) = @_;
	my ($header, $rest) = $body =~ /\A(.*?\n)\n(.*)\z/s or return $body;
	my %ours = map { $_ => 1 } qw(from to subject message-id);
	$header = join '', grep { /^([\w-]+):/ && $ours{lc $1} }
	    split /\n\K(?![ \t])/, $header;
	# fdm ends each message with an empty line more; maildrop 4 writes one
	# before the next message.
	$rest =~ s/\n\n\z/\n/ if $header =~ /^To: (?:fdm|maildrop)/m;
	# Agents quote lines that begin with From.
	return "$header\n" . $rest =~ s/^>From /From /mgr;
}

# The group of a mailbox is its name without the number.
sub count {
	my ($self) = @_;
	my %times;
	$times{plain($_)} += $self->{got}{$_} for keys %{ $self->{got} };
	for my $name (@{ $self->{names} }) {
		my $sum = $self->{sum}{ $name =~ s/\d+\z//r } //= { map {
		    ($_ => 0) } qw(sent delivered lost double damaged) };
		for my $n (1 .. $self->{each}{$name}) {
			my $times = delete $times{message($name, $n)} // 0;
			$sum->{sent}++;
			$sum->{delivered}++ if $times;
			$sum->{lost}++ if !$times;
			$sum->{double}++ if $times > 1;
		}
	}
	# What is not a message that was sent.
	for my $message (keys %times) {
		my ($group) = $message =~ /^To: ([a-z]+)/m;
		$self->{sum}{ $group // 'unknown' }{damaged}++;
		$self->{odd} //= $message;
	}
}

1;
