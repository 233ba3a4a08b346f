#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Every call of a session that can fail does fail, one at a time or from then
# on: QUIT's answer is true, a failure before the first write to the mailbox
# leaves it octet for octet as it was, and after one later the next login goes
# forward.  (DESIGN section 8.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;
use Errno qw(EACCES EDQUOT EFBIG EINTR EIO EMFILE ENOSPC);
use Test::More;

my $why = Crash::reason();
plan skip_all => $why if defined $why;

my $dir = Dewey::tmpdir();
my $box = "$dir/box";
my $left = '-ERR [SYS/TEMP] some deleted messages not removed';

sub message {
	# If all were of one length, no UPDATE would be a short one.
	my ($n, $octets) = @_;
	return "From a\@b Mon Jan  1 00:00:0$n 2024\nSubject: number $n\n\n"
	    . chr(96 + $n) x (($octets // 90) + 3 * $n) . "\n\n";
}

my @messages = map { message($_) } 1 .. 5;

# What fails how, by the letters of tests/crash/shim.h.
my %errors = (
	w => [[fail => ENOSPC], [full => ENOSPC], [fail => EDQUOT],
	    [fail => EIO], [full => EIO], [fail => EINTR], ['short'],
	    ['shorts']],
	s => [[fail => EIO], [full => EIO], [fail => ENOSPC],
	    [fail => EDQUOT], [fail => EINTR]],
	t => [[fail => EIO], [full => EIO], [fail => EINTR]],
	a => [[fail => ENOSPC], [full => ENOSPC], [fail => EDQUOT],
	    [fail => EFBIG], [fail => EIO], [fail => EINTR]],
	c => [[fail => ENOSPC], [full => ENOSPC], [full => EDQUOT],
	    [fail => EIO], [fail => EINTR], [fail => EACCES]],
	o => [[fail => EIO], [fail => EMFILE], [fail => EINTR]],
	l => [[fail => ENOSPC], [fail => EDQUOT], [fail => EIO],
	    [fail => EINTR]],
	u => [[fail => EIO]],
	r => [[fail => EIO]],
	p => [[fail => EIO], [fail => EINTR], ['short']],
);
my %name = map { $_ => do { local $! = $_; "$!" } }
    EACCES, EDQUOT, EFBIG, EINTR, EIO, EMFILE, ENOSPC;

sub without {
	my %goes = map { $_ => 1 } @_;
	return join '', map { $goes{$_} ? () : $messages[$_ - 1] }
	    1 .. @messages;
}

# The mailbox stays the same file: a journal knows it by its inode.
sub begin {
	my ($octets) = @_;
	unlink glob "$dir/.box* $dir/box.* $dir/record";
	Dewey::write_file($box, $octets);
}

sub session {
	my ($goes, $flags, $shim) = @_;
	return Crash::run(mailbox => $box, flags => ['--sandbox=none',
	    '--lock-timeout=1', @$flags], shim => $shim,
	    input => join('', map { "DELE $_\r\n" } @$goes) . "QUIT\r\n");
}

# Whether the mailbox was written to, from the record; without one, whether
# there is a journal that tells of it.
sub was_touched {
	return -s "$dir/.box.dewey" if !-e "$dir/record";
	return scalar grep { $_->{file} eq 'm' && $_->{kind} =~ /[wt]/
	    && !$_->{failed} } Crash::record("$dir/record");
}

# What is wrong with the answers of a session in which ${goes} were to go, of
# which ${suffix} are at the end and may have gone alone.
sub answers {
	my ($r, $goes, $suffix) = @_;
	my @said = split /\r\n/, $r->{output};
	my $now = Dewey::read_file($box);
	my @wrong;
	push @wrong, "signal " . ($r->{status} & 127) if $r->{status} & 127;
	push @wrong, 'no answer' unless @said;
	my $quit = @said == @$goes + 2 ? $said[-1] : '';
	my $deleted = grep { /^\+OK message \d+ deleted/ } @said;
	push @wrong, "it says $quit" if $quit ne '' && $quit ne $left
	    && $quit !~ /^\+OK dewey POP3 server signing off \(.*\)$/;
	push @wrong, 'exit code ' . ($r->{status} >> 8) . " after $quit"
	    if $quit ne '' && ($r->{status} == 0) != ($quit =~ /^\+/);
	if ($quit =~ /^\+/ && $deleted) {
		push @wrong, 'it says +OK, but not all is removed'
		    if $now ne without(@$goes);
		push @wrong, grep { /journal/ } Crash::leftovers($box);
	} elsif (!was_touched()) {
		push @wrong, 'the mailbox was changed without a write'
		    if $now ne without() && $now ne without(@$suffix);
	}
	# What it says of the messages that are left is true.
	if (my ($told) = $quit =~ /\((\d+|maildrop empty)/) {
		my $n = () = $now =~ /^From /mg;
		push @wrong, "$n messages are left, but it says $quit"
		    if $n != ($told eq 'maildrop empty' ? 0 : $told);
	}
	return @wrong;
}

# What is wrong after the next login.  If the mailbox was ${touched} there is no
# way back.
sub next_login {
	my ($goes, $suffix, $touched) = @_;
	my @states = (without(@$goes), @$suffix ? without(@$suffix) : (),
	    $touched ? () : without());
	my %goes = map { $_ => 1 } @$goes;
	my @must = map { $goes{$_} ? () : $messages[$_ - 1] } 1 .. @messages;
	my $r = session([], [], {});
	my @wrong;
	push @wrong, "the next login says $r->{output}"
	    if $r->{output} !~ /^\+OK .*\r\n\+OK .*\r\n\z/;
	push @wrong, 'neither of before nor of after'
	    unless Crash::judge(Dewey::read_file($box), \@states, \@must);
	push @wrong, grep { !/\.lock\../ } Crash::leftovers($box);
	return @wrong;
}

sub look {
	my ($r, $goes, $suffix) = @_;
	my $touched = was_touched();
	return (answers($r, $goes, $suffix),
	    next_login($goes, $suffix, $touched));
}

my $tried = 0;

# Fails each call of a session; of the second one on only those of the UPDATE:
# a login is a login.
sub fail_all {
	my ($name, $goes, $suffix, @flags) = @_;
	my $kinds = 'wstaclurop';
	begin(without());
	my $r = session($goes, \@flags,
	    { RECORD => "$dir/record", KINDS => $kinds });
	my @calls = Crash::record("$dir/record");
	is_deeply [look($r, $goes, $suffix)], [], "$name: without errors";
	my ($last_lock) = grep { $calls[$_ - 1]{kind} eq 'c' }
	    reverse 1 .. @calls;
	my (%wrong, %had);
	for my $n (($tried ? $last_lock : 1) .. @calls) {
		next if Dewey::slow() && $n % 17;
		for my $error (@{ $errors{ $calls[$n - 1]{kind} } }) {
			my ($do, $errno) = @$error;
			begin(without());
			my $r = session($goes, \@flags, {
				RECORD => "$dir/record", KINDS => $kinds,
				AT => $n, DO => $do,
				defined $errno ? (ERRNO => $errno) : (),
			});
			$tried++;
			# The clock may make a session look twice, so that this
			# is not the call that it was above.
			my $call = (Crash::record("$dir/record"))[$n - 1]
			    // next;
			my ($kind, $file) = @$call{qw(kind file)};
			my @wrong = look($r, $goes, $suffix);
			# Interrupted or half done is not failed.
			push @wrong, "it says $r->{output}"
			    if ($do =~ /^short/ || $errno == EINTR
			    && $kind =~ /[wpa]/ && $file ne '-')
			    && $r->{status};
			push @{ $wrong{$kind} }, map {
				"call $n, $kind$file, $do "
				    . (defined $errno ? $name{$errno} : '')
				    . ": $_" } @wrong;
			$had{$kind}++;
		}
	}
	is join("\n", @{ $wrong{$_} // [] }), '',
	    "$name: $had{$_} errors of calls of kind $_" for sort keys %had;
}

fail_all('alternate', [1, 3], [], '--journal-window=130');
fail_all('one step', [2], []);
fail_all('the last two', [4, 5], [4, 5]);
fail_all('the first and the last', [1, 5], [5]);

# ---- The limit of a file's size: SIGXFSZ must not kill

sub with_limit {
	my ($blocks, $goes, $log) = @_;
	return Crash::run(mailbox => $box, shim => {}, stderr => $log,
	    flags => ['--sandbox=none'], prefix => ['/bin/sh', '-c',
	    "ulimit -f $blocks && exec \"\$@\"", 'sh'],
	    input => join('', map { "DELE $_\r\n" } @$goes) . "QUIT\r\n");
}

{
	my @small = @messages;
	@messages = map { message($_, 10_000) } 1 .. 6;
	my @wrong;
	for my $blocks (1, 8, 16, 24, 31, 32, 33, 40, 48, 64, 80, 100, 120,
	    160, 400) {
		for my $goes ([1], [5], [1, 6], [5, 6]) {
			begin(without());
			$tried++;
			my $r = with_limit($blocks, $goes);
			push @wrong, "$blocks blocks, @$goes: half done"
			    if -s "$dir/.box.dewey";
			push @wrong, map { "$blocks blocks, @$goes: $_" }
			    look($r, $goes, [grep { $_ > 4 } @$goes]);
		}
	}
	is join("\n", @wrong), '', 'a limit of the size of files';
	@messages = @small;
}

# Where nothing may be written at all, mail can be read, and deleted from the end
# on: no other program is blamed for that.
{
	my $site = Dewey->site(users => { ann => 'x' }, mail => { ann =>
	    Dewey::mbox(map { "Subject: $_\n\nbody\n" } 1 .. 3) });
	my @o = ('--secrets=none', '--log=stderr', '--sandbox=none',
	    { wrapper => ['/bin/sh', '-c', 'ulimit -f 0 && exec "$@"', 'sh'] });
	my $c = $site->start(@o[0 .. 2], '--locks=dotlock', $o[3]);
	$c->greeting;
	$c->say('USER ann');
	my $said = $c->say('PASS x');
	like $said, qr/^\+OK/, 'ulimit -f 0, no lock but the dot-lock: login';
	unlike $said, qr/busy|lock|wait/, '... nobody is blamed';
	$c->say('QUIT');
	$c->exit_code;
	$c = $site->start(@o);
	$c->greeting;
	$c->say('USER ann');
	like $c->say('PASS x'), qr/^\+OK .* 3 messages/, 'ulimit -f 0: login';
	like $c->say('RETR 2'), qr/^\+OK/, '... RETR';
	$c->body;
	$c->say('DELE 3');
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (2 messages left)', '... QUIT';
	is $c->exit_code, 0, '... exit code';
	unlike $c->stderr, qr/another program/, '... nor in the log';
}

# The next login cannot complete an UPDATE then: it says so, and leaves it alone.
{
	my @small = @messages;
	@messages = map { message($_, 10_000) } 1 .. 6;
	my @flags = ('--journal-window=130');
	begin(without());
	session([1, 3], \@flags, { RECORD => "$dir/record" });
	my @calls = Crash::record("$dir/record");
	my ($n) = grep { $calls[$_ - 1]{file} eq 'm' &&
	    $calls[$_ - 1]{kind} eq 'w' } 1 .. @calls;
	begin(without());
	session([1, 3], \@flags, { AT => $n, DO => 'after', GROUP => 1 });
	my @left = map { Dewey::read_file($_) } $box, "$dir/.box.dewey";
	# More than the journal, less than the mailbox that is to be.
	open my $log, '>', "$dir/log" or die "$dir/log: $!";
	my $r = with_limit(64, [], $log);
	like $r->{output}, qr/\A-ERR \[SYS\/TEMP\]/, 'a limit for recovery';
	like Dewey::read_file("$dir/log"),
	    qr/UPDATE that was cut short cannot be completed: File too large/,
	    '... the log says why';
	is_deeply [map { Dewey::read_file($_) } $box, "$dir/.box.dewey"],
	    \@left, '... nothing is written';
	$tried++;
	is join("\n", next_login([1, 3], [], 0)), '', '... without it: done';
	@messages = @small;
}

# ---- What cannot be read while recovering

# A journal whose octets cannot be read is not one that is not there.
{
	begin(without());
	my @flags = ('--journal-window=130');
	session([1, 3], \@flags, { RECORD => "$dir/record" });
	my @calls = Crash::record("$dir/record");
	my @wrong;
	for my $n (grep { $calls[$_ - 1]{file} eq 'm' } 1 .. @calls) {
		begin(without());
		session([1, 3], \@flags, { AT => $n, DO => 'middle',
		    GROUP => 1 });
		my $left = Dewey::read_file($box);
		my $journal = Dewey::read_file("$dir/.box.dewey");
		next if $journal eq '';
		session([], [], { RECORD => "$dir/record", KINDS => 'p' });
		my @reads = Crash::record("$dir/record");
		for my $m (1 .. @reads) {
			begin($left);
			Dewey::write_file("$dir/.box.dewey", $journal);
			session([], [], { KINDS => 'p', AT => $m,
			    DO => 'fail', ERRNO => EIO });
			$tried++;
			push @wrong, map { "call $n, read $m: $_" }
			    next_login([1, 3], [], 0);
		}
	}
	is join("\n", @wrong), '', 'errors of reads while recovering';
}

diag "$tried errors: " . Crash::report();
ok Crash::is_clean(), 'nothing lost, duplicated or damaged';
done_testing;
