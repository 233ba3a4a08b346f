#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The include graph of src/ has no cycle: a room includes only rooms of lower
# floors and limits.h (doc/DESIGN.md section 3).
use strict;
use warnings;
use Test::More;

my $srcdir = $ENV{srcdir} // '.';

# Room -> floor.  A new room is entered here and in doc/DESIGN.md.
my %floor = (
	(map { $_ => 0 } qw(limits span clock log sum)),
	(map { $_ => 1 } qw(options records owner plan block stamp state
	    imprint from body channel filter)),
	(map { $_ => 2 } qw(configuration wire mbox uid lock mailbox slot
	    index users secrets peer sandbox)),
	(map { $_ => 3 } qw(sidecar aside journal dispatch login dotlock)),
	(map { $_ => 4 } qw(maildrop verdict)),
	(map { $_ => 5 } qw(message keeper)),
	(map { $_ => 6 } qw(cache)),
	identity => 7,
	(map { $_ => 8 } qw(authorization retrieve update manage inspect
	    audit)),
	transaction => 9,
	dialogue => 10,
	(map { $_ => 11 } qw(admission gate)),
	(map { $_ => 12 } qw(judge recovery)),
	monitor => 13,
	session => 14,
	main => 15,
);

# The files and what they include with quotes.
my %includes;
for my $path (sort glob "$srcdir/src/*.[ch]") {
	my ($file) = $path =~ m{([^/]+)\z};
	open my $fh, '<', $path or die "$path: $!";
	$includes{$file} = [ map { /^\s*#\s*include\s+"([^"]+)"/ ? $1 : () }
	    <$fh> ];
}
ok %includes, 'there are sources';

my (%rooms, %above);
for my $file (sort keys %includes) {
	my ($room) = $file =~ /^(.+)\.[ch]\z/;
	$rooms{$room} = 1;
	my @wrong;
	for my $header (grep { $_ ne 'config.h' } @{ $includes{$file} }) {
		my ($other) = $header =~ /^(\w+)\.h\z/;
		if (!defined $other || !$includes{$header}) {
			push @wrong, "$header is no header of src/";
			next;
		}
		next if $other eq $room;
		next if $other eq 'limits';
		$above{$room}{$other} = 1;
		push @wrong, "$header is not of a lower floor"
		    if !defined $floor{$room}
		    || ($floor{$other} // 99) >= $floor{$room};
	}
	is "@wrong", '', "$file includes only rooms below it";
}

for my $room (sort keys %rooms) {
	ok defined $floor{$room}, "$room has a floor";
	ok $room eq 'limits' || $room eq 'main' || ($includes{"$room.c"}
	    && $includes{"$room.h"}), "$room is a pair of .c and .h";
	next unless $includes{"$room.c"} && $includes{"$room.h"};
	ok scalar(grep { $_ eq "$room.h" } @{ $includes{"$room.c"} }),
	    "$room.c includes its own header";
}

# The order of the floors excludes cycles; this does not rely on the table.
my (%state, @cycle);
sub visit {
	my ($room, @path) = @_;
	return if @cycle || ($state{$room} // 0) == 2;
	if (($state{$room} // 0) == 1) {
		@cycle = (@path, $room);
		return;
	}
	$state{$room} = 1;
	visit($_, @path, $room) for sort keys %{ $above{$room} };
	$state{$room} = 2;
}
visit($_) for sort keys %rooms;
is "@cycle", '', 'no cycle';

# The table of doc/DESIGN.md says the same.
SKIP: {
	open my $fh, '<', "$srcdir/doc/DESIGN.md"
	    or skip 'doc/DESIGN.md is not there', 1;
	my @differ;
	while (<$fh>) {
		my ($n, $room) = /^\|\s*(\d+)\s*\|\s*`(\w+)(?:\.h)?`\s*\|/
		    or next;
		push @differ, $room if ($floor{$room} // -1) != $n;
		delete $rooms{$room};
	}
	is join(' ', @differ, sort keys %rooms), '',
	    'doc/DESIGN.md has the same rooms and floors';
}

done_testing;
