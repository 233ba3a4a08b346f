# SPDX-License-Identifier: ISC
# Rights.pm: tests/data/rights, the table of what each process may do, for the
# tests, and as doc/SECURITY.md shows it:
#
#   perl -Itests -MRights -e 'print Rights::tables("tests/data/rights")'
package Rights;

use strict;
use warnings;
use Carp qw(croak);

my @letters = qw(M J L N G W K S T Y);

# The rows: [kind, argument...], strings without their quotes.
sub rows {
	my ($path) = @_;
	open my $fh, '<', $path or croak "$path: $!";
	my $text = do { local $/; <$fh> };
	$text =~ s{/\*.*?\*/}{}gs;
	my @rows;
	for (split /\n/, $text) {
		next if /^#|^$/;
		my ($kind, $rest) = /^([A-Z]+)\((.*)\)$/
		    or croak "$path: what is `$_'?";
		my @words;
		while ($rest =~ /\G\s*(?:"([^"]*)"|((?:[^,()]|\([^()]*\))+))(?:,|\z)/g) {
			push @words, $1 // $2;
		}
		push @rows, [$kind, @words];
	}
	return @rows;
}

# What the process ${letter} is or has: the words behind the letters.
sub of {
	my ($path, $kind, $letter) = @_;
	my @found = grep { $_->[0] eq $kind && index($_->[1], $letter) >= 0 }
	    rows($path);
	croak "$path: $kind of $letter" unless @found == 1;
	return @{ $found[0] }[2 .. $#{ $found[0] }];
}

# Letters in one order, whatever that in the table is.
sub ordered {
	my ($text) = @_;
	return join '', grep { index($text, $_) >= 0 } @letters;
}

sub table {
	my ($head, @rows) = @_;
	return join '', map { '| ' . join(' | ', @$_) . " |\n" } $head,
	    [map { '---' } @$head], @rows;
}

# Rows that differ in the words of one column alone become one, in which these
# stand one behind the other.
sub merge {
	my ($column, $between, @rows) = @_;
	my (%at, @merged);
	for my $row (@rows) {
		my $key = join "\0", map { $_ == $column ? '' : $row->[$_] }
		    0 .. $#$row;
		if (defined $at{$key}) {
			$merged[$at{$key}][$column] .= $between .
			    $row->[$column];
		} else {
			$at{$key} = @merged;
			push @merged, [@$row];
		}
	}
	return @merged;
}

sub code { return '`' . $_[0] =~ s/\|/\\|/gr . '`' }

# How doc/SECURITY.md says all that.
sub tables {
	my ($path) = @_;
	my %by;
	push @{ $by{$_->[0]} }, $_ for rows($path);
	my @are = map { [@$_[1 .. 5], (of($path, 'HOLDS', $_->[1]))[0]] }
	    @{ $by{IS} };
	my %else = (TCP => 'use TCP', ABSTRACT => 'connect to abstract sockets',
	    SIGNALS => 'signal who is not below it');
	my @calls = merge(0, ' ', map { [code($_->[1]), ordered($_->[2])] }
	    @{ $by{MAY} });
	my %must = (ONLY => 'is', NEVER => 'has none of', BUT => 'is not');
	my @arguments = merge(3, ', ', map { my $kind = $_;
	    map { [code($_->[1]), $_->[3] + 1, $must{$kind}, code($_->[4]),
		ordered($_->[2])] } @{ $by{$kind} } } qw(ONLY NEVER BUT));
	my @ends = merge(0, ' ', map { my $kind = $_;
	    map { [code($_->[1]), lc $kind, ordered($_->[2])] }
	    @{ $by{$kind} } } qw(FAILS KILLS));
	return join "\n",
	    table(['', 'process', 'account', 'groups', 'capabilities',
		'descriptors'], @are),
	    table(['below', 'Landlock allows', 'of'],
		map { [code($_->[2]), $_->[3], ordered($_->[1])] }
		@{ $by{PATH} }),
	    table(['', 'of'], map { [$else{$_}, ordered($by{$_}[0][1])] }
		qw(TCP ABSTRACT SIGNALS)),
	    table(['calls', 'of'], @calls),
	    table(['call', 'argument', '', '', 'of'], @arguments),
	    table(['calls', '', 'in'], @ends);
}

1;
