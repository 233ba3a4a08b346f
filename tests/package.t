#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# `make dist` makes the same tarball from the same tree wherever and whenever it
# is done.  contrib/debian builds from it with dpkg-buildpackage and satisfies
# lintian; installed, with the README's inetd line pasted, it serves a real
# account, here and in a fresh Debian; purged, it leaves nothing.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::SHA qw(sha256_hex);
use Rootfs;
use Spawner;
use Test::More;

plan skip_all => 'a package is being built' if $ENV{DEB_BUILD_ARCH};
plan skip_all => 'a tool watches the processes' if $ENV{DEWEY_WRAPPER};
my $srcdir = Spawner::srcdir();
plan skip_all => 'the sources have not been through autoreconf'
    unless -x "$srcdir/configure";
# As root, all of it happens in a root that is thrown away.
Rootfs::enter() unless $>;

my $dir = Dewey::tmpdir();
my $log = "$dir/log";
my $make = $ENV{MAKE} || 'make';
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES)};
# What a shell would say to its users, and what a test harness says; where
# programs are unpacked is said beside the build directory only.
$ENV{DEWEY_UNPACKED} = Spawner::unpacked();
delete @ENV{qw(builddir DEWEY_ROOTFS)};

# Runs a command of the shell in a directory; true if it succeeds.
sub sh {
	my ($where, $command) = @_;
	return 1 if system('sh', '-c', 'cd "$1" && eval "$2" >>"$3" 2>&1 ' .
	    '</dev/null', 'sh', $where, $command, $log) == 0;
	my @lines = split /^/, -e $log ? Dewey::read_file($log) : '';
	splice @lines, 0, @lines - 40 if @lines > 40;
	diag "$command\n", @lines;
	return 0;
}

my ($version) = Dewey::read_file("$srcdir/configure.ac") =~
    /^AC_INIT\(\[dewey\], \[([^\]]+)\]/m;
like Dewey::read_file("$srcdir/contrib/debian/changelog"),
    qr/\Adewey \(\Q$version\E-\d+\) /, 'the changelog has the version';

# ---- The tarball, from two copies of the tree: other times, other modes that
# no one means, another user's umask, another directory.

$ENV{SOURCE_DATE_EPOCH} = 1767225600;
my $tarball = "dewey-$version.tar.gz";
my @digests;
for my $n (1, 2) {
	my $top = "$dir/" . 'copy' x $n;
	mkdir $top;
	my $umask = umask($n == 1 ? 022 : 077);
	my $touch = $n == 1 ? 'true' : 'find . -exec touch -d 2001-01-01 {} +';
	# configure's answers are the same.
	sh($top, "mkdir tree obj && (cd '$srcdir' && tar -cf - " .
	    "--exclude=./build --exclude=./.git --exclude='*.o' .) | " .
	    "tar -C tree -xf - && cd tree && chmod -R u+w . && $touch && " .
	    "rm -f Makefile config.status config.h stamp-h1 && " .
	    "cd ../obj && ../tree/configure -q --cache-file=$dir/cache && " .
	    "$make dist") or last;
	umask $umask;
	push @digests, sha256_hex(Dewey::read_file("$top/obj/$tarball"));
}
is scalar(@digests), 2, "make dist ($tarball)" or done_testing, exit 1;
is $digests[1], $digests[0], 'the same tarball from two copies of the tree';
my @names = split /\n/, `tar -tzf $dir/copy/obj/$tarball`;
is join(' ', grep { !m{^dewey-\Q$version\E/} } @names), '',
    '... with everything below one directory';
is join(' ', grep { m{\.(?:o|log|trs|orig|rej)$|~$|/\.deps/|/build/} } @names),
    '', '... and nothing that a build left';
my %names = map { s{^[^/]+/}{}r => 1 } @names;
is join(' ', grep { !$names{$_} } map { s{^\Q$srcdir\E/}{}r } grep { -f }
    glob "$srcdir/{src/*/*.[ch],tests/unit/*/*.c,tests/*.{t,pm,pl},contrib/*/*,doc/*,doc/*/*,findings/*}"), '',
    '... of the sources, tests, contrib and doc nothing is missing';

# ---- The package

for (qw(dpkg-buildpackage dh)) {
	next if Spawner::program($_);
	SKIP: { skip "$_ is not installed", 1 }
	done_testing;
	exit;
}
my $build = "$dir/build";
mkdir $build;
$ENV{DEB_BUILD_OPTIONS} = 'nocheck parallel=2';
ok sh($build, "cp ../copy/obj/$tarball dewey_$version.orig.tar.gz && " .
    "tar -xzf dewey_$version.orig.tar.gz && cd dewey-$version && " .
    'cp -r contrib/debian debian && dpkg-buildpackage -us -uc -b'),
    'dpkg-buildpackage' or done_testing, exit 1;
