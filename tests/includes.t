#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The include graph of src/ has no cycle: a folder includes only folders below
# it, a room only rooms of lower floors of its folder and limits.h
# (doc/DESIGN.md section 4).
use strict;
use warnings;
use Test::More;

use constant FLOORS_MAX => 5;

my $srcdir = $ENV{srcdir} // '.';

# The folders, lowest first, and the rooms of their floors.  A new room is
# entered here and in doc/DESIGN.md.
my @house = (
	[base =>
	    [qw(calls clock finding limits socket span stamp sum)],
	    [qw(base64 imprint lease networks seccomp sink store stream)],
	    [qw(log)],
	    [qw(channel)],
	    [qw(ucspi)]],
	[settings =>
	    [qw(forms records)],
	    [qw(options)],
	    [qw(nearest place)],
	    [qw(flags)],
	    [qw(configuration)]],
	[who =>
	    [qw(peer saslauthd secrets sources scram)],
	    [qw(password)],
	    [qw(users)],
	    [qw(proof)],
	    [qw(login)]],
	[mail =>
	    [qw(block foreign from index look table uid)],
	    [qw(adopted body mbox)],
	    [qw(edge)]],
	[spool =>
	    [qw(lock mailbox owner plan state)],
	    [qw(dotlock sidecar slot)],
	    [qw(aside steps)],
	    [qw(journal)]],
	[maildrop =>
	    [qw(maildrop)],
	    [qw(hold message scan)],
	    [qw(cache)],
	    [qw(identity)],
	    [qw(update)]],
	[talk =>
	    [qw(mechanism wire)],
	    [qw(proxy reply stls)],
	    [qw(dispatch retrieve sasl verdict)],
	    [qw(authorization transaction)],
	    [qw(dialogue)]],
	[rights =>
	    [qw(filter letter process)],
	    [qw(account front request sandbox starter)],
	    [qw(reach session)],
	    [qw(gate judge keeper watch)],
	    [qw(monitor recovery)]],
	[tls =>
	    [qw(certificate outer pem signing)],
	    [qw(key transcript)],
	    [qw(examine handshake)],
	    [qw(relay)],
	    [qw(tls)]],
	[tool =>
	    [qw(answers audit inspect prompt serve)],
	    [qw(manage source)],
	    [qw(adoption)],
	    [qw(adopt)],
	    [qw(main)]],
);

my (%height, %floor, %folder);
for my $i (0 .. $#house) {
	my ($folder, @floors) = @{ $house[$i] };
	$height{$folder} = $i;
	cmp_ok scalar @floors, '<=', FLOORS_MAX, "floors of $folder";
	for my $n (0 .. $#floors) {
		for my $room (@{ $floors[$n] }) {
			ok !defined $folder{$room}, "there is one $room";
			$folder{$room} = $folder;
			$floor{$room} = $n;
		}
	}
}

# Whether ${room} may include ${other}.
sub may_include {
	my ($room, $other) = @_;
	return $floor{$other} < $floor{$room} || $other eq 'limits'
	    if $folder{$room} eq $folder{$other};
	return $height{$folder{$other}} < $height{$folder{$room}};
}

