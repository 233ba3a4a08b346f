#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The mailboxes that Debian's packages test themselves with: dewey, mutt, formail,
# s-nail and Python count as many messages in each, or the reason is told here.
#
# They are read where the source packages are unpacked, DEWEY_CORPUS/PACKAGE, or
# corpus/ in the build directory, where ./bootstrap check puts them.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use File::Find;
use Readers;
use Test::More;

my @packages = qw(bogofilter flufl.bounce gmime hyperkitty
    libcourriel-perl libemail-folder-perl libemail-simple-perl libmail-box-perl
    libmail-deliverystatus-bounceparser-perl libmail-mbox-messageparser-perl
    libmail-mboxparser-perl libmail-thread-perl mailagent mailutils mairix
    notmuch public-inbox);

# The end of a file's name, the counts of dewey, mutt, formail, s-nail and Python,
# and why they differ.
my %why = (
	undated => 'mutt wants a date in the first line, too',
	none => 'From_ lines have no empty line before them (DESIGN section 5); '
	    . 'mutt and Python want none, dewey --check names them',
	prose => 'Python takes prose that begins with From',
	length => 'formail believes Content-Length, which lies',
	crlf => 'formail takes no line for empty that has a CR',
);
my @different = (
	[qr{bogofilter/.*/(?:lexer\.inp|msg\.(?:\d|parsing)\.?\w*)}, '1 0 1 1 1',
	    $why{undated}],
	[qr{gmime/.*/substring\.mbox}, '1 0 1 1 3', "$why{undated}; $why{prose}"],
	[qr{/mbox_mime_nested_from\.txt}, '3 7 7 7 7', 'messages in an '
	    . 'attachment, in whose From_ lines the time has a blank'],
	[qr{/mbox_piper2mbox_attach\.txt}, '2 2 1 2 2',
	    'formail takes no header for one that begins with List-Archive'],
	[qr{/mboxcl2}, '3 3 3 3 4', $why{prose}],
	[qr{/mboxcl2\.lies}, '3 3 2 3 4', "$why{prose}; $why{length}"],
	[qr{/mboxcl3}, '2 0 2 2 2', 'mutt knows no date of RFC 5322'],
	[qr{/testmbox\.dos}, '10 10 1 10 10', $why{crlf}],
	[qr{/mailarc-1-dos\.txt}, '15 16 1 15 16', "$why{crlf}; $why{none}"],
	[qr{/mailarc-1\.txt}, '15 16 15 15 16', $why{none}],
	[qr{/mailarc-3\.txt}, '16 17 16 16 17', $why{none}],
	[qr{/malformed\.txt}, '3 54 3 3 54', $why{none}],
	[qr{/separators1\.sep}, '4 4 1 4 4', $why{length}],
	[qr{/separators2\.sep}, '2 2 1 2 3', "$why{length}; $why{prose}"],
	[qr{/testbox-6}, '1 6 1 1 6', $why{none}],
	[qr{/mbox\.win}, '45 45 1 45 45', $why{crlf}],
	[qr{mailutils/.*/mime\.mbox}, '1 2 1 1 2', $why{none}],
	[qr{mailutils/.*/msg\.mbox}, '3 4 3 3 4', $why{none}],
);

my $corpus = $ENV{DEWEY_CORPUS} // ($ENV{builddir} // '.') . '/corpus';
my @gone = grep { !-d "$corpus/$_" } @packages;
plan skip_all => "no source package is unpacked in $corpus: @packages"
    if @gone == @packages;
my @missing = grep { defined } map { Readers::missing($_) } @Readers::names;
plan skip_all => join ', ', @missing if @missing;

my $dir = Dewey::tmpdir();
Dewey::give($dir);

# The files below ${path} that begin as a mailbox with a header does.
sub mailboxes {
	my ($path) = @_;
	my @found;
	find({ no_chdir => 1, wanted => sub {
		return if -l || !-f || -s _ > 3_000_000;
		push @found, $_ if Dewey::read_file($_) =~
		    /\A\s*From [^\n]*\n[\w>-]+[: ]/;
	} }, $path);
	return sort @found;
}

sub count {
	my ($box) = @_;
	my $c = Dewey->start('--list', $box, { transport => 'pipe' });
	$c->close_write;
	return scalar(() = $c->rest =~ /^\d+ /mg), map {
		scalar(() = Readers::subjects($_, $box, $dir)) } @Readers::names;
}

for my $package (@packages) {
	SKIP: {
		skip "the source package $package is not unpacked", 1
		    if grep { $_ eq $package } @gone;
		my @boxes = mailboxes("$corpus/$package");
		cmp_ok scalar @boxes, '>', 0, "$package has mailboxes";
		for my $path (@boxes) {
			my $box = Dewey::write_file("$dir/box",
			    Dewey::read_file($path));
			Dewey::give($box);
			my @counts = count($box);
			my $name = $path =~ s/^\Q$corpus\E\///r;
			my ($row) = grep { $name =~ /$_->[0]\z/ } @different;
			is "@counts", $row ? $row->[1] :
			    join(' ', ($counts[0]) x @counts),
			    $name . ($row ? ": $row->[2]" : '');
		}
	}
}
diag 'not there: ', join ', ', @gone if @gone;
done_testing;
