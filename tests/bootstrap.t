#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# README's two commands, one after the other in one clone: `./bootstrap try`
# does without cmocka, and `./bootstrap check` builds the unit tests when cmocka
# has come since.  `make check` in between says that configure has to be run
# again.  `check` says first how long it takes and what it installs, and nothing
# of that starts by itself.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Spawner;
use Test::More;

plan skip_all => 'a tool watches the processes' if $ENV{DEWEY_WRAPPER};
plan skip_all => 'a clone is not built for a sanitizer'
    if $ENV{ASAN_OPTIONS} || $ENV{DEWEY_PROFILES};
my $srcdir = Spawner::srcdir();
plan skip_all => 'the sources have not been through autoreconf'
    unless -x "$srcdir/configure";
for my $name (qw(autoreconf automake cc make mandoc pkg-config)) {
	plan skip_all => "$name is not installed"
	    unless Spawner::program($name);
}
plan skip_all => 'cmocka is not installed'
    if system('pkg-config --exists cmocka 2>/dev/null') != 0;
my $make = $ENV{MAKE} || 'make';
my $built = $ENV{builddir} || '.';
# What a harness says and a clone does not know.
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES srcdir builddir DEWEY
    HAVE_CMOCKA PKG_CONFIG BUILD_CFLAGS TEST_LOGS)};

my $dir = Dewey::tmpdir();
my $clone = "$dir/clone";
chmod 0755, $dir or die "$dir: $!";

# All programs but apt-get: nothing is installed for this.  pkg-config knows
# no cmocka while there is a file `hidden`.
mkdir "$dir/bin" or die "$dir/bin: $!";
for my $path (map { glob "$_/*" } split /:/, $ENV{PATH}) {
	my ($name) = $path =~ m{([^/]+)\z};
	symlink $path, "$dir/bin/$name"
	    unless $name =~ /^(?:apt-get|pkg-config)$/;
}
my $pkg_config = Spawner::program('pkg-config');
Dewey::write_file("$dir/bin/pkg-config", <<"SH", 0755);
#!/bin/sh
case " \$* " in *' cmocka '*) [ ! -e $dir/hidden ] || exit 1 ;; esac
exec $pkg_config "\$@"
SH
# A compiler that has compiled all this before: what the build that is tested
# has made is what it makes.
my $cc = Spawner::program('cc');
Dewey::write_file("$dir/bin/again", <<"SH", 0755);
#!/bin/sh
out= rules= before=
for word; do
	case \$before in -o) out=\$word ;; -MF) rules=\$word ;; esac
	before=\$word
done
[ -n "\$out" ] && [ -e "$built/\$out" ] || exec $cc "\$@"
[ -z "\$rules" ] || : >"\$rules"
cp "$built/\$out" "\$out"
SH
$ENV{PATH} = "$dir/bin";
$ENV{CONFIGURE_FLAGS} = "CC=again --cache-file=$dir/cache";

# The clone, with what autoreconf made of these sources: it would make it again.
mkdir $_ or die "$_: $!" for $clone, "$clone/build";
system("cd '$srcdir' && tar -cf - --exclude=./build --exclude=./.git " .
    "--exclude='*.o' --exclude='*.log' --exclude='*.trs' . | " .
    "tar -C '$clone' --no-same-owner -xf - && cd '$clone' && " .
    'chmod -R u+w . && rm -rf Makefile config.status && mkdir build/tree && ' .
    'cp -a aclocal.m4 Makefile.in configure config.h.in build-aux build/tree')
    == 0 or BAIL_OUT('no clone');

# Runs ./bootstrap; returns its exit code and what it said.
sub bootstrap {
	my ($command) = @_;
	my $said = qx{cd '$clone' && ./bootstrap $command 2>&1 </dev/null};
	return ($? >> 8, $said);
}

my $obj = "$clone/build/obj";
Dewey::write_file("$dir/hidden", '');
my ($code, $said) = bootstrap('try');
is $code, 0, './bootstrap try, without cmocka' or diag $said;
like Dewey::read_file("$obj/Makefile"), qr/^have_cmocka = no/m,
    '... which configure did not find';
