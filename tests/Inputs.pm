# SPDX-License-Identifier: ISC
# Inputs.pm: files of inputs, one a line, with escapes as in tests/data: \n \r
# \t \0 \\ and \xHH stand for octets.  A line that begins with # is a comment.
package Inputs;

use strict;
use warnings;

my %octet = (n => "\n", r => "\r", t => "\t", 0 => "\0", '\\' => '\\');
my %name = reverse %octet;

sub unescape {
	my ($text) = @_;
	$text =~ s/\\(?:x([0-9a-f]{2})|(.))/defined $1 ? chr hex $1
	    : $octet{$2} \/\/ die "\\$2?"/gesi;
	return $text;
}

sub escape {
	my ($octets) = @_;
	$octets =~ s/([^ -\[\]-~])/defined $name{$1} ? "\\$name{$1}"
	    : sprintf '\\x%02x', ord $1/ge;
	# Neither a comment nor an end that an editor takes away.
	$octets =~ s/^#/\\x23/;
	$octets =~ s/ \z/\\x20/;
	return $octets;
}

# The inputs in the file ${path}; none if there is no such file.
sub load {
	my ($path) = @_;
	-e $path or return ();
	open my $fh, '<:raw', $path or die "$path: $!";
	my @lines = <$fh>;
	chomp @lines;
	return map { unescape($_) } grep { !/^#/ } @lines;
}

sub save {
	my ($path, @inputs) = @_;
	open my $fh, '>:raw', $path or die "$path: $!";
	print {$fh} map { escape($_) . "\n" }
	    sort { length $a <=> length $b || $a cmp $b } @inputs;
	close $fh or die "$path: $!";
}

1;
