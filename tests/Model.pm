# SPDX-License-Identifier: ISC
# Model.pm: what a mailbox is and what a client gets of it, written from
# doc/DESIGN.md sections 4 and 10, line by line and slowly, for tests to compare
# the program with.  It shares no idea with the code but the document.
package Model;

use strict;
use warnings;
use Carp qw(croak);
use Digest::SHA qw(sha256);
use MIME::Base64 qw(encode_base64url);

# ---- Lines

# The lines of ${octets}: [content, line end]; the last one may have no end.
# Only the one CR right before the LF belongs to the end.
sub lines {
	my ($octets) = @_;
	return map {
		my $end = substr($_, -1) ne "\n" ? 0
		    : substr($_, -2) eq "\r\n" ? 2 : 1;
		my $n = length($_) - $end;
		[substr($_, 0, $n), substr $_, $n];
	} $octets =~ /[^\n]*\n|[^\n]+\z/g;
}

sub is_empty { my ($line) = @_; return $line->[0] eq '' }

my $s = qr/[ \t]+/;
my $word = qr/[^ \t]+/;
my $zone = qr/[A-Za-z]{1,5}|[-+][0-9]{2}:?[0-9]{2}/;
my $month = qr/(?i:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/;
my $day = qr/(?i:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?/;
my $full = qr/$month[A-Za-z]*/;
my $number = qr/[0-9]{1,2}/;
my $minutes = qr/[0-9]{1,2}:[0-9]{2}/;
my $seconds = qr/$minutes:[0-9]{2}/;
my $time = qr/$minutes(?::[0-9]{2})?/;
my $padded = qr/[0-9]{2}:[0-9]{2}(?::[0-9]{2})?/;
my $year = qr/[0-9]{4}/;
my $short = qr/[0-9]{2}(?:[0-9]{2})?/;
my $iso = qr/[0-9]{4}-[0-9]{2}-[0-9]{2}/;

# What may stand between From with its blanks and the end of the line; behind
# ${more} may be anything.
my $any = qr/(?:.*[ \t])?/s;
my $more = qr/(?:[ \t].*)?/s;
my @forms = (
	# ctime(3)'s date behind any sender or none, with or without a day; UUCP
	qr/$any$month$s$number$s$padded(?:$s$zone){0,2}$s$year(?:$s$zone)?/,
	qr/$any$month$s$number$s$padded(?:$s$zone){0,2}$s$year(?:$s$zone)?
	    ${s}remote${s}from$s$word/x,
	# with a day and seconds: months in full, years of two digits
	qr/$any$day$s$full$s$number$s$seconds(?:$s$zone){0,2}$s$short
	    (?:$s$zone)?/x,
	# with a sender of one word and a day: anything behind it
	qr/$word$s(?:at$s$word$s)?$day$s$full$s$number$s$time
	    (?:$s$zone){0,2}$s$year$more/x,
	qr/$word$s$day$s$full$s$number$s$seconds(?:$s$word){0,2}$s$year$more/,
	qr/$day$s$full$s$number$s$seconds(?:$s$zone){0,2}$s$year$more/,
	# RFC 5322
	qr/$word$s$day$s$number$s$full$s$year$s$time$more/,
	qr/$word$s$day$s$number$s$full$s$short$s$seconds(?:$s$zone)?
	    (?:$s$word)?/x,
	# ISO 8601
	qr/$word$s$iso$s$seconds(?:$s$zone)?/,
	qr/$word$s${iso}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[-+][0-9]{2}:?[0-9]{2})?/,
);

# Whether a line begins like a From_ line, which is enough where the file begins.
sub is_bare {
	my ($content) = @_;
	return $content =~ /\AFrom[ \t]/;
}

sub is_from_line {
	my ($content) = @_;
	return 0 unless $content =~ /\AFrom$s(.*?)[ \t]*\z/s;
	my $rest = $1;
	return scalar grep { $rest =~ /\A$_\z/ } @forms;
}

# ---- Messages

# Where the message whose header begins at ${text} ends by Content-Length, if
# that is exact; else 0.
sub reach {
	my ($octets, $text) = @_;
	my $usual = qr/From\ [^\n]*[ \t][^\n]{0}$month\ [ 0-9][0-9]\ [0-9]{2}:
	    [0-9]{2}:[0-9]{2}\ [0-9]{4}\r?\n/x;
	my ($header) = substr($octets, $text, 65536) =~ /\A(.*?^\r?\n)/ms
	    or return 0;
	my @told = map { s/\A[ \t]+|[ \t]+\z//gr }
	    $header =~ /^Content-Length:(.*?)\r?$/mgi;
	return 0 unless @told == 1 && $told[0] =~ /\A[0-9]{1,18}\z/;
	my $end = $text + length($header) + $told[0];
	return $end if $end == length $octets;
	return $end < length $octets && substr($octets, $end - 1, 4096) =~
	    /\A\n\r?\n(?:\z|$usual)/ ? $end : 0;
}

# What is in a mailbox, Content-Length believed if ${exact}: { refused => offset of the line that makes it none }, or
# { messages => [...], begin => where the first one begins }; a message is
# { offset, end, stored, separator }, stored being what a client may see: its
# From_ line and what is behind it, without the separator.
sub scan {
	my ($octets, $exact) = @_;
	my (@messages, @open);
	my ($at, $behind_blank, $until) = (0, 1, 0);

	my $close = sub {
		push @messages, message(@open) if @open;
	};
	for my $line (lines($octets)) {
		my $here = $at;
		$at += length($line->[0]) + length $line->[1];
		if ($behind_blank && (!@open || $here >= $until) && (is_from_line($line->[0]) ||
		    ($here == 0 && is_bare($line->[0])))) {
			$close->();
			@open = ($here, $line);
			$until = reach($octets, $at) if $exact;
		} elsif (@open) {
			push @open, $line;
		} elsif (!is_empty($line)) {
			return { refused => $here };
		}
		$behind_blank = is_empty($line);
	}
	$close->();
	my $begin = @messages ? $messages[0]{offset} : $at;
	my $pseudo = @messages && is_pseudo($messages[0]);
	if ($pseudo) {
		shift @messages;
		$begin = @messages ? $messages[0]{offset} : $at;
	}
	return { messages => \@messages, begin => $begin };
}

sub message {
	my ($offset, @lines) = @_;
	my $end = $offset;
	$end += length($_->[0]) + length $_->[1] for @lines;
	# The header ends at the first empty line; a further one at the end is
	# the separator.
	my ($header) = grep { is_empty($lines[$_]) } 1 .. $#lines;
	my $separator = '';
	if (defined $header && $header < $#lines && is_empty($lines[-1])) {
		$separator = (pop @lines)->[1];
	}
	return {
		offset => $offset,
		end => $end,
		separator => $separator,
		stored => join('', map { @$_ } @lines),
	};
}

# The header fields of a message, unfolded: [name, value].
sub fields {
	my ($message) = @_;
	my @fields;
	my (undef, @lines) = lines($message->{stored});
	for my $line (@lines) {
		last if is_empty($line);
		if ($line->[0] =~ /\A[ \t]/ && @fields) {
			$fields[-1][1] .= $line->[0];
		} elsif ($line->[0] =~ /\A([^:]*):(.*)\z/s) {
			push @fields, [$1, $2];
		}
	}
	return @fields;
}

sub is_pseudo {
	my ($message) = @_;
	my ($subject, $imap) = (0, 0);
	return 0 unless $message->{stored} =~ /\AFrom MAILER[-_]DAEMON /;
	for (fields($message)) {
		return 0 if $_->[0] =~ /\A(?:Received|Return-Path)\z/i;
		my ($name, $value) = ($_->[0], $_->[1] =~ s/\A[ \t]+|[ \t]+\z//gr);
		$subject = 1 if lc $name eq 'subject' && $value eq
		    q{DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA};
		$imap = 1 if lc $name eq 'x-imap' || lc $name eq 'x-imapbase';
	}
	return $subject && $imap;
}

# ---- What is sent

# The lines of a message as they are sent, and how many of them are the header.
# A message is asked for the same again and again.
sub parts {
	my ($message) = @_;
	return $message->{parts} //= do {
		my (undef, @lines) = lines($message->{stored});
		my ($empty) = grep { is_empty($lines[$_]) } 0 .. $#lines;
		{
			lines => [map { "$_->[0]\r\n" } @lines],
			header => $empty // scalar @lines,
		};
	};
}

# What RETR sends of a message before byte-stuffing.
sub retr {
	my ($message) = @_;
	return join '', @{ parts($message)->{lines} };
}

# What TOP sends: the header, one empty line, and ${n} lines.
sub top {
	my ($message, $n) = @_;
	my ($lines, $header) = @{ parts($message) }{qw(lines header)};
	my $last = $header + $n;
	$last = $#$lines if $last > $#$lines;
	return join '', @$lines[0 .. $header - 1], "\r\n",
	    @$lines[$header + 1 .. $last];
}

sub stuffed { my ($octets) = @_; return $octets =~ s/^\./../gmr }

# ---- Unique-ids

my %edited = map { lc, 1 } qw(Status X-Status X-Keywords X-UID X-UIDL X-IMAP
    X-IMAPbase X-Mozilla-Status X-Mozilla-Status2 X-Mozilla-Keys
    Content-Length Lines);

# The octets that are hashed of a stored message.
sub hashed {
	my ($stored) = @_;
	my ($from, @lines) = map { $_->[0] } lines($stored);
	my ($hashed, $left_out) = ("$from\n", 0);
	while (@lines && $lines[0] ne '') {
		my $line = shift @lines;
		$left_out = $line =~ /\A([^:]*):/ && $edited{ lc $1 }
		    unless $line =~ /\A[ \t]/;
		$hashed .= "$line\n" unless $left_out;
	}
	return join '', $hashed, map { "$_\n" } @lines;
}

sub id_of {
	my ($hashed) = @_;
	return encode_base64url(substr(sha256($hashed), 0, 18));
}

# The unique-ids of all messages.
sub uids {
	my (@messages) = @_;
	my %seen;
	return map {
		my $id = id_of(hashed($_->{stored}));
		++$seen{$id} > 1 ? "$id-$seen{$id}" : $id;
	} @messages;
}

# ---- What UPDATE leaves

# The mailbox without the messages of these numbers, from 1.  Its end stays as it
# was found: if a line, and not an empty one, ended there and the last one of all
# goes, the last one that stays has no empty line behind it, but for one that ends
# with one itself.
sub without {
	my ($octets, $scan, @numbers) = @_;
	my @all = @{ $scan->{messages} };
	my %gone = map { $_ => 1 } @numbers;
	my ($last) = grep { !$gone{$_} } reverse 1 .. @all;
	my $extra = 0;
	if (@all && $last && $last < @all && $all[-1]{separator} eq '' &&
	    $octets =~ /\n\z/ &&
	    !grep { $_->{stored} =~ /(?:\A|\n)\r?\n\z/ } @all[$last - 1, -1]) {
		$extra = length $all[$last - 1]{separator};
	}
	for my $i (reverse sort { $a <=> $b } @numbers) {
		my $m = $scan->{messages}[$i - 1] or croak "no message $i";
		substr $octets, $m->{offset}, $m->{end} - $m->{offset}, '';
	}
	substr $octets, -$extra, $extra, '' if $extra;
	return $octets;
}

# ---- Test data

my %escape = (n => "\n", r => "\r", t => "\t", 0 => "\0", '\\' => '\\');

# Undoes \n \r \t \0 \\ \xHH.
sub unescape {
	my ($text) = @_;
	$text =~ s{\\(?:x([0-9a-f]{2})|(.))}
	    {defined $1 ? chr hex $1 : $escape{$2} // croak "\\$2?"}ge;
	return $text;
}

1;
