# SPDX-License-Identifier: ISC
# Cache.pm: sessions with a cached index under time stamps of the test's own,
# and indexes that lie, for tests/cache*.t.
#
# The shim of tests/crash/shim.c holds the mailbox's time stamps, so nothing
# waits for them to settle, and octets can change under stamps that do not.
package Cache;

use strict;
use warnings;
use Crash;
use Dewey;
use Exporter qw(import);
use Test::More;

use constant {
	RECORDS_AT => 4096,
	RECORD => 'Q< Q< Q< L< a18 C C',	# struct maildrop_message
	RECORD_OCTETS => 48,
};

our @EXPORT = qw($box $count $dir $file $mail $more $stamps $store %at @columns
    @fields @look @stored @wire $told $lie RECORDS_AT answers believed cached
    forge forget from hash head poison put reads records same talk text touch
    truth unstuffed);

our @fields = qw(magic dev ino size mtime_s mtime_ns ctime_s ctime_ns boot0
    boot1 count sure octets begin end settled hash checksum);
our %at = map { $fields[$_] => $_ } 0 .. $#fields;
our @columns = qw(offset octets sum copy id separator marked);

plan skip_all => 'the shim was not built' if !Crash::shim();

our $dir = Dewey::tmpdir();
our ($box, $stamps, $store) = ("$dir/box", "$dir/stamps", "$dir/cache");
our $file = "$store/" . getpwuid Dewey::uid();
mkdir $store, 0700 or die "$store: $!";
Dewey::give($store);

# ---- The mailbox and its stamps

my $seconds = time - 100_000;

# The mailbox was changed ${age} seconds ago; without: a second after the change
# before, long ago.
sub touch {
	my ($age) = @_;
	my $then = defined $age ? time - $age : ++$seconds;
	Dewey::write_file($stamps, pack 'q<5', $then, 5, 0, 0, 0);
}

# In place, as a mail reader does it.
sub put {
	my ($octets, $keep) = @_;
	Dewey::write_file($box, $octets);
	touch() unless $keep;
}

sub forget {
	unlink $file;
}

# ---- Sessions

my %multi = map { $_ => 1 } qw(UIDL LIST RETR TOP);

