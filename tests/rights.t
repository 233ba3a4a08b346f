#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Rights, too many and too few: doc/SECURITY.md shows all that tests/data/rights
# has of each process, and nothing else.  Root that lacks a right which dewey
# needs to give up the others serves nobody, and says so: to the client that the
# server is misconfigured, to the log which right it is.  A file that lends
# rights refuses.  (SECURITY "The processes", "Every right".)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Rights;
use Test::More;
use Tls;

my $misconfigured = '-ERR [SYS/PERM] server is misconfigured';

Accounts::enter() if !$> && !Dewey::slow() && !$ENV{DEWEY_WRAPPER};

# Starts dewey as root by ${wrapper}; ${log} must be what it logs first.
sub is_refused {
	my ($name, $wrapper, $log, @flags) = @_;
	my $c = Accounts::start('--sandbox=none', @flags, {
	    wrapper => $wrapper, transport => 'tcp' });
	is $c->greeting, $misconfigured, "$name: the client is told";
	is $c->rest, '', '... and no more';
	is $c->exit_code, 100, '... exit code';
	like $c->stderr, $log, '... the log names it';
	return;
}

SKIP: {
	skip 'this needs root', 1 if $> || $ENV{DEWEY_WRAPPER};
	skip 'a tool watches the processes', 1 if Dewey::slow();
	for my $name (qw(setuid setgid sys_chroot)) {
		my @wrapper = ('setpriv', "--bounding-set=-$name",
		    "--inh-caps=-$name");
		skip 'setpriv is not installed', 1
		    if system("@wrapper true 2>/dev/null") != 0;
		my $right = 'CAP_' . uc $name;
		my $log = qr/it lacks $right, .*give it to what/;
		is_refused("without $right", \@wrapper, $log);
		is_refused("... and with $_", \@wrapper, $log, $_)
		    for '--proxy=127.0.0.1', '--gate-user=daemon';
	}
	# The kernel may deny what the capabilities allow, as in containers.
	for my $call (qw(setgroups setresgid setresuid chroot)) {
		my @wrapper = ('strace', '-f', '-qq', '-o', '/dev/null',
		    '-e', "inject=$call:error=EPERM");
		skip 'strace does not work here', 1
		    if system("@wrapper true 2>/dev/null") != 0;
		my $log = qr/the (?:gate|judge) cannot give up root's rights: /;
		$log = qr/$log${\($call =~ s{res}{}r)}\(2\): Operation/;
		is_refused("where $call is denied", \@wrapper, $log, @$_)
		    for [], ['--proxy=127.0.0.1'];
	}
}

SKIP: {
	skip 'this needs root', 1 if $> || $ENV{DEWEY_WRAPPER};
	my $copy = '/lent-dewey';
	for my $program (Dewey::binary(1), -x Tls::built() ? Tls::built() : ()) {
		my ($name) = $program =~ m{/(dewey(?:-tls)?)[^/]*\z};
		for my $bit (04755, 02755) {
			Dewey::write_file($copy, Dewey::read_file($program));
			chown 0, 0, $copy;
			chmod $bit, $copy;
			my $as = 'setpriv --reuid=1 --regid=1 --clear-groups';
			my $said = qx{$as $copy --version 2>&1};
			is $? >> 8, 100, sprintf '%s, %o: refused', $name, $bit;
			like $said, qr/\A$name: must not lend rights: .*\n\z/,
			    '... by one line';
			like qx{$copy --version 2>&1}, $name eq 'dewey' ?
			    qr/^dewey \d/ : qr/^(?!.*must not lend)/,
			    '... root gets none lent';
		}
	}
}
{
	my $srcdir = $ENV{srcdir} // '.';
	my ($section) = Dewey::read_file("$srcdir/doc/SECURITY.md") =~
	    /^## Every right\n(.*?)^## /ms;
	my @is = grep { /^\|/ } split /\n/, $section // '';
	my @must = grep { /^\|/ } split /\n/,
	    Rights::tables("$srcdir/tests/data/rights");
	is_deeply \@is, \@must, 'doc/SECURITY.md has what tests/Rights.pm '
	    . 'makes of tests/data/rights';
}

done_testing;
