#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The manual pages tell what the program does: dewey(8) has every option that
# --help has, with the same argument and default, and no other; dewey.conf(5)
# has every key; the log's keys, the examples and the flags named in the other
# documents are real; so are the links of the documents and the session that
# README.md shows; mandoc has nothing to complain about.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5_hex);
use Test::More;

my $doc = "$ENV{srcdir}/doc";
my @pages = qw(dewey.8 dewey.conf.5 dewey-users.5 dewey-secrets.5);
my %source = map { $_ => Dewey::read_file("$doc/$_") } @pages;

# What dewey prints when it serves no session, and its exit code.
sub run {
	my $c = Dewey->start(@_, { transport => 'pipe' });
	my $out = $c->rest;
	return ($out, $c->exit_code, $c->stderr);
}

# ---- The options

# name -> "argument default", of --help.
my ($help, $code) = run('--help');
is $code, 0, '--help exits 0';
my (%help, %key);
for (split /\n/, $help) {
	my ($name, $argument, $default) =
	    /^  --([\w-]+)([= ]\S+)?(?:  \((.*)\))?\z/ or next;
	$argument //= '';
	$help{$name} = { argument => $argument, default => $default // '' };
	$key{$name} = 1 if $argument =~ /^=/ && $name ne 'config';
}
cmp_ok scalar keys %help, '>', 20, 'options of --help';

# The words of a macro line as they are printed.
sub words {
	my ($line) = @_;
	my ($text, $glue, $open, $close) = ('', 1, '', '');
	for my $word (split ' ', $line) {
		if ($word eq 'Ns') {
			$glue = 1;
		} elsif ($word eq 'Op') {
			($open, $close) = ('[', ']');
		} elsif ($word !~ /^(?:Fl|Cm|Ar|No|Li)\z/) {
			$text .= ($glue ? '' : ' ') . $open . $word;
			($glue, $open) = (0, '');
		}
	}
	return $text . $close;
}

# name -> "argument default", of the items of a page that look like ${pattern}.
sub items {
	my ($page, $pattern) = @_;
	my (%items, $name);
	for (split /\n/, $source{$page}) {
		undef $name if /^\.(?:It|El|Sh|Ss)\b/;
		if (/^\.It (.*)/ && words($1) =~ $pattern) {
			$name = $1;
			ok !$items{$name}, "$page: $name once" if $items{$name};
			$items{$name} = { argument => $2 // '', default => '' };
		} elsif (defined $name && /^\.Pq Default: Cm (\S+)\z/) {
			$items{$name}{default} = $1;
		}
	}
	return \%items;
}

# Paths below /etc, /var and /usr/libexec are those of the build.
sub same_default {
	my ($page, $help) = @_;
	return 1 if $page eq $help;
	$page =~ s{^/usr(?=/libexec/)}{};
	return $page =~ m{^/(?:etc|var|libexec)/} && $help =~ m{^/.*\Q$page\E\z};
}

sub compare {
	my ($page, $items, @names) = @_;
	is join(' ', grep { !$items->{$_} } @names), '',
	    "$page lacks no option";
	my %is = map { $_ => 1 } @names;
	is join(' ', grep { !$is{$_} } sort keys %$items), '',
	    "$page has no option that is none";
	for my $name (grep { $items->{$_} } @names) {
		my ($argument, $default) = @{ $items->{$name} }{qw(argument
		    default)};
		$argument =~ s/^ = /=/;
		is $argument, $help{$name}{argument},
		    "$page: argument of $name";
		ok same_default($default, $help{$name}{default}),
		    "$page: default of $name"
		    or diag "page: $default, --help: $help{$name}{default}";
	}
}

compare('dewey.8', items('dewey.8', qr/^--?([\w-]+)([= ]\S+)?\z/),
    sort keys %help);
compare('dewey.conf.5', items('dewey.conf.5', qr/^([\w-]+)( = \S+)\z/),
    sort keys %key);

# ---- The log

my $site = Dewey->site(secrets => { mrose => 'tanstaaf' },
    mail => { mrose => Dewey::mbox("Subject: a\n\nb\n") });
my $c = $site->login('mrose', '--log=stderr');
is $c->say('QUIT'), '+OK dewey POP3 server signing off (1 message left)',
    'a session';
is $c->exit_code, 0, 'its exit code';
my ($record) = $c->stderr =~ /(user=.*)/;
my ($log) = $source{'dewey.8'} =~ /^\.Sh LOG\n(.*?)^\.Sh /ms;
is join(' ', $log =~ /^\.It Li (\S+)/mg), join(' ', $record =~ /(\S+)=/g),
    'dewey.8: the keys of the log in their order';

# ---- The examples

# The literal blocks of a page.
sub blocks {
	my ($page) = @_;
	return $source{$page} =~ /^\.Bd -literal.*?\n(.*?)^\.Ed/msg;
}

my $dir = Dewey::tmpdir();
for my $page (qw(dewey.conf.5 dewey-users.5)) {
	my @configurations = grep { /\A(?:#.*\n)*[\w-]+ = / } blocks($page);
	ok @configurations, "$page: examples of a configuration file";
	for my $text (@configurations) {
		Dewey::write_file("$dir/conf", $text);
		my (undef, $exit, $err) = run("--config=$dir/conf", '--help');
		is $exit, 0, "$page: an example is a configuration file"
		    or diag $err;
	}
}

my ($users) = grep { /^ford\@\S+:\$5/m } blocks('dewey-users.5');
Dewey::write_file("$dir/users", $users);
for (['ford@dewey.example', 'towel'], ['arthur', 'tea']) {
	my ($name, $password) = @$_;
	my $s = Dewey->start("--users=$dir/users", '--secrets=none',
	    "--mailbox=$dir/%u", '--log=none');
	$s->greeting;
	$s->say("USER $name");
	like $s->say("PASS $password"), qr/^\+OK/,
	    "dewey-users.5: $name of the example logs in";
}

my ($secrets) = grep { /^mrose:tanstaaf$/m } blocks('dewey-secrets.5');
Dewey::write_file("$dir/secrets", $secrets);
my $s = Dewey->start('--users=' . Dewey::write_file("$dir/nobody", ''),
    "--secrets=$dir/secrets", "--mailbox=$dir/%u", '--log=none');
like $s->apop('mrose', 'tanstaaf'), qr/^\+OK/,
    'dewey-secrets.5: mrose of the example logs in';
my ($stamp, $digest) = $source{'dewey-secrets.5'} =~
    /ready (<\S+>)\nC: APOP mrose (\w+)/;
is $digest, md5_hex($stamp . 'tanstaaf'), 'dewey-secrets.5: the dialogue';

# ---- The flags that other documents name are dewey's, or these of others

# What stands behind --adopt-ids, or is of contrib/adopt, is none of their
# table.
my %foreign = map { $_ => 1 } qw(all dry-run login-options openmetrics with-zshcompletiondir
    adopt doveadm fetch port name now prefix svg sysconfdir localstatedir
    deploy-hook fullchain-file install-cert key-file reloadcmd
    enable-werror with-systemdsystemunitdir
    drain map reload rest simulate spool to);
for my $path ((map { "$ENV{srcdir}/$_" } qw(README.md CONTRIBUTING.md NEWS)),
    grep { -f && !/PERFORMANCE/ } glob "$doc/*") {
	my ($name) = $path =~ m{([^/]+)\z};
	my %named = map { $_ => 1 } Dewey::read_file($path) =~
	    /(?<![\w-])(?:Fl -|--)([a-z][a-z-]*[a-z])(?![\w-])/g;
	is join(' ', grep { !$help{$_} && !$foreign{$_} } sort keys %named),
	    '', "$name names no option that is none";
}

# ---- The first page, the links, the picture

my $readme = Dewey::read_file("$ENV{srcdir}/README.md");
cmp_ok $readme =~ tr/\n//, '<=', 150, 'README.md is short';

# The anchors of a page's headings.
sub anchors {
	my ($path) = @_;
	my @headings = Dewey::read_file($path) =~ /^#+ (.*)$/mg;
	return map { (lc s/[^\w -]//gr =~ tr/ /-/r) => 1 } @headings;
}

for my $path ((map { "$ENV{srcdir}/$_" } qw(README.md CONTRIBUTING.md)),
    glob "$doc/*.md") {
	my ($in, $name) = $path =~ m{(.*)/([^/]+)\z};
	my @bad;
	for my $link (Dewey::read_file($path) =~ /\]\(([^()\s]+)\)/g) {
		my ($file, $anchor) = split /#/, $link, 2;
		my $there = length $file ? "$in/$file" : $path;
		my %anchors = -f $there && defined $anchor ? anchors($there) : ();
		push @bad, $link if !-f $there
		    || defined $anchor && !$anchors{$anchor};
	}
	is "@bad", '', "$name: the links lead somewhere";
}

# The example of a pipe does what it says when it is copied.
{
	my ($example) = $readme =~ /^\*\*A pipe\*\*[^\n]*\n\n((?:    [^\n]*\n)+)/m;
	my $place = Dewey::tmpdir();
	mkdir "$place/$_" or die "$place/$_: $!"
	    for qw(tests tests/data tests/data/sample);
	chmod 0755, map { "$place/$_" } qw(tests tests/data tests/data/sample);
	Dewey::write_file("$place/tests/data/sample/$_", Dewey::read_file(
	    "$ENV{srcdir}/tests/data/sample/$_"), 0664) for qw(mbox users);
	my $binary = Dewey::binary();
	is $example =~ s{(?<= )/usr/sbin/dewey(?= )}{$binary}g, 1,
	    'README.md: the example of a pipe names the program';
	my $pid = open(my $fh, '-|') // die "fork: $!";
	if (!$pid) {
		Dewey::drop() unless $>;
		chdir $place or die "$place: $!";
		%ENV = (PATH => $ENV{PATH}, HOME => $place);
		umask 002;
		exec 'sh', '-ec', $example or die "sh: $!";
	}
	my $said = do { local $/; <$fh> };
	close $fh;
	is $?, 0, '... its exit code' or diag $said;
	like $said, qr/\A\+OK\ POP3\ server\ ready\r\n
	    \+OK\ frated\ is\ a\ real\ hoopy\ frood\r\n
	    \+OK\ frated's\ maildrop\ has\ 2\ messages\ \((\d+)\ octets\)\r\n
	    \+OK\ 2\ \1\r\n
	    \+OK\ \S+\ POP3\ server\ signing\ off\ \(2\ messages\ left\)\r\n
	    \z/x, '... what dewey answers';
}

SKIP: {
	skip 'a tool watches the processes', 1 if $ENV{DEWEY_WRAPPER};
	open my $fh, '-|', $^X, "$doc/session/draw", Dewey::binary(1)
	    or die "draw: $!";
	local $/;
	my $drawn = <$fh>;
	close $fh;
	is $drawn, Dewey::read_file("$doc/session/session.svg"),
	    'README.md shows a session as it is';
}

# ---- mdoc

for my $page (@pages) {
	my %known = map { s/\.(\d)\z/ $1/r => 1 } @pages;
	is join(', ', grep { /^dewey/ && !$known{$_} }
	    $source{$page} =~ /^\.Xr (\S+ \d)/mg), '',
	    "$page refers to no page of dewey's that is none";
}

SKIP: {
	my ($mandoc) = grep { -x } map { "$_/mandoc" } split /:/,
	    $ENV{PATH} // '';
	skip 'there is no mandoc', scalar @pages unless $mandoc;
	for my $page (@pages) {
		open my $fh, '-|', "mandoc -Tlint '$doc/$page' 2>&1"
		    or die "mandoc: $!";
		# Which other pages are installed is not our business.
		my @lines = grep { !/outdated mandoc\.db/
		    && !/referenced manual not found/ } <$fh>;
		close $fh;
		is join('', @lines), '', "$page: mandoc -Tlint";
	}
}

done_testing;
