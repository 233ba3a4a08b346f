# SPDX-License-Identifier: ISC
# Nasty.pm: mailboxes that have broken other servers, or might break this one
# (doc/DESIGN.md section 5).
package Nasty;

use strict;
use warnings;

my $from = "From a\@b Mon Jan  1 00:00:00 2024\n";
my $crlf = $from =~ s/\n/\r\n/r;

# Reproducible octets: ${n} words out of ${words}.
sub words {
	my ($seed, $n, @words) = @_;
	my $text = '';
	for (1 .. $n) {
		$seed = ($seed * 1103515245 + 12345) % 2147483648;
		$text .= $words[($seed >> 8) % @words];
	}
	return $text;
}

# A usual message.
sub usual {
	my ($i) = @_;
	return "Return-Path: <a\@b>\nReceived: from c by d;\n\tMon, 1 Jan 2024"
	    . " 00:00:00 +0000\nFrom: a\@b\nTo: e\@f\nSubject: message $i\n"
	    . "Message-ID: <$i\@b>\n\nThis is the text of message $i.\n"
	    . "It has two lines.\n";
}

sub usual_mbox { return join '', map { $from . usual($_) . "\n" } @_ }

my $daemon = "From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n";
my $subject = "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n";

# The mailboxes: what it is, and its octets.
sub mailboxes {
	return (
		['three usual messages', usual_mbox(1 .. 3)],
		['an empty file', ''],
		['blank lines only', "\n\r\n\n"],
		['CR LF throughout', usual_mbox(1 .. 3) =~ s/\n/\r\n/gr],
		['LF and CR LF, line by line', mixed()],
		['no final line end', substr usual_mbox(1, 2), 0, -2],
		['a CR at the end', "${from}a: b\n\nbody\r"],
		['a CR alone as the last line', "${from}a: b\n\nbody\n\r"],
		['two CRs before each LF',
		    $from . "a: b\r\r\n\r\r\nbody\r\r\n\r\n"],
		['bare CRs in lines', "${from}a: b\rc: d\n\n\rbo\rdy\n\r\r\n\n"],
		['dots everywhere', "${from}.a: b\n..: c\n\n.\n..\n...\n.a\n"
		    . "a.\n. \n.\r\n.\n\n$from.\n\n$from\n.\n"],
		['dots behind bare CRs', "${from}a: b\n\n\r.\nx\r.\r\n\n"],
		['NULs', "${from}a: \0\n\0: \n\n\0\n\0\0\n.\0\n\n"],
		['8-bit octets', $from . "Subject: \xe4\xf6\xfc\n\n"
		    . join('', map { chr } 128 .. 255) . "\n\xff\n\n"],
		['every octet', "${from}a: b\n\n" . join('', map { chr($_) . 'x' }
		    0 .. 255) . "\n\n"],
		['a line of 1 MB', "${from}a: b\n\n" . 'x' x 1_048_576 . "\n\n"
		    . $from . "c: d\n\n"],
		['a header line of 300 kB', $from . 'a: ' . 'x' x 300_000
		    . "\n\nb\n\n"],
		['a header of 300 kB', $from . join('', map {
		    "X-$_: 0123456789\n" } 1 .. 18_000) . "\nb\n\n$from\n"],
		['a line of 1 MB that begins with From',
		    "${from}a\n\nFrom " . 'x' x 1_048_576 . "\n\n"],
		['a sender of 1 MB', "From " . 'x ' x 524_288
		    . "Mon Jan  1 00:00:00 2024\na\n\n$from\n"],
		['a message of 10 MB', $from . usual(1) . words(1, 131_072,
		    'x' x 75 . "\n", 'From' . 'y' x 80 . "\n", '.' x 76 . "\n",
		    'z' x 70 . "\r\n") . "\n\n${from}a: b\n\n"],
		['dots at every place of two blocks', "${from}a: b\n\n"
		    . words(2, 60_000, ".\n", "\r\n", 'x', "\n", "..\r\n",
		    "\r")],
		['From_ lines at every place of two blocks', words(3, 12_000,
		    $from, "\n", "\r\n", "a: b\n", "F\n", 'x', "\n$from")
		    =~ s/\A[^F]+//r],
		['no body', "${from}a: b\n\n$from" . "c: d\n\n"],
		['no blank line', "${from}a: b\nc: d\n"],
		['no blank line, no line end', "${from}a: b"],
		['no header', "$from\nbody\n\n$from\n\nbody\n"],
		['empty messages', "$from\n$from\n\n$from\n\n\n$from"],
		['nothing but a From_ line', $from],
		['a From_ line without a line end', $from =~ s/\n//r],
		['many blank lines', "${from}a: b\n\n\n\n\nb\n\n\n\n\n$from\n"],
		['blank lines of both kinds',
		    "${from}a: b\r\n\n\r\n\nb\n\r\n\n\r\n${from}c\n"],
		['lines of blanks', "${from}a: b\n \n\t\n\nb\n \n$from\n \n$from"],
		['quoted From', "${from}a: b\n\n>From here\n>>From there\n"
		    . "\n>$from\n"],
		['From_ lines without a blank line before',
		    "${from}a: b\n$from$from\nbody\n$from\n"],
		['sentences that begin with From', "${from}a: b\n\nFrom here on\n"
		    . "\nFrom the year 2024\n\nFrom\n\nFrom \n\nF\n\n"],
		['a From_ line that is cut', "${from}a: b\n\nb\n\n"
		    . 'From a@b Mon Jan  1 00:00:00 20'],
		['From_ lines of many kinds', join('', map { "$_\nSubject: x\n\n"
		    . "body\n\n" } 'From a@b Mon Jan  1 00:00:00 2024',
		    'From Jan 1 00:00 2024', 'From "a b" Mon Jan  1 00:00:00 2024',
		    'From a Mon Jan  1 00:00:00 CET 2024',
		    'From a Mon Jan  1 00:00:00 2024 +0100',
		    'From a Mon Jan  1 00:00:00 2024 remote from b',
		    "From\ta  MON JAN\t01 00:00 2024")],
		['Content-Length lies', "${from}Content-Length: 3\n\nlonger\n\n"
		    . "${from}Content-Length: 9999\n\nshorter\n\n"
		    . "${from}Content-Length: -1\nContent-Length: x\n\nb\n\n"],
		['Lines and Status lie', "${from}Lines: 1\nStatus: RO\n"
		    . "X-UIDL: 1\n\na\nb\n\n${from}X-UIDL: 1\n\nc\n\n"],
		['a pseudo-message first', "$daemon${subject}X-IMAP: 1 2\n"
		    . "Status: RO\n\ninternal\n\n" . usual_mbox(1, 2)],
		['a pseudo-message alone', "$daemon${subject}X-IMAPbase: 1 2\n"
		    . "\ninternal\n\n"],
		['a pseudo-message in CR LF, its fields in lower case',
		    $daemon . lc("X-IMAPBASE: 1\n") =~ s/\n/\r\n/r
		    . $subject =~ s/\n/\r\n/r =~ s/^S/s/r . "\r\n\r\n$crlf\r\n"],
		['a pseudo-message behind blank lines',
		    "\n\r\n$daemon${subject}X-IMAP: 1\n\n" . usual_mbox(1)],
		['a pseudo-message that is not the first',
		    usual_mbox(1) . "$daemon${subject}X-IMAP: 1\n\n\n"],
		['two pseudo-messages: one is hidden',
		    "$daemon${subject}X-IMAP: 1\n\n\n" x 2],
		['a pseudo-message that was delivered',
		    "${daemon}Received: x\n${subject}X-IMAP: 1\n\nx\n\n"],
		['a pseudo-message of another sender',
		    "$from${subject}X-IMAP: 1\n\nx\n\n"],
		['the subject of a pseudo-message only',
		    "$daemon${subject}\ninternal\n\n" . usual_mbox(1)],
		['X-IMAP only', "${daemon}X-IMAP: 1\n\ninternal\n\n"],
		['the fields of a pseudo-message in the body',
		    "${from}a: b\n\n${subject}X-IMAP: 1\n\n" . usual_mbox(1)],
		['leading blank lines', "\n\n\r\n" . usual_mbox(1, 2)],
		['equal messages', usual_mbox(1, 1, 2, 1, 2, 1)],
		['messages equal but for what mail readers edit',
		    "${from}a: b\n\nc\n\n${from}Status: RO\na: b\n\nc\n\n"
		    . "${crlf}a: b\r\nX-UID: 7\r\n\r\nc\r\n\r\n${from}a: b\n\nc"],
		['many small messages', "${from}a\n\n\n" x 1000],
		['random octets of the nastiest kind', $from . words(5, 20_000,
		    "\n", "\r", "\r\n", '.', "\0", 'F', 'From', ' ', $from,
		    "\n\n$from", 'Status: RO', 'x')],
		['not an mbox', "Subject: a\n\nbody\n"],
		['not an mbox: text behind blank lines', "\n\nx\n$from\n"],
		['not an mbox: almost a From_ line', "\nFrom me\n\n$from\n"],
		['not an mbox: a CR', "\r"],
		['not an mbox: NUL', "\0\n$from\n"],
	);
}

# Each line end another one.
sub mixed {
	my $i = 0;
	return usual_mbox(1 .. 4) =~ s/\n/$i++ % 3 ? "\n" : "\r\n"/ger;
}

1;
