#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The program is built as hard as its compiler can: each flag that configure
# kept shows in the binary.  (SECURITY, STYLE: hardening by default.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Test::More;

my $binary = Dewey::binary(1);
plan skip_all => 'readelf is not installed'
    unless `readelf --version 2>/dev/null` =~ /readelf/;

# What configure decided.
my $makefile = ($ENV{builddir} // '.') . '/Makefile';
plan skip_all => 'there is no Makefile of configure' unless -r $makefile;
my %made = Dewey::read_file($makefile) =~ /^(\w+) = ?(.*)$/gm;
my $flags = join ' ', '', map({ $made{$_} // '' } qw(HARDEN_CFLAGS
    HARDEN_LDFLAGS CFLAGS CPPFLAGS LDFLAGS)), '';
plan skip_all => 'a static program is left as it was asked for'
    if $flags =~ / -static/;

sub readelf { return scalar `readelf -W @_ \Q$binary\E 2>/dev/null` }
my ($head, $segments, $dynamic, $symbols) = map { readelf($_) }
    qw(-h -l -d --dyn-syms);
plan skip_all => 'sanitizers have their own ways'
    if $dynamic =~ /lib[a-z]+san\b/ || $flags =~ /-fsanitize/;
like $head, qr/^ELF Header/, 'an ELF file' or BAIL_OUT('readelf');

# check(flag, what, true or false): only where the flag was kept.
sub check {
	my ($flag, $what, $is) = @_;
	SKIP: {
		skip "$what: the compiler lacks $flag", 1
		    unless $flags =~ / \Q$flag\E/;
		ok $is, "$flag: $what";
	}
}

check('-pie', 'the program can be anywhere', $head =~ /Type: +DYN/);
check('-Wl,-z,relro', 'what is relocated is read-only then',
    $segments =~ /^ *GNU_RELRO /m);
check('-Wl,-z,now', '... all of it, at the start',
    $dynamic =~ /\(BIND_NOW\)|\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*\bNOW\b/);
check('-fstack-protector-strong', 'canaries are checked',
    $symbols =~ / __stack_chk_fail\b/);
check('-D_FORTIFY_SOURCE', 'sizes are checked',
    $symbols =~ / __[a-z]+_chk\b(?!_fail)/);
# The mark goes into the program only if the start files of libc have it too.
my $objects = `readelf -W -n \Q$ENV{builddir}\E/libdewey.a 2>/dev/null`;
my ($members, $marked) = (scalar(() = $objects =~ /^File: /gm),
    scalar(() = $objects =~ /feature: .*\b(?:SHSTK|PAC)\b/g));
check('-fcf-protection=return', 'every object is made for guarded returns',
    $members && $members == $marked) if $head =~ /X86-64|80386/;
check('-mbranch-protection=standard',
    'every object is made for guarded returns',
    $members && $members == $marked) if $head =~ /AArch64/;

# What holds for every build.
my ($stack) = $segments =~ /^ *GNU_STACK +\S+ +\S+ +\S+ +\S+ +\S+ +([RWE ]+?) +0/m;
is $stack, 'RW', 'the stack cannot be run';
is_deeply [$segments =~ /^ *LOAD .* (RWE) /gm], [],
    'nothing can be written and run';
unlike $dynamic, qr/\((?:RPATH|RUNPATH)\)/, 'no path of libraries is built in';
unlike $dynamic, qr/TEXTREL/, 'no relocation in the text';
my @needed = sort map { s/\.so.*//r } $dynamic =~ /\(NEEDED\).*\[(.*?)\]/g;
is_deeply [grep { !/^(?:libc|libcrypt|libnettle|ld-[\w-]+)$/ } @needed], [],
    'no library but libc, libcrypt and nettle';
is((stat $binary)[2] & 06000, 0, 'not setuid, not setgid');

done_testing;