is join(' ', glob "$obj/tests/unit/*/*-t"), '',
    '... and no unit test was built';

unlink "$dir/hidden";
$ENV{CHECK_TESTS} = 'tests/unit/cmocka.t';
$said = qx{cd '$obj' && $make check TESTS='$ENV{CHECK_TESTS}' 2>&1 </dev/null};
like $said, qr/^FAIL: .*the unit tests were not built/m,
    'make check says that configure did not see cmocka';

# An apt-get that notes what it is asked for and has nothing but what it is to
# install: all of that comes, but lintian, at which it fails.
Dewey::write_file("$dir/bin/apt-get", <<"SH", 0755);
#!/bin/sh
echo "\$* " >>$dir/asked
exit 1
SH
unlink map { "$dir/bin/$_" } qw(apt-cache dpkg-query);
Dewey::write_file("$dir/bin/apt-cache", "#!/bin/sh\nexit 0\n", 0755);
Dewey::write_file("$dir/bin/dpkg-query", <<"SH", 0755);
#!/bin/sh
for name; do :; done
[ "\$name" != lintian ] && [ -e $dir/asked ] &&
    grep -q "^install .* \$name " $dir/asked && echo installed
SH

# All of them are built, and some are run.
$ENV{CHECK_TESTS} .= ' tests/unit/base/span-t tests/unit/who/users-t';
($code, $said) = bootstrap('check');
is $code, 0, './bootstrap check, with cmocka' or diag $said;
like $said, qr/ 0 failed, 0 skipped$/m, '... skips nothing';
like $said, qr/^  \Q$_\E$/m, "... $_" for split ' ', $ENV{CHECK_TESTS};
my @units = map { s{^\Q$clone\E/(.*)\.c\z}{$1}r }
    glob "$clone/tests/unit/*/*-t.c";
cmp_ok scalar @units, '>', 30, '... all unit tests';
is join(' ', grep { !-x "$obj/$_" } @units), '', '... are built';

like $said, qr/\Abootstrap: check builds .* takes about \d+ minutes here\.$/m,
    './bootstrap check says first how long it takes';
my ($before) = $said =~ /\A(.*?)^bootstrap: building in /ms;
my @announced = $before =~ /[a-z0-9][a-z0-9.+-]+/g;
my ($listed) = Dewey::read_file("$srcdir/bootstrap") =~
    /^test_packages='(.*?)'$/ms;
my @installed = split ' ', $listed;
for my $what ('packages', 'unpacked', 'sources') {
	my ($all) = Dewey::read_file("$srcdir/bootstrap") =~
	    /^test_$what='(.*?)'$/ms;
	my %announced = map { $_ => 1 } @announced;
	is join(' ', grep { !$announced{$_} } split ' ', $all), '',
	    "... and test_$what";
}
my $asked = -e "$dir/asked" ? Dewey::read_file("$dir/asked") : '';
my %may = map { $_ => 1 } @installed;
my @orders = grep { /^install / } split /\n/, $asked;
is join(' ', grep { !$may{$_} && !/^(?:-|Dpkg::|install$)/ } map { split ' ' }
    @orders), '', '... and asks for no other package';
is join(' ', grep { !/ -o Dpkg::Options::=--force-confold / } @orders), '',
    '... and keeps the configuration that somebody wrote';
is join(' ', $said =~ /^bootstrap: (\S+) could not be installed$/mg),
    $> ? '' : 'lintian', '... and names what did not come, and only that';

# Debian's fetchmail starts only if START_DAEMON says so.
my @starting;
SKIP: {
	my $dpkg = (grep { -x } '/usr/bin/dpkg')[0]
	    or skip 'this is no Debian', 1;
	for my $package (grep { !/^(?:fetchmail|systemd)$/ } @installed) {
		push @starting, "$package: $_" for grep {
		    m{^(?:/usr)?/lib/systemd/system/[^@/]+\.(?:service|socket)$
		    |^/etc/init\.d/|^/etc/cron}x }
		    split /\n/, qx{$dpkg -L $package 2>/dev/null};
	}
	is join(', ', @starting), '', 'nothing of it starts by itself';
}
done_testing;
