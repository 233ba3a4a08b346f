#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The dialogue that dewey was made from, word for word, over the sample mailbox
# of 120 and 200 octets.  It departs only in [IN-USE], [AUTH], the timestamp
# and the unique-ids (RFC 1939 sections 4 to 7, RFC 2449 section 8, RFC 3206).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha256);
use MIME::Base64 qw(encode_base64url);
use Test::More;

my $sample = Dewey::read_file("$ENV{srcdir}/tests/data/sample/mbox");

# The two messages as they are stored: From_ line, text, separator.
my @stored = $sample =~ /(From .*?\n\n(?=From |\z))/gs;
is scalar @stored, 2, 'the sample holds two messages';
# None of them has a field that the unique-id leaves out.
my @ids = map { encode_base64url(substr sha256(s/\n\z//r), 0, 18) } @stored;
my @texts = map { s/\A.*?\n//r =~ s/\n\z//r =~ s/\n/\r\n/gr } @stored;
is_deeply [ map { length } @texts ], [ 120, 200 ],
    'they have 120 and 200 octets on the wire';

my $site = Dewey->site(users => { mrose => 'secret' },
    mail => { mrose => $sample });

# Says each line of a dialogue and compares each answer.
sub follow {
	my ($c, $name, $text) = @_;
	for (split /^/, $text) {
		chomp;
		if (/^C: (.*)/) {
			$c->cmd($1);
		} elsif (/^S: (.*)/) {
			is $c->line, $1, "$name: $1";
		} elsif (/^M: (\d)(?: (\d+))?/) {
			my ($wanted, $n) = ($texts[$1 - 1], $2);
			if (defined $n) {
				my ($head, $body) = $wanted
				    =~ /\A(.*?\r\n\r\n)(.*)\z/s;
				my @lines = split /^/, $body;
				splice @lines, $n if @lines > $n;
				$wanted = join '', $head, @lines;
			}
			is $c->body, $wanted, "$name: message $_";
		}
	}
}

my $c = $site->start('--hide-users=no');
is $c->greeting =~ s/ <[\w.-]+\@dewey\.example>\z/ <>/r,
    '+OK POP3 server ready <>', 'the greeting departs in the timestamp only';
follow($c, 'session', <<"END");
C: USER frated
S: -ERR [AUTH] sorry, no mailbox for frated here
C: USER mrose
S: +OK mrose is a real hoopy frood
C: PASS secret
S: +OK mrose's maildrop has 2 messages (320 octets)
C: STAT
S: +OK 2 320
C: LIST
S: +OK 2 messages (320 octets)
S: 1 120
S: 2 200
S: .
C: LIST 2
S: +OK 2 200
C: LIST 3
S: -ERR no such message, only 2 messages in maildrop
C: RETR 1
S: +OK 120 octets
M: 1
C: DELE 1
S: +OK message 1 deleted
C: DELE 2
S: +OK message 2 deleted
C: DELE 2
S: -ERR message 2 already deleted
C: NOOP
S: +OK
C: RSET
S: +OK maildrop has 2 messages (320 octets)
C: TOP 1 10
S: +OK
M: 1 10
C: TOP 2 1
S: +OK
M: 2 1
C: TOP 100 3
S: -ERR no such message
C: UIDL
S: +OK
S: 1 $ids[0]
S: 2 $ids[1]
S: .
C: UIDL 2
S: +OK 2 $ids[1]
C: UIDL 3
S: -ERR no such message, only 2 messages in maildrop
END

my $second = $site->start;
$second->greeting;
follow($second, 'second session', <<'END');
C: USER mrose
S: +OK mrose is a real hoopy frood
C: PASS secret
S: -ERR [IN-USE] maildrop already locked
C: QUIT
S: +OK dewey POP3 server signing off
END
is $second->exit_code, 0, 'the second session ended in order';

follow($c, 'end', <<'END');
C: QUIT
S: +OK dewey POP3 server signing off (2 messages left)
END
is $c->rest, '', 'nothing follows';
is $c->exit_code, 0, 'the session ended in order';
is Dewey::read_file($site->mailbox('mrose')), $sample,
    'nothing was deleted';

$c = $site->login('mrose');
follow($c, 'deleting', <<'END');
C: DELE 1
S: +OK message 1 deleted
C: DELE 2
S: +OK message 2 deleted
C: QUIT
S: +OK dewey POP3 server signing off (maildrop empty)
END
is $c->exit_code, 0, 'exit code';
is Dewey::read_file($site->mailbox('mrose')), '', 'both messages are gone';

# APOP, and the example of RFC 1939 section 7: this is the digest.
is md5_hex('<1896.697170952@dbc.mtview.ca.us>tanstaaf'),
    'c4c9334bac560ecc979e58001b3e22fb', 'the digest of the example';
my $message = "Subject: one message\n\n" . ('x' x 63 . "\n") x 5 . "y" x 18 .
    "\n";
$site = Dewey->site(secrets => { mrose => 'tanstaaf' },
    mail => { mrose => Dewey::mbox($message) });
$c = $site->start;
like $c->timestamp, qr/\A<\d+\.\d+\@dewey\.example>\z/,
    'the timestamp is <digits.digits@host>';
is $c->apop('mrose', 'tanstaaf'), '+OK maildrop has 1 message (369 octets)',
    'APOP';
is $c->say('QUIT'),
    '+OK dewey POP3 server signing off (1 message left)', 'one message left';
is $c->exit_code, 0, 'exit code';

done_testing;