sub begin {
	my (%o) = @_;
	my $c = Dewey->start('--preauth', '--host=dewey.example',
	    "--mailbox=$box", '--log=none', '--locks=fcntl',
	    '--cache-dir=' . ($o{cache} // $store), $o{live} ? () :
	    '--sandbox=none', { wrapper => $o{wrapper}, env => $o{live} ? {} :
	    Crash::environment($box, { STAMPS => $stamps,
	    %{ $o{shim} // {} } }) });
	$c->greeting;
	return $c;
}

# The answers to ${commands}, as [status, body or undef] each.
sub answers {
	my ($c, @commands) = @_;
	$c->send(join '', map { "$_\r\n" } @commands);
	return map {
		my ($verb, $one) = split ' ';
		my $status = $c->line;
		my $body;
		$body = $c->body if ($status // '') =~ /^\+OK/ &&
		    $multi{$verb} && !($one && $verb =~ /^(?:UIDL|LIST)$/);
		[ $status // 'nothing', $body ];
	} @commands;
}

sub talk {
	my ($o, @commands) = @_;
	my $c = begin(%$o);
	my @got = answers($c, @commands);
	$c->close_write;
	my $code = $c->exit_code;
	die "exit code $code\n" . $c->dialogue if $code > 127;
	return @got;
}

# The same as text, to be compared.
sub text {
	my ($o, @commands) = @_;
	return join '', map { "$_->[0]\n" . ($_->[1] // '') }
	    talk($o, @commands);
}

our @look = qw(STAT LIST UIDL);
sub truth { return text({ cache => 'none' }, @_ ? @_ : @look) }
sub cached { return text({}, @_ ? @_ : @look) }

sub same {
	my ($name, @commands) = @_;
	my ($want, $got) = (truth(@commands), cached(@commands));
	my ($as) = ($want ^ $got) =~ /\A(\0*)/;
	my $from = length $as < 60 ? 0 : length($as) - 60;
	ok $want eq $got, $name or diag "got:\n" . substr($got, $from, 200) .
	    "\nwanted:\n" . substr $want, $from, 200;
}

# ---- The cached index itself

# store_hash of src/base/store.c.
sub mix {
	use integer;
	my ($h, $word) = @_;
	$h = ($h ^ $word) * -7046029254386353131;	# as 2^64 - that
	return $h ^ ($h >> 29 & (1 << 35) - 1);
}

sub hash {
	use integer;
	my ($seed, $octets) = @_;
	my $h = mix($seed, length $octets);
	my @lane = map { $h + $_ } 0 .. 3;
	my $many = length($octets) / 32 * 32;
	my @words = unpack 'q<*', substr $octets, 0, $many;
	for (my $i = 0; $i < @words; $i++) {
		my $k = $i & 3;
		$lane[$k] = mix($lane[$k], $words[$i]);
	}
	my $rest = substr $octets, $many;
	my $last = $lane[0];
	$last = mix($last, $lane[$_]) for 1 .. 3;
	while (length $rest >= 8) {
		$last = mix($last, unpack 'q<', substr $rest, 0, 8, '');
	}
	$rest = unpack 'q<', $rest . "\0" x (8 - length $rest);
	return mix(mix($last, $rest), $rest);
}

sub head { return unpack 'Q<18', Dewey::read_file($file) }
sub records {
	my $octets = substr Dewey::read_file($file), RECORDS_AT;
	return map { [ unpack RECORD, $_ ] } unpack '(a' . RECORD_OCTETS . ')*',
	    $octets;
}

# Writes a whole index with right checksums.
sub forge {
	my ($head, $records, $hash) = @_;
	my @head = @$head;
	my $octets = join '', map { pack RECORD, @$_ } @$records;
	$head[ $at{hash} ] = $hash // unpack 'Q<', pack 'q<', hash(0, $octets);
	my $begin = pack 'Q<17', @head[0 .. 16];
	$begin .= pack 'q<', hash(0, $begin);
	Dewey::write_file($file, $begin . "\0" x (RECORDS_AT - length $begin)
	    . $octets);
}

# Lets the index tell a lie that shows where it is believed: another id of
# message ${n}.
our $lie = 'LIELIELIELIELIELIE';
our $told = 'TElFTElFTElFTElFTElFTElF';
sub poison {
	my ($n, %head) = @_;
	my @head = head();
	my @records = records();
	@{ $records[ $n - 1 ] }[3, 4] = (1, $lie);
	$head[ $at{$_} ] = $head{$_} for keys %head;
	forge(\@head, \@records);
}

sub believed { return cached('UIDL') =~ /\Q$told\E/ }

# ---- A mailbox of all kinds of messages

sub from { return "From a\@b Mon Jan  1 00:00:00 2024\n" }
our @stored = map { from() . $_ } (
	"A: 1\n\nfirst\n\n",
	"B: 2\n\n.dot\n..dots\n.\n\n",
	"C: 3\r\n\r\nwith CR\r\n\r\n",
	"D: 4\n\n\n",
	"E: 5\n\ntwin\n\n", "E: 5\n\ntwin\n\n",
	"F: 6\n\nto\nFrom nobody\n>From x\@y Mon Jan  1 00:00:00 2024\n\n",
	(map { "G: $_\n\n" . "line $_ of many\n" x (90 + $_) . "\n" } 1 .. 40),
	"H: 1\n\nthe last\n\n",
);
our $mail = join '', @stored;
our @wire = map { s/\A[^\n]*\n//r =~ s/\r?\n\z//r =~ s/\r?\n/\r\n/gr } @stored;
our $count = @stored;
die 'too small' if length $mail < 66_000;

sub unstuffed { return $_[0] =~ s/(\A|\r\n)\./$1/gr }


# What is appended to it.
our $more = join '', map { from() . "N: $_\n\nnew\n\n" } 1 .. 3;

# How often the mailbox is read is what it costs.
sub reads {
	my (@commands) = @_;
	unlink "$dir/record";
	talk({ shim => { KINDS => 'p', RECORD => "$dir/record" } }, @commands);
	return grep { $_->{kind} eq 'p' && $_->{file} eq 'm' }
	    Crash::record("$dir/record");
}

1;