my ($deb) = grep { !/dbgsym/ } glob "$build/dewey_*.deb";
ok defined $deb, 'a package' or done_testing, exit 1;

my %in = map { (split ' ')[5] => 1 } split /\n/, `dpkg-deb -c $deb`;
$in{$_ =~ s{^\./usr/lib/}{./lib/}r} //= 1 for keys %in;
is join(' ', grep { !$in{"./$_"} } qw(usr/sbin/dewey
    usr/share/man/man8/dewey.8.gz usr/share/man/man5/dewey.conf.5.gz
    lib/systemd/system/dewey.socket lib/systemd/system/dewey@.service
    lib/systemd/system/dewey-pop3s.socket
    lib/systemd/system/dewey-pop3s@.service usr/libexec/dewey-tls
    usr/share/bash-completion/completions/dewey
    usr/share/zsh/vendor-completions/_dewey
    usr/share/doc/dewey/examples/inetd/inetd.conf
    usr/share/doc/dewey/examples/sessions-report)), '',
    'what a user looks for is in it';

# Ports that systemd has open stay so in an upgrade, and not without the package.
ok sh($build, "dpkg-deb -e $deb $build/control"), 'dpkg-deb -e';
is join(' ', grep { -e "$build/control/$_"
    && Dewey::read_file("$build/control/$_") =~ /\bstop\b.*dewey/ }
    qw(preinst postinst prerm postrm)), 'prerm',
    'sockets are stopped by prerm alone';
like Dewey::read_file("$build/control/prerm"),
    qr/= remove \].*\n.*stop dewey\.socket dewey-pop3s\.socket/,
    '... when the package is removed';

