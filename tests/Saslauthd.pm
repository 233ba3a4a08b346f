# SPDX-License-Identifier: ISC
# Saslauthd.pm: a saslauthd(8) of the tests' own, which says what it is told to
# and remembers what it was asked.
package Saslauthd;

use strict;
use warnings;
use Dewey ();
use POSIX ();
use Socket qw(PF_UNIX SOCK_STREAM SOL_SOCKET pack_sockaddr_un);

my $owner = $$;
my %running;		# pid -> 1

# A question, as it must be.
sub question { return pack '(n/a)4', @_[0, 1], 'pop', '' }

# An answer around ${text}.
sub answer { return pack 'n/a', $_[0] }

# What ${answer}, a sub, makes of a name and a password: pieces of an answer,
# one after the other; undef is silence.  Then the connection ends, unless the
# last piece is undef.
sub serve {
	my ($socket, $log, $answer) = @_;
	my @silent;
	while (accept my $c, $socket) {
		my ($uid) = (unpack 'iII', getsockopt($c, SOL_SOCKET, 17))[1];
		my $question = '';
		# One that is not whole at once is noted as it is.
		sysread $c, $question, 65536 or next;
		syswrite $log, "$uid " . unpack('H*', $question) . "\n";
		my @pieces = $answer->(unpack '(n/a)2', $question);
		for my $i (0 .. $#pieces) {
			defined $pieces[$i] or push(@silent, $c), last;
			select undef, undef, undef, 0.003 if $i;
			syswrite $c, $pieces[$i];
		}
	}
}

# start(path, answer => sub, backlog => N, idle => 1): idle accepts nobody.
sub start {
	my ($class, $path, %o) = @_;
	my $self = bless { path => $path, log => Dewey::tmpdir() . '/asked' },
	    $class;
	unlink $path;
	socket my $socket, PF_UNIX, SOCK_STREAM, 0 or die "socket: $!";
	bind $socket, pack_sockaddr_un($path) or die "$path: $!";
	chmod 0777, $path or die "$path: $!";
	open my $log, '>>', $self->{log} or die "$self->{log}: $!";
	listen $socket, $o{backlog} // 5 or die "listen: $!";
	$self->{pid} = fork // die "fork: $!";
	if (!$self->{pid}) {
		# A client whose end stayed open here would never be gone.
		POSIX::close($_) for grep { $_ != fileno($socket) &&
		    $_ != fileno($log) } 3 .. 255;
		$SIG{PIPE} = 'IGNORE';
		$SIG{TERM} = 'DEFAULT';
		$SIG{ALRM} = sub { POSIX::_exit(0) };
		alarm 120;
		sleep 120 if $o{idle};
		serve($socket, $log, $o{answer});
		POSIX::_exit(0);
	}
	$running{ $self->{pid} } = 1;
	return $self;
}

# Whoever asked: [uid, question, octet for octet].
sub asked {
	my ($self) = @_;
	return map { my ($uid, $hex) = split ' ', $_; [$uid, pack 'H*',
	    $hex // ''] } split /\n/, Dewey::read_file($self->{log});
}

# It ends, and leaves its socket behind.
sub stop {
	my ($self) = @_;
	delete $running{ $self->{pid} } or return;
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
}

END {
	if ($$ == $owner) {
		local $?;
		kill 'KILL', keys %running;
		waitpid $_, 0 for keys %running;
	}
}

1;
