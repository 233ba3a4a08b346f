#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Mail readers that rewrite the mailbox, during a session and between two: mutt,
# mailx and s-nail delete the second message while a session has marked the fourth.
# Both go, the others are there once, and keep their unique-ids although the
# reader has written into their headers.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Client;
use Dewey;
use Spawner;
use Test::More;

my @messages = map { Client::message("number $_", "body $_\n" x $_) } 1 .. 5;

my %reader = (
	# Debian's mailx.  It may be unpacked only, beside its library.
	'bsd-mailx' => sub {
		my ($o, $box) = @_;
		my $input = Dewey::write_file("$o->{dir}/input",
		    "delete 2\nquit\n");
		Client::run({ %$o, input => $input }, 'env',
		    'LD_LIBRARY_PATH=' . Spawner::libraries(),
		    Spawner::program('bsd-mailx'), '-n', '-f', $box);
	},
	mutt => sub {
		my ($o, $box) = @_;
		my $rc = Client::write_rc($o, 'set mbox_type=mbox delete=yes ' .
		    "quit=yes move=no wait_key=no\n" .
		    "push '<limit>all<enter><delete-pattern>~s \"number 2\"" .
		    "<enter><quit>'\n");
		Client::run($o, 'script', '-qec', "stty rows 24 cols 80; mutt -n -F $rc -f $box",
		    '/dev/null');
	},
	's-nail' => sub {
		my ($o, $box) = @_;
		my $input = Dewey::write_file("$o->{dir}/input",
		    "delete 2\nquit\n");
		Client::run({ %$o, input => $input }, 's-nail', '-:/', '-#',
		    '-S', 'hold', '-S', 'keep', '-f', $box);
	},
);

# The messages of a mailbox without what readers write into headers.
sub content {
	my ($box) = @_;
	my (undef, @found) = split /^From \S+ +\w{3} \w{3} [^\n]* \d{4}\n/m,
	    Dewey::read_file($box);
	for (@found) {
		my ($header, $body) = /\A(.*?\n)\n(.*?)\n*\z/s;
		$header =~ s/^(?:Status|X-Status|Content-Length|Lines):.*\n//mg;
		$_ = "$header\n$body\n";
	}
	return @found;
}

sub ids { my ($c) = @_; return scalar($c->multi('UIDL')) =~ /^\d+ (\S+)\r$/mg }

for my $name (sort keys %reader) {
	for my $asked (0, 1) {
		subtest "$name, ids " . ($asked ? 'known' : 'not known') => sub {
			my $reason = $name ne 'bsd-mailx' ?
			    Client::missing($name) :
			    Spawner::program($name) ? undef :
			    "$name is not installed";
			plan skip_all => $reason if $reason;
			my %mail = map { $_ => Dewey::mbox(@messages) }
			    qw(ann bob);
			my $site = Dewey->site(mail => \%mail,
			    users => { ann => 'p', bob => 'p' });
			my $box = $site->mailbox('ann');

			my $c = $site->login('ann');
			# Equal messages have equal ids.
			my @ids = ids($asked ? $c : $site->login('bob'));
			like $c->say('DELE 4'), qr/^\+OK/, 'DELE 4';
			$reader{$name}->({ dir => Dewey::tmpdir() }, $box);
			is scalar(content($box)), 4,
			    'the reader deletes the second meanwhile';
			my ($reply, $body) = $c->multi('RETR 5');
			if ($reply =~ /^\+OK/) {
				is $body =~ s/^Status: \w+\r\n//mr,
				    $messages[4] =~ s/\n/\r\n/gr,
				    'RETR 5: the fifth';
			} else {
				like $reply, qr{^-ERR \[SYS/TEMP\]},
				    'RETR 5: it is another mailbox now';
			}
			# A message that was never known by its id stays.
			my @left = $asked ? (0, 2, 4) : (0, 2, 3, 4);
			like $c->say('QUIT'), $asked
			    ? qr/^\+OK .*\(3 messages left\)/
			    : qr{^-ERR \[SYS/TEMP\] some deleted messages not},
			    'QUIT says what happened';
			$c->exit_code;
			is_deeply [content($box)], [@messages[@left]],
			    'every message that is left is there once';

			$c = $site->login('ann');
			is_deeply [ids($c)], [@ids[@left]],
			    'the next session has the same unique-ids';
			$c->say('QUIT');
			is $c->exit_code, 0, '... and ends in order';
		};
	}
}

done_testing;