# The links of the documents, as they are installed.
ok sh($build, "dpkg-deb -x $deb $build/in"), 'dpkg-deb -x';
my @lost;
my @documents = glob "$build/in/usr/share/doc/dewey/{*.md,doc/*.md}";
for my $path (@documents) {
	my ($where) = $path =~ m{(.*)/};
	for my $link (Dewey::read_file($path) =~ /\]\(([^()\s#:]+)[^()\s]*\)/g) {
		push @lost, "$path: $link" unless -e "$where/$link";
	}
}
cmp_ok scalar @documents, '>', 8, 'documents are in it';
is join(', ', @lost), '', '... and their links lead somewhere';

SKIP: {
	my $lintian = Spawner::program('lintian')
	    or skip 'lintian is not installed', 1;
	my $said = `$lintian --allow-root --tag-display-limit 0 $build/dewey_*.changes 2>&1`;
	diag $said if $said =~ /\S/;
	is join('', grep { /^E:/ } split /^/, $said), '',
	    'lintian has no errors';
	is join('', grep { /^W:/ } split /^/, $said), '', '... no warnings';
}

# ---- Installed, used, purged

$ENV{DEBIAN_FRONTEND} = 'noninteractive';

# A real account in the root ${root}, its password as Debian stores it.
sub account {
	my ($root, $name, $password) = @_;
	my $hash = crypt $password, '$y$j9T$' . 'dewey.dewey.dewey.';
	$hash = crypt $password, '$6$dewey' unless defined $hash
	    && $hash =~ /^\$y\$/;
	sh('/', "chroot '$root' useradd -m -p '$hash' $name");
	my ($uid) = Dewey::read_file("$root/etc/passwd") =~
	    /^\Q$name\E:[^:]*:(\d+):/m or die "no account $name";
	my ($gid) = Dewey::read_file("$root/etc/group") =~ /^mail:[^:]*:(\d+):/m;
	my $box = Dewey::write_file("$root/var/mail/$name", Spawner::mbox(),
	    0660);
	chown $uid, $gid, $box;
	return $box;
}

# Whether the root ${root} has an inetd: the one that is unpacked beside the build,
# which may have brought libraries, or the one of this machine.
sub has_inetd {
	my ($root) = @_;
	return 1 if -x "$root/usr/sbin/inetd" || Rootfs::lay($root, 'inetd');
	return -x '/usr/sbin/inetd' &&
	    sh('/', "cp -a /usr/sbin/inetd $root/usr/sbin");
}

# The installed packages that have the libraries of the program ${name}; those
# that are only unpacked come with it.
sub libraries_of {
	my ($name) = @_;
	my $program = Spawner::program($name) or return;
	my @names = map { /^\s+(\S+) =>/ } `ldd \Q$program\E 2>/dev/null`
	    or return;
	my %packages = map { $_ => 1 } map { /^([a-z0-9.+-]+)(?::\w+)?: / ? $1 : () }
	    qx{dpkg-query -S @{[map { "'*/$_'" } @names]} 2>/dev/null};
	return sort keys %packages;
}

# The README's line for inetd pasted in the root ${root}, where the package is
# installed: a client fetches and deletes the mail of an account.
sub serves {
	my ($root) = @_;
	my ($line) = Dewey::read_file("$srcdir/README.md") =~
	    /^\s+(pop3\s+stream\s+tcp\s.*dewey)\s*$/m;
	ok defined $line, 'README has a line for inetd' or
	    ($line) = Spawner::contrib('inetd/inetd.conf') =~ /^(pop3\s.*)$/m;
	Dewey::write_file("$root/etc/inetd.conf", "$line\n", 0644);
	my $box = account($root, 'ford', 'correct horse');
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		open STDOUT, '>', '/dev/null';
		open STDERR, '>&', \*STDOUT;
		exec 'chroot', $root, 'inetd', '-i', '/etc/inetd.conf'
		    or POSIX::_exit(127);
	}
	for (1 .. 200) {
		last if Spawner::listens($pid, 110);
		Time::HiRes::sleep(0.05);
	}
	require Net::POP3;
	my $pop = Net::POP3->new('127.0.0.1', Timeout => 20);
	ok $pop, 'inetd starts dewey on port 110';
	is $pop && $pop->login('ford', 'correct horse'), 3,
	    'a client logs in to a real account'
	    or diag $pop ? $pop->message : 'nothing listens';
	is $pop && Spawner::difference(join('', @{ $pop->get(3) // [] }),
	    Spawner::message(3)), 'none', '... gets a message, octet for octet';
	ok $pop && $pop->delete(2) && $pop->quit, '... deletes one';
	is Spawner::difference(Dewey::read_file($box), Spawner::mbox(1, 3)),
	    'none', '... which is gone';
	kill 'TERM', $pid;
	waitpid $pid, 0;
}

SKIP: {
	skip 'this needs root', 1 if $>;
	# Other POP3 servers' and MTAs' scripts are not wanted here.
	ok sh('/', "dpkg -i $deb"), 'dpkg -i'
	    or skip 'it is not installed', 1;
	like `/usr/sbin/dewey --version`, qr/^dewey \Q$version\E$/, 'dewey --version';
	ok defined getpwnam $_, "the user $_"
	    for qw(dewey-gate dewey-judge dewey-wait);
	is system('/usr/sbin/dewey --check-config >/dev/null 2>&1') >> 8, 0,
	    'dewey --check-config as installed';
	SKIP: {
		skip 'inetd is not installed', 1
		    unless has_inetd('/');
		serves('/');
	}
	ok sh('/', 'dpkg --purge dewey'), 'dpkg --purge';
}

# The same in a fresh Debian, of which nobody has used anything and which nobody
# else writes to: what every Debian has, inetd, and what apt would install for
# this package.
subtest 'a fresh Debian' => sub {
	plan skip_all => 'this needs root' if $>;
	my $needs = `dpkg-deb -f $deb Depends`;
	my @libraries = libraries_of('inetd');
	my $root = Rootfs::fresh('/fresh', 'netbase', @libraries,
	    map { /^([a-z0-9.+-]+)/ ? $1 : () } split /,\s*/, $needs)
	    or plan skip_all => 'no Debian whose files could be copied';
	has_inetd($root) or plan skip_all => 'inetd is not there';
	sh('/', "cp $deb $root/tmp/dewey.deb");
	my $find = "cd $root && find . -path ./proc -prune -o -path ./run " .
	    '-prune -o -path ./var/lib/dpkg -prune -o -path ./var/log -prune ' .
	    '-o -path ./var/cache/debconf -prune -o -print | sort';
	my $before = `$find`;
	ok sh('/', "chroot $root dpkg -i /tmp/dewey.deb"), 'dpkg -i' or return;
	ok sh('/', "chroot $root dewey --check-config"), 'dewey --check-config';
	serves($root);
	ok sh('/', "chroot $root dpkg --purge dewey"), 'dpkg --purge';
	unlink map { "$root/var/mail/$_" } qw(ford .ford.dewey);
	sh('/', "chroot $root userdel -r ford");
	my %before = map { $_ => 1 } split /\n/, $before;
	is join(' ', grep { !$before{$_} && !m{^\./etc/(?:inetd\.conf|.*-$)} }
	    split /\n/, `$find`), '', 'nothing is left';
};

done_testing;
