# SPDX-License-Identifier: ISC
# Crash.pm: sessions that are killed, or whose system calls fail, at a chosen
# call, and what must be left of the mailbox: for the tests in tests/*.t.
#
# The sessions are preauthenticated ones of an ordinary user, with the shim of
# tests/crash/shim.c between them and the C library.
package Crash;

use strict;
use warnings;
use Carp qw(croak);
use Dewey;
use File::Copy ();
use POSIX ();

# The descriptor that every process of a session holds, and closes last of all.
use constant LAST => 600;
# Seconds until a run counts as hanging.
use constant PATIENCE => Dewey::slow() ? 200 : 40;

my ($shim, $group);

# A test that is interrupted leaves no session behind.
END {
	my $status = $?;
	kill 'KILL', -$group if $group;
	$? = $status;
}

# The path of the shim, where everybody can read it.
sub shim {
	if (!$shim) {
		my $built = ($ENV{builddir} // '.') . '/tests/crash/shim.so';
		-e $built or return undef;
		$shim = Dewey::tmpdir() . '/shim.so';
		File::Copy::copy($built, $shim) or die "copy $built: $!";
		chmod 0755, $shim or die "chmod $shim: $!";
	}
	return $shim;
}

# Why nothing can be tested here, or undef.
sub reason {
	my $path = shim() // return 'the shim was not built';
	my $dir = Dewey::tmpdir();
	Dewey::write_file("$dir/box", Dewey::mbox("a: b\n\nc\n"));
	my $r = run(mailbox => "$dir/box", input => "DELE 1\r\nQUIT\r\n",
	    flags => ['--sandbox=none'], shim => { RECORD => "$dir/record" });
	$r->{output} =~ /^\+OK.*^\+OK.*^\+OK/ms
	    or return "no preauthenticated session here: $r->{output}";
	return 'the program cannot be preloaded into'
	    if !-e "$dir/record" || !grep { $_->{kind} eq 't' }
	    record("$dir/record");
	return undef;
}

# The environment of the shim; ${shim} are its settings, without SHIM_.
sub environment {
	my ($mailbox, $shim) = @_;
	return Dewey::environment() if $shim && $shim eq 'none';
	my $env = Dewey::environment({
		LD_PRELOAD => shim(),
		SHIM_MAILBOX => $mailbox,
		SHIM_FAST => 1,
		map { ("SHIM_$_" => $shim->{$_}) } keys %{ $shim // {} },
	});
	$env->{ASAN_OPTIONS} = join ':', grep { defined }
	    $env->{ASAN_OPTIONS}, 'verify_asan_link_order=0';
	return $env;
}

sub child {
	my ($o, $env, $in, $out, $last, @command) = @_;
	POSIX::setpgid(0, 0);
	$SIG{$_} = 'DEFAULT' for qw(PIPE HUP INT TERM);
	open my $null, '>', '/dev/null' or die "/dev/null: $!";
	my @fds = (fileno $in, fileno $out, fileno($o->{stderr} // $null));
	POSIX::dup2(fileno $last, LAST) or die "dup2: $!";
	POSIX::dup2($fds[$_], $_) // die "dup2: $!" for 0 .. 2;
	chdir '/' or die "chdir: $!";
	Dewey::drop() if !$>;
	%ENV = %$env;
	no warnings 'exec';
	exec { $command[0] } @command or die "$command[0]: $!\n";
}

# All that comes from ${fh}; with ${until}, no more than that pattern needs.
sub drain {
	my ($fh, $text, $until) = @_;
	my $deadline = time + PATIENCE;
	until ($until && $text =~ $until) {
		my $r = '';
		vec($r, fileno $fh, 1) = 1;
		my $n = select $r, undef, undef, $deadline - time;
		next if $n < 0 && $!{EINTR};
		$n or die "a session hangs; so far it said:\n$text\n";
		my $got = sysread $fh, $text, 65536, length $text;
		die "read: $!" unless defined $got;
		last if !$got;
	}
	return $text;
}

# run(mailbox, flags => [], input => '', shim => {}): one session from begin to
# end.  ${between} is called after the greeting; ${action} are the words of
# something else than a session, ${prefix} those of a command that starts it.
# shim => 'none': without it.  Returns its output and its status as in $?, when
# the last of its processes is gone.
sub run {
	my (%o) = @_;
	my @wrapper = split ' ', $ENV{DEWEY_WRAPPER} // '';
	my @command = (@{ $o{prefix} // [] }, @wrapper, Dewey::binary(),
	    Dewey::tool_flags(), @{ $o{flags} // [] },
	    $o{action} ? @{ $o{action} } : ('--preauth',
	    '--host=dewey.example', "--mailbox=$o{mailbox}"),
	    '--log=' . ($o{stderr} ? 'stderr' : 'none'));
	my $env = environment($o{mailbox}, $o{shim});
	pipe my $in, my $to or die "pipe: $!";
	pipe my $from, my $out or die "pipe: $!";
	pipe my $gone, my $last or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		eval { child(\%o, $env, $in, $out, $last, @command) };
		print STDERR "cannot start: $@";
		POSIX::_exit(127);
	}
	$group = $pid;
	POSIX::setpgid($pid, $pid);
	close $_ for $in, $out, $last;
	my $text = '';
	if ($o{between}) {
		$text = drain($from, '', qr/\n/);
		$o{between}->() if $text =~ /^\+OK/;
	}
	local $SIG{PIPE} = 'IGNORE';
	syswrite $to, $o{input} // '';
	close $to;
	$text = drain($from, $text);
	drain($gone, '');
	waitpid $pid, 0;
	undef $group;
	return { output => $text, status => $? };
}

# The calls that a shim recorded, as hashes: kind, file, failed, offset, length.
sub record {
	my ($path) = @_;
	my $octets = -e $path ? Dewey::read_file($path) : '';
	my ($at, @calls) = (0);
	while ($at < length $octets) {
		my %call;
		@call{qw(kind file failed pid offset length)} =
		    unpack 'A A S L Q Q', substr $octets, $at, 24;
		$at += 24 + $call{length};
		push @calls, \%call;
	}
	return @calls;
}

# ---- What is left

my %sum = map { $_ => 0 } qw(states lost duplicated damaged);

sub count { return \%sum }

# Whether ${got} is one of the ${states}; if it is not, the trouble is counted.
# ${must} are the messages that every state has once.
sub judge {
	my ($got, $states, $must) = @_;
	$sum{states}++;
	return 1 if grep { $got eq $_ } @$states;
	my $told = 0;
	for my $message (@$must) {
		my $n = () = $got =~ /\Q$message\E/g;
		$sum{lost}++ if $n == 0;
		$sum{duplicated}++ if $n > 1;
		$told++ if $n != 1;
	}
	$sum{damaged}++ unless $told;
	return 0;
}

sub report {
	return sprintf '%d states tried, %d messages lost, %d duplicated, '
	    . '%d mailboxes damaged otherwise',
	    @sum{qw(states lost duplicated damaged)};
}

sub is_clean { return !grep { $sum{$_} } qw(lost duplicated damaged) }

# A session on the mailbox, which only quits if %o says nothing else (see run);
# what it says on standard error is in `log' beside the mailbox.
sub session {
	my ($mailbox, %o) = @_;
	open my $log, '>', $mailbox =~ s{[^/]+\z}{log}r or die "log: $!";
	my $r = run(mailbox => $mailbox, stderr => $log, input => "QUIT\r\n",
	    %o, flags => ['--sandbox=none', @{ $o{flags} // [] }]);
	close $log;
	return $r;
}

# Makes the mailbox one of these octets, of which a session with these flags
# deletes the first and the third message, and dies when half of its first write
# to the mailbox is done.
sub cut_short {
	my ($mailbox, $octets, @flags) = @_;
	my ($dir, $base) = $mailbox =~ m{(.*)/(.*)}s;
	my %o = (flags => \@flags, input => "DELE 1\r\nDELE 3\r\nQUIT\r\n");
	my $die = 1;
	unlink glob "$dir/.$base* $mailbox* $dir/record";
	Dewey::write_file($mailbox, $octets);
	session($mailbox, %o, shim => { RECORD => "$dir/record" });
	my @calls = record("$dir/record");
	$die++ until $calls[$die - 1]{file} eq 'm'
	    && $calls[$die - 1]{kind} eq 'w';
	unlink "$dir/record";
	Dewey::write_file($mailbox, $octets);
	session($mailbox, %o, shim => { AT => $die, DO => 'middle',
	    GROUP => 1 });
}

# What a session leaves beside ${mailbox} for ever: nothing, but its sidecar,
# empty.  Returns the names of what else there is.
sub leftovers {
	my ($mailbox) = @_;
	my ($dir, $base) = $mailbox =~ m{(.*)/(.*)}s;
	my @found;
	my $octets = -s "$dir/.$base.dewey";
	push @found, "a journal of $octets octets" if $octets;
	opendir my $dh, $dir or die "$dir: $!";
	push @found, grep { /^\Q$base\E\.lock|^\.\Q$base\E\.dewey\./ }
	    readdir $dh;
	return @found;
}

1;
