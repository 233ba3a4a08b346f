#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# A mailbox that an UPDATE left half moved is not served, whatever keeps its
# journal from being read or its mailbox from being found for a while: it is
# completed when they are there again.  (DESIGN section 8.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;
use Test::More;

my $why = Crash::reason();
plan skip_all => $why if defined $why;

my $dir = Dewey::tmpdir();
my $box = "$dir/box";
my $sidecar = "$dir/.box.dewey";
my @texts = map { "Subject: $_\n\n" . $_ x (300 + $_) . "\n" } 1 .. 4;
my $before = Dewey::mbox(@texts);
my $after = Dewey::mbox(@texts[1, 3]);

sub session { return Crash::session($box, @_) }

# A mailbox that is half moved.
sub cut_short {
	Crash::cut_short($box, $before, '--journal-window=130');
	unlink "$box.lock";
	return Dewey::read_file($box);
}

sub missing { rename $box, "$dir/away" or die "rename: $!" }
sub back { rename "$dir/away", $box or die "rename: $!" }
sub doubled { link $sidecar, "$dir/copy" or die "link: $!" }
sub single { unlink "$dir/copy" or die "unlink: $!" }
sub may { my ($mode) = @_; return sub { chmod $mode, $sidecar } }
my $refused = qr/\A-ERR \[SYS\/TEMP\]/;
my $foreign = qr/\A-ERR \[SYS\/PERM\]/;
my $empty = qr/\A\+OK .* 0 messages/;

for my $row (['the mailbox is away', \&missing, \&back, $empty, $empty],
    ['its journal may not be written', may(0400), may(0600), $refused,
	    $refused],
    ['... nor read', may(0), may(0600), $refused, $refused],
    ['its journal may be read by others', may(0644), may(0600), $foreign,
	    $foreign],
    ['its journal has a second name', \&doubled, \&single, $foreign,
	    $foreign],
    ['--read-only', may(0600), may(0600), undef, $refused]) {
	my ($what, $do, $undo, @answers) = @$row;
	my $torn = cut_short();
	ok $torn ne $before && $torn ne $after && -s $sidecar,
	    "half moved, and $what";
	$do->();
	for my $flags ([], ['--read-only']) {
		my $answer = shift @answers or next;
		like session(flags => $flags)->{output}, $answer,
		    "... the answer @$flags";
		next if $answer eq $empty;
		my $log = Dewey::read_file("$dir/log");
		like $log, qr/\Q$box\E: .*an UPDATE was cut short/,
		    '... the log says why';
		unlike $log, qr/remove it/, '... and not to remove the journal';
	}
	isnt session(action => ['--recover', $box])->{output},
	    "$box: nothing to do\n", '... --recover finds it' if $what !~ /^--/;
	$undo->();
	my $r = session();
	like $r->{output}, qr/\A\+OK .* 2 messages/,
	    '... no more so: it is served';
	is Dewey::read_file($box), $after, '... complete';
	is join(' ', Crash::leftovers($box)), '', '... and nothing is left';
}
done_testing;
