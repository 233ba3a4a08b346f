#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# contrib/adopt/adopt moves the ids of many users from an old server, which a
# script plays here, to dewey: it goes on where it stopped, says who is not done
# and why, and changes nothing for them.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Spawner;
use Test::More;

plan skip_all => 'a tool watches the processes' if $ENV{DEWEY_WRAPPER};

my $adopt = Spawner::srcdir() . '/contrib/adopt/adopt';
my $dir = Dewey::tmpdir();
my $dewey = Dewey::binary();
my $n = $ENV{DEWEY_ADOPT_USERS} // 40;
mkdir "$dir/$_" for qw(spool old);
Dewey::give("$dir/$_") for qw(spool old);

# The old server: its answers are in files.
Dewey::write_file("$dir/server", <<'SCRIPT', 0755);
#!/usr/bin/perl
$| = 1;
my $dir = shift;
my ($name, $ok);
print "+OK old\r\n";
while (<STDIN>) {
	s/\r?\n\z//;
	if (/^USER (.*)/) { $name = $1; print "+OK\r\n" }
	elsif (/^PASS (.*)/) {
		if ($name =~ /^wrong/) { print "-ERR no\r\n"; next }
		print $1 eq "pw-$name" ? "+OK\r\n" : "-ERR password\r\n";
	} elsif (/^(UIDL|LIST)/) {
		exit if $name =~ /^cut/;
		open my $fh, '<', "$dir/old/$name.$1";
		print "+OK\r\n", <$fh>, ".\r\n";
	} elsif (/^QUIT/) { print "+OK\r\n"; exit }
	else { print "-ERR\r\n" }
}
SCRIPT

sub mail { my ($u) = @_;
	return join '', map { "From a\@b Mon Jan  1 00:00:00 2024\n"
	    . "Subject: $u $_\n\nbody\n\n" } 1 .. 3 }

my @good = map { "user$_" } 1 .. $n;
my @bad = qw(wrong cut short);
for my $u (@good, @bad) {
	Dewey::write_file("$dir/spool/$u", mail($u));
	Dewey::write_file("$dir/old/$u.UIDL",
	    join '', map { "$_ $u-id$_\r\n" } 1 .. 3);
	my $octets = length("Subject: $u 1\r\n\r\nbody\r\n");
	Dewey::write_file("$dir/old/$u.LIST", join '',
	    map { "$_ " . ($octets + ($u eq 'short' && $_ == 2)) . "\r\n" }
	    1 .. 3);
}
Dewey::write_file("$dir/old/nobody.$_", '') for qw(UIDL LIST);
Dewey::write_file("$dir/users",
    join '', map { "$_ pw-$_\n" } @good, @bad, 'nobody');
Dewey::write_file("$dir/dewey-users", join '', map { "$_:x\n" } @good, @bad);
my @flags = ("--command=$dir/server $dir", "--state=$dir/state",
    "--dewey=$dewey --users=$dir/dewey-users --mailbox=$dir/spool/%u");

sub run {
	my (@more) = @_;
	my $out = "$dir/out";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		open STDOUT, '>', $out or die;
		open STDERR, '>', "$dir/err" or die;
		chdir $dir;
		Dewey::drop() if !$>;
		exec $^X, $adopt, @flags, @more, "$dir/users" or die;
	}
	waitpid $pid, 0;
	my $code = $? >> 8;
	return ($code, Dewey::read_file($out) . Dewey::read_file("$dir/err"));
}
sub adopted { return scalar(() = glob "$dir/spool/.*.ids") }

# The script's own rights: so that nobody can read it, it must not be readable.
chmod 0755, $dir;
my ($code, $said);
SKIP: {
	skip 'this user cannot read the script', 1 if !$> && system('su', '-s',
	    '/bin/sh', 'nobody', '-c', "test -r $adopt") != 0 && do {
		my $copy = "$dir/adopt";
		system('cp', $adopt, $copy);
		chmod 0755, $copy;
		$adopt = $copy;
		0;
	};
	chmod 0644, "$dir/users";
	($code, $said) = run();
	is $code, 2, 'others can read the passwords: refused';
	like $said, qr/chmod 600/, '... and says so';
	chmod 0600, "$dir/users";
	($code, $said) = run('--fetch');
	is $code, 1, '--fetch: two cannot be had';
	like $said, qr/^@{[$n + 2]} of @{[$n + 4]} users fetched$/m, '... the others';
	is adopted(), 0, '... nothing is adopted';
	($code, $said) = run('--dry-run');
	is adopted(), 0, '--dry-run: nothing is adopted';
	like $said, qr/nothing was changed/, '... and says so';
	my $begin = time;
	($code, $said) = run();
	note "$n users: " . (time - $begin) . " s";
	is $code, 1, 'some are not done';
	like $said, qr/^@{[$n + 1]} of @{[$n + 4]} users adopted$/m, 'the others are'
	    or diag $said;
	like $said, qr/^  wrong +PASS: -ERR no$/m, 'a wrong password';
	like $said, qr/^  cut +UIDL: the server hung up$/m, 'no answer';
	like $said, qr/^  short +message 2: the other server says \d+ octets/m,
	    'other octets';
	is adopted(), $n, 'as many files';
	ok !-e "$dir/spool/.$_.dewey.ids", "$_: nothing is changed" for @bad;
	is +(stat "$dir/state/ids-user1")[2] & 0777, 0600, 'the answers: mode';

	# What was wrong is mended: it goes on with these alone.
	Dewey::write_file("$dir/old/short.LIST",
	    Dewey::read_file("$dir/old/user1.LIST"));
	Dewey::write_file("$dir/spool/short", mail('user1'));
	unlink "$dir/state/ids-short";
	my $done = Dewey::read_file("$dir/state/done");
	Dewey::write_file("$dir/state/done", $done =~ s/^short .*\n//mr);
	unlink "$dir/spool/.user1.dewey.ids";
	($code, $said) = run();
	like $said, qr/^@{[$n + 2]} of @{[$n + 4]} users adopted$/m,
	    'begun again it goes on';
	ok -e "$dir/spool/.short.dewey.ids", '... with who was not done';
	ok !-e "$dir/spool/.user1.dewey.ids", '... and not with who was';
	my $list = join "", `$dewey --list $dir/spool/user2`;
	like $list, qr/^3 \d+ user2-id3 \(adopted\)/m, 'the ids are there';
}
done_testing;
