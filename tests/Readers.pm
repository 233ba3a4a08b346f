# SPDX-License-Identifier: ISC
# Readers.pm: what other programs see in a mailbox.
package Readers;

use strict;
use warnings;
use Client;
use Dewey;
use Spawner ();

our @names = qw(mutt formail s-nail python3);

# Why ${name} cannot be asked, or undef.
sub missing {
	my ($name) = @_;
	my (@gone) = grep { !Spawner::program($_) } $name,
	    $name eq q{mutt} ? q{script} : ();
	return @gone ? "$gone[0] is not installed" : undef;
}

# In the directory ${dir}: the first Subject in the header of each message that
# ${name} sees in the mailbox ${box}, or '' where there is none.
sub subjects {
	my ($name, $box, $dir) = @_;
	my $o = { dir => $dir, timeout => 20, ok => [1] };
	my $out = "$dir/seen";
	unlink $out, "$dir/client.log";
	if ($name eq 'mutt') {
		my $rc = Client::write_rc($o, 'set mbox_type=mbox move=no ' .
		    "wait_key=no sleep_time=0 pipe_split=yes quit=yes\n" .
		    "set sort=mailbox-order header_cache= pipe_sep=''\n" .
		    "push '<limit>all<enter><tag-pattern>~A<enter>" .
		    "<tag-prefix><pipe-message>" .
		    "cat >>seen; echo \@END\@ >>seen<enter><exit>'\n");
		# Where mutt sees no message it forgets what was pushed: one more.
		Dewey::write_file("$dir/more", Dewey::read_file($box) . "\n\nFrom "
		    . "x\@y Mon Jan  1 00:00:00 2024\nSubject: end\n\n");
		Client::run($o, 'script', '-qec',
		    "stty rows 24 cols 80; mutt -n -F $rc -R -f more", '/dev/null');
		my @seen = of_messages($out, "\@END\@\n");
		return @seen[0 .. $#seen - 1];
	}
	if ($name eq 'formail') {
		Client::run({ %$o, input => $box }, 'formail', '-s', 'sh',
		    '-c', 'cat >>seen; echo @END@ >>seen');
		return of_messages($out, "\@END\@\n");
	}
	if ($name eq 's-nail') {
		my $input = Dewey::write_file("$dir/input",
		    "set headline='<%m|%s'\nfrom *\nx\n");
		Client::run({ %$o, input => $input }, 's-nail', '-:/',
		    '-#', '-R', '-f', $box);
		return Client::log_of($o) =~ /^< *\d+\| *(.*?) *$/mg;
	}
	Client::run($o, 'python3', '-c', 'import mailbox, sys
box = mailbox.mbox(sys.argv[1], create=False)
with open("seen", "wb") as seen:
    for key in box.keys():
        seen.write(box.get_bytes(key) + b"\n@END@\n")', $box);
	return of_messages($out, "\@END\@\n");
}

# The Subjects of the messages in the file ${seen}, each ended by ${end}.
sub of_messages {
	my ($seen, $end) = @_;
	return unless -e $seen;
	return map {
		my ($header) = /\A(.*?)(?:\n\r?\n|\z)/s;
		$header =~ /^Subject: *(.*?)\r?$/m ? $1 : '';
	} split /^\Q$end\E/m, Dewey::read_file($seen);
}

1;
