#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# UTF8 and LANG (RFC 6856): names and passwords are octets, and after UTF8 they
# are UTF-8 or refused; there is one language, by two names.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5 md5_hex);
use MIME::Base64 ();
use Test::More;

my $jorg = "j\xc3\xb6rg";
my $latin = "j\xf6rg";
my $password = "p\xc3\xa4ss w\xe2\x82\xacrd";
my $mbox = Dewey::mbox("Subject: \xc3\xa4\n\n\xff\n");
my $site = Dewey->site(users => { $jorg => $password, $latin => "p\xe4ss" },
    secrets => { "secret$jorg" => 'tanstaaf', "secret$latin" => 'tanstaaf' },
    mail => { map { $_ => $mbox } $jorg, $latin, "secret$jorg",
	"secret$latin" });
my $in = qr/^\+OK maildrop has 1 message \(18 octets\)$/;

sub fresh {
	my ($utf8) = @_;
	my $c = $site->start;
	$c->{stamp} = $c->timestamp;
	is $c->say('UTF8'), '+OK names and passwords are UTF-8', 'UTF8'
	    if $utf8;
	return $c;
}

sub b64 { return MIME::Base64::encode($_[0], '') }

# With UTF8 and without.
for my $utf8 (0, 1) {
	my $c = fresh($utf8);
	my (undef, $capa) = $c->multi('CAPA');
	like "\r\n$capa", qr/\r\nUTF8 USER\r\nLANG\r\n/, 'CAPA';
	is $c->say("USER $jorg"), '+OK send PASS', 'a name of UTF-8';
	like $c->say("PASS $password"), $in, 'a password of UTF-8';
	(undef, $capa) = $c->multi('CAPA');
	like "\r\n$capa", qr/\r\nUTF8 USER\r\nLANG\r\n/,
	    'CAPA in TRANSACTION';
	is $c->say('UTF8'), '-ERR UTF8 is not valid in the TRANSACTION state',
	    'UTF8 in TRANSACTION';
	$c->cmd('RETR 1');
	is $c->line, '+OK 18 octets', 'a message is sent as it is stored';
	is $c->body, "Subject: \xc3\xa4\r\n\r\n\xff\r\n", '... to the octet';
	$c->say('QUIT');
	$c = fresh($utf8);
	like $c->say("APOP secret$jorg " . md5_hex("$c->{stamp}tanstaaf")),
	    $in, 'APOP';
	$c->say('QUIT');
	$c = fresh($utf8);
	like $c->say('AUTH PLAIN ' . b64("\0$jorg\0$password")), $in,
	    'AUTH PLAIN';
	$c->say('QUIT');
}

# What is no UTF-8 is octets, until the client has said UTF8; then it is no try.
{
	my $c = fresh();
	$c->say("USER $latin");
	like $c->say("PASS p\xe4ss"), $in, 'Latin-1 without UTF8';
	$c->say('QUIT');
	$c = fresh();
	like $c->say("APOP secret$latin " . md5_hex("$c->{stamp}tanstaaf")),
	    $in, '... by APOP';
	$c->say('QUIT');
	$c = fresh(1);
	my $no = '-ERR malformed command';
	for (1 .. 4) {
		is $c->say("USER $latin"), $no, 'Latin-1 after UTF8: USER';
		is $c->say("APOP secret$latin " .
		    md5_hex("$c->{stamp}tanstaaf")), $no, '... APOP';
		is $c->say('AUTH PLAIN ' . b64("\0$latin\0p\xe4ss")),
		    '-ERR malformed authentication exchange', '... AUTH';
		is $c->say('AUTH PLAIN ' . b64("\0$jorg\0p\xe4ss")),
		    '-ERR malformed authentication exchange', '... password';
	}
	$c->say("USER $jorg");
	is $c->say("PASS p\xe4ss"), $no, '... PASS';
	like $c->say("PASS $password"), $in, '... the name is kept';
	$c->say('QUIT');
}
{
	my $c = fresh();
	is $c->say('UTF8 USER'), '-ERR UTF8 takes no argument', 'UTF8 USER';
}

# LANG, in both states.
for my $in_transaction (0, 1) {
	my $c = fresh();
	if ($in_transaction) {
		$c->say("USER $jorg");
		$c->say("PASS $password");
	}
	my ($ok, $list) = $c->multi('LANG');
	is $ok, '+OK list of languages follows', 'LANG';
	is $list, "en English\r\ni-default English\r\n", '... lists';
	for my $case ([ 'en', 'en' ], [ 'EN-GB', 'en' ], [ '*', 'en' ],
	    [ 'i-default', 'i-default' ], [ 'I-DEFAULT', 'i-default' ]) {
		is $c->say("LANG $case->[0]"), "+OK $case->[1] English",
		    "LANG $case->[0]";
	}
	is $c->say("LANG $_"), '-ERR no such language, LANG alone lists them',
	    "LANG $_" for 'es', 'eng', 'i', 'i-', '-', 'MUL', '*-CH';
	is $c->say('LANG en es'), '-ERR LANG takes a language', 'two languages';
	is $c->say("LANG \xc3\xa4"), '-ERR malformed command', 'no ASCII';
	$c->say('QUIT');
}

done_testing;
