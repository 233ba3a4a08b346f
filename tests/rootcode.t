#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The code of ours that runs as root: tests/data/root-code lists its functions,
# doc/SECURITY.md says how many lines they have, and this counts.  As root, a
# traced build shows that no function is missing in the list.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Test::More;
use Digest::MD5 qw(md5_hex);

my $srcdir = File::Spec->rel2abs($ENV{srcdir} // '.');
my $builddir = File::Spec->rel2abs($ENV{builddir} // '.');
Accounts::enter() if !$> && !Dewey::slow();

# From the least to the most exposed.
my @phases = qw(tls start become front serve);
my %rank = map { $phases[$_] => $_ } 0 .. $#phases;

# ---- Lines that are neither empty nor comment, of each function of src/

# In KNF: a function's head begins in column 0, its braces stand alone there.
my %lines;
for my $path (glob "$srcdir/src/*/*.c") {
	my ($file) = $path =~ m{([^/]+)\z};
	my $text = Dewey::read_file($path);
	$text =~ s{/\*.*?\*/}{$& =~ s/[^\n]//gr}gse;
	my ($name, $n);
	for (split /\n/, $text) {
		if (!defined $name || !$n) {
			($name, $n) = ($1, 0)
			    if /^(?!_Static_assert)(\w+) ?\(.*[^;]$/;
			($name, $n) = (undef, 0) if /^$|;$/ && /^\S|^$/;
		}
		$n++ if /\S/ && defined $name;
		next unless /^\}/ && defined $name;
		# The return type stands above.
		$lines{"$file $name"} = $n + 1;
		($name, $n) = ();
	}
}
cmp_ok scalar(keys %lines), '>', 100, scalar(keys %lines) . ' functions';

# ---- The list

my (%when, %sum);
for (split /\n/, Dewey::read_file("$srcdir/tests/data/root-code")) {
	next if /^#|^$/;
	my ($phase, $file, $name) = split ' ';
	my $function = "$file $name";
	ok defined $rank{$phase}, "$function: $phase" or next;
	ok $lines{$function}, "$function: is in src/" or next;
	$when{$function} = $phase;
	$sum{$phase} += $lines{$function};
}
my $doc = Dewey::read_file("$srcdir/doc/SECURITY.md");
my ($section) = $doc =~ /^## Code that runs as root\n(.*?)^## /ms;
my %said = map { s/,//gr } $section =~ /^\| ([a-z]+), .*? \| ([\d,]+) \|$/gm;
for my $phase (@phases) {
	my $is = $sum{$phase} // 0;
	my $most = $said{$phase} // 0;
	# It may shrink a little before the page has to be changed.
	ok $is <= $most && $is > $most * 0.9,
	    "doc/SECURITY.md says of `$phase' at most $most lines; it is $is";
}

# ---- What is really called

sub trace {
	my ($dir) = @_;
	my $make = Dewey::read_file("$builddir/Makefile");
	my ($cc) = $make =~ /^CC = (.*)/m;
	my ($libs) = join ' ', $make =~ /^(?:CRYPT|NETTLE)_LIBS = (.*)/gm;
	my ($cflags) = join ' ', $make =~ /^(?:CRYPT|NETTLE)_CFLAGS = (.*)/gm;
	my @objects;
	# dewey-tls is another program.
	for my $path (grep({ !m{/src/tls/} } glob "$srcdir/src/*/*.c"),
	    "$srcdir/tests/rootcode/trace.c") {
		my ($name) = $path =~ m{([^/]+)\.c\z};
		my $hook = $name eq 'trace' ? '' : '-finstrument-functions';
		system("$cc -O0 -g $hook $cflags -I$builddir -iquote $srcdir/src "
		    . "-DSYSCONFDIR='\"/etc\"' -DLOCALSTATEDIR='\"/var\"' " .
		    "-DLIBEXECDIR='\"/usr/libexec\"' " .
		    "-c $path -o $dir/$name.o 2>$dir/errors") == 0
		    or return 0;
		push @objects, "$dir/$name.o";
	}
	return system("$cc -o $dir/dewey @objects $libs 2>$dir/errors") == 0;
}

# Sessions of every kind: each is [flags, lines].
sub sessions {
	my ($mail) = @_;
	my $uid = Accounts::uid('dwmrose');
	my $hash = Accounts::sha512('pw');
	Dewey::write_file('/traced-secrets', "dwmrose:tanstaaf\n");
	Dewey::write_file('/traced-list', "dwmrose\ndwfrated\n");
	Dewey::write_file('/traced-users', "# two\ndwmrose:$hash:$uid:${uid}::/:\n"
	    . "virtual:{CRYPT}$hash\nno line\n");
	Dewey::write_file('/traced.conf', "# all\nfail-delay = 0\n" .
	    "sandbox = none\nlog = stderr\nlocks = dotlock, fcntl\n");
	Dewey::write_file('/traced-bad.conf', "nonsense = 1\n");
	chown 0, 0, glob '/traced*';
	my @pass = ('USER dwmrose', 'PASS pw');
	my @users = ('--users=/traced-users', '--mail-user=dwfrated');
	return (
		[[], 'USER dwmrose', 'PASS no', @pass, 'DELE 1', 'QUIT'],
		[['--strip-domain=a,b'], @pass, 'QUIT'],
		[['--log=syslog'], @pass, 'QUIT'],
		[['--secrets=/traced-secrets'], 'APOP dwmrose x', 'APOP', 'QUIT'],
		[['--secrets=/traced-secrets', '--allow=/traced-list',
		    '--deny=/traced-secrets'], @pass, 'USER dwfrated', 'PASS pw'],
		[['--hide-users=no', '--secrets=/traced-secrets'], 'USER dwgone',
		    'USER dwmrose', 'QUIT'],
		[\@users, @pass, 'QUIT'],
		[\@users, 'USER virtual', 'PASS pw', 'QUIT'],
		[['--users=/absent'], @pass, 'QUIT'],
		[['--passwords=saslauthd:/absent/mux'], @pass, 'QUIT'],
		[['--mailbox=%h/absent/x'], @pass, 'QUIT'],
		[['--mailbox=/etc/passwd'], @pass, 'QUIT'],
		[['--mailbox=/dev/null'], @pass, 'QUIT'],
		[['--proxy=127.0.0.1', '--secrets=/traced-%i'], @pass, 'QUIT'],
		[['--cache-dir=/traced-cache'], @pass, 'QUIT'],
		# What is executed does not matter here.
		[['--tls=stls', '--tls-program=/bin/true'], 'STLS'],
		[['--tls=stls', '--tls-program=/bin/true'], @pass, 'QUIT'],
		[['--tls=stls', '--tls-program=/absent']],
		[['--tls=implicit', '--tls-program=/bin/true']],
		[['--gate-user=dwgone']], [['--gate-user=dwfrated'], 'QUIT'],
		[['--config=/traced-bad.conf']], [['--nonsense']],
		[[], ('USER dwmrose', 'PASS no') x 3],
	);
}

SKIP: {
	skip 'only root can be traced', 1 if $>;
	skip 'a tool watches the processes', 1 if Dewey::slow();
	skip 'there is no addr2line', 1
	    unless `addr2line --version 2>/dev/null` =~ /addr2line/;
	skip 'sanitizers have their own ways', 1
	    if ($ENV{BUILD_CFLAGS} // '') =~ /-fsanitize/;
	my $dir = Dewey::tmpdir();
	chmod 0755, $dir;
	trace($dir) or die 'a traced build cannot be made: ' .
	    Dewey::read_file("$dir/errors");
	$ENV{DEWEY} = "$dir/dewey";
	my $mail = Dewey::mbox("Subject: one\n\n" . 'x' x 70000 . "\n",
	    "Subject: two\n\nbody\n");
	Accounts::add('dwmrose', password => 'pw', home => 1);
	Accounts::add('dwfrated', password => 'pw');
	my $trace = "$dir/trace";
	for (sessions($mail)) {
		my ($flags, @lines) = @$_;
		Accounts::put('dwmrose', $mail);
		my $c = Dewey->start(!grep({ /^--config/ } @$flags) ?
		    '--config=/traced.conf' : (), @$flags, { as_root => 1,
		    env => { TRACE => $trace }, transport => 'tcp' });
		$c->send("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n")
		    if grep { /^--proxy/ } @$flags;
		$c->greeting;
		for my $line (@lines) {
			my $digest = $line ne 'APOP' ? '' : ' dwmrose ' .
			    md5_hex($c->timestamp . 'tanstaaf');
			$c->say($line . $digest);
		}
		$c->close;
		$c->exit_code;
	}
	my (%called, %seen);
	my @records = grep { !$seen{$_}++ } split /\n/,
	    Dewey::read_file($trace);
	cmp_ok scalar(@records), '>', 100, 'functions were traced';
	my @where = `addr2line -f -e \Q$dir\E/dewey @{[map { '0x' . (split)[0] }
	    @records]}`;
	for my $record (@records) {
		my ($name, $place) = map { chomp; $_ } splice @where, 0, 2;
		my ($file) = $place =~ m{([^/]+\.c):};
		my $phase = (split ' ', $record)[1];
		my $when = (qw(start serve become front))[$phase];
		my $function = "$file $name";
		$called{$function} = $when if !$called{$function} ||
		    $rank{$when} > $rank{ $called{$function} };
	}
	my @missing = map { "$called{$_} $_" } grep { !$when{$_} ||
	    $rank{ $when{$_} } < $rank{ $called{$_} } } sort keys %called;
	is join("\n", @missing), '', 'every function that ran as root is listed';
	note 'listed, but not called here: ', join ', ',
	    grep { !$called{$_} } sort keys %when;
}

done_testing;