my (%above, %files);
for my $path (sort glob "$srcdir/src/*/*.[ch]") {
	my ($folder, $room, $kind) = $path =~ m{([^/]+)/([^/]+)\.([ch])\z};
	is $folder{$room} // 'none', $folder, "src/$folder/$room.$kind: the room "
	    . 'is known in this folder' or next;
	$files{"$room.$kind"} = 1;
	open my $fh, '<', $path or die "$path: $!";
	my @names = map { /^\s*#\s*include\s+"([^"]+)"/ ? $1 : () } <$fh>;
	my @wrong;
	for my $name (grep { $_ ne 'config.h' } @names) {
		my ($in, $other) = $name =~ m{^(\w+)/(\w+)\.h\z};
		if (($folder{$other // ''} // '') ne ($in // '/')) {
			push @wrong, "$name is no header of src/";
		} elsif ($other ne $room) {
			$above{$room}{$other} = 1;
			push @wrong, "$name is not below"
			    unless may_include($room, $other);
		}
	}
	is "@wrong", '', "src/$folder/$room.$kind includes what is below it";
	ok grep({ $_ eq "$folder/$room.h" } @names) || $room =~ /^(?:main|tls)\z/,
	    "$room.c includes its own header" if $kind eq 'c';
}
ok $files{"$_.h"} && $files{"$_.c"} || /^(?:limits|main|tls)\z/,
    "$_ is a pair of .c and .h" for sort keys %folder;
is_deeply [glob "$srcdir/src/*.[ch]"], [], 'no file lies outside the folders';

# Calls of the C library by which a process that is closed in is killed on i386.
for my $path (sort glob "$srcdir/src/*/*.c") {
	next if $path =~ m{/socket\.c\z};
	open my $fh, '<', $path or die "$path: $!";
	my $text = do { local $/; <$fh> };
	$text =~ s{/\*.*?\*/}{}gs;
	is join(' ', $text =~ /\b((?:send|recv)(?:to|from|m?msg)?|shutdown)\(/g),
	    '', "$path: sockets only through base/socket.h";
}

# The order excludes cycles; this does not rely on the table.
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
visit($_) for sort keys %folder;
is "@cycle", '', 'no cycle';

# A unit test lies in the folder of its room.
for my $path (glob "$srcdir/tests/unit/*/*-t.c") {
	my ($in, $room) = $path =~ m{([^/]+)/(\w+)(?:-\w+)?-t\.c\z};
	is $in, $folder{$room} // 'none', "$path: the folder of its room";
}

# Only the rooms that own a maildrop write to it: those of others have it for
# reading, and call functions.  What ${text}, code of ${room}, writes to.
use constant OWNERS => qw(hold identity maildrop message);

sub written {
	my ($text) = @_;
	$text =~ s{/\*.*?\*/|"(?:[^"\\\n]|\\.)*"}{}gs;
	my $field = qr/\b(?:drop|old)(?:(?:->|\.)\w+|\[[^\]]*\])+/;
	my @found = $text =~ m{($field\s*(?:[-+*/|&^]|<<|>>)?=(?!=))}g;
	push @found, $text =~ /($field(?:\+\+|--)|(?:\+\+|--)$field)/g;
	# The address of a message, by which it could be written.
	push @found, $text =~
	    /(?<!const )(struct maildrop_message\s*\*\s*\w+\s*=\s*&)/g;
	push @found, $text =~ /\b(mem(?:set|cpy|move)\(&?$field)/g;
	return @found;
}
is scalar(written($_)), 1, "a write is seen: $_" for
    'drop->count = 1;', 'x.drop.messages[i + 1].sum |= 1;', 'drop->count++;',
    '--drop->count;', 'struct maildrop_message *m = &drop->messages[i];',
    'memset(&drop->stamp, 0, 4);', 'old.messages[*slot - 1].copy = 2;';
is scalar(written($_)), 0, "a look is none: $_" for
    'drop->count == 1;', 'x = drop->count;', 'drop->count >= 1',
    'const struct maildrop_message *m = &drop->messages[i];', '.drop = drop';
for my $path (sort glob "$srcdir/src/*/*.c") {
	my ($room) = $path =~ m{(\w+)\.c\z};
	next if grep { $_ eq $room } OWNERS;
	open my $fh, '<', $path or die "$path: $!";
	is join(' ', written(do { local $/; <$fh> })), '',
	    "$room.c writes no field of a maildrop";
}

# doc/DESIGN.md says the same.
SKIP: {
	open my $fh, '<', "$srcdir/doc/DESIGN.md"
	    or skip 'doc/DESIGN.md is not there', 2;
	my ($in, @folders, @differ) = ('');
	my %left = %folder;
	while (<$fh>) {
		$in = $1 if /^### (\w+)$/;
		push @folders, $1 if /^\|\s*`(\w+)`\s*\|/ && !$in;
		my ($n, $room) = /^\|\s*(\d+)\s*\|\s*`(\w+)`\s*\|/ or next;
		push @differ, $room if ($floor{$room} // -1) != $n
		    || $folder{$room} ne $in;
		delete $left{$room};
	}
	is_deeply \@folders, [map { $_->[0] } @house],
	    'doc/DESIGN.md has the same folders in the same order';
	is join(' ', @differ, sort keys %left), '',
	    'doc/DESIGN.md has the same rooms and floors';
}

done_testing;
