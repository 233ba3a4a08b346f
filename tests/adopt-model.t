#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# A random model of a mailbox whose unique-ids were adopted: equal messages,
# deliveries, mail readers that edit Status, drop or sort messages, in place or by
# rename, backups that come back, DELE with and without UIDL before.  An adopted
# id stands at a message with the octets that it was adopted for, or nowhere; of
# those that are left none is missing; none that was deleted comes back.
# DEWEY_SEED, DEWEY_LONG.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Test::More;

my $seed = $ENV{DEWEY_SEED} // time;
srand $seed;
note "seed $seed";

my ($site, $path, @flags, @box, %adopted, %gone, @backup, $kept);

sub text {
	my ($key, $status) = @_;
	return "From a\@b Mon Jan  1 00:00:00 2024\n" .
	    ($status ? "Status: $status\n" : '') . "Subject: m$key\n" .
	    "X-UIDL: forged$key\n\nbody $key\n" .
	    'x' x ($key % 7 * 300) . "\n\n";
}

sub written { return join '', map { text(@$_) } @box }

# Another program writes the mailbox: in its place, or a new one.
sub rewrite {
	my ($octets) = @_;
	return Dewey::write_file($path, $octets) if rand() < 0.5;
	Dewey::write_file("$path.new", $octets);
	rename "$path.new", $path or die "rename: $!";
}

sub session {
	my (@commands) = @_;
	my $c = $site->login('ann', @flags);
	my @ids;
	for my $command (@commands) {
		if ($command eq 'UIDL') {
			@ids = map { (split)[1] } split /\r\n/,
			    $c->multi('UIDL') // '';
		} else {
			$c->say($command);
		}
	}
	$c->say('QUIT');
	$c->close;
	$c->exit_code;
	return @ids;
}

my @wrong;

# What UIDL says, compared with the model.
sub compare {
	my @ids = session('UIDL');
	push @wrong, @ids . ' ids for ' . @box . ' messages' if @ids != @box;
	return @ids if @ids != @box;
	my (%seen, %bears, %count);
	for my $i (0 .. $#ids) {
		my ($id, $key) = ($ids[$i], $box[$i][0]);
		push @wrong, "$id twice" if $seen{$id}++;
		$count{$key}++;
		next unless $id =~ /^old-/;
		push @wrong, "$id stands at m$key"
		    unless grep { $_ eq $id } @{ $adopted{$key} // [] };
		push @wrong, "$id was deleted" if $gone{$id};
		$bears{$key}++;
	}
	for my $key (keys %count) {
		my $left = grep { !$gone{$_} } @{ $adopted{$key} // [] };
		my $must = $left < $count{$key} ? $left : $count{$key};
		push @wrong, "m$key: " . ($bears{$key} // 0) .
		    " adopted ids, not $must" if ($bears{$key} // 0) != $must;
	}
	return @ids;
}

my @steps = (
	sub {	# delivery
		push @box, [ int(1 + rand 14), '' ];
		open my $fh, '>>', $path or die "$path: $!";
		print {$fh} text(@{ $box[-1] });
		close $fh;
	},
	sub {	# what was read
		$_->[1] = ('', 'R', 'RO', 'O')[rand 4] for @box;
		rewrite(written());
	},
	sub {	# a reader deletes
		splice @box, int(rand @box), 1 if @box;
		rewrite(written());
	},
	sub {	# a reader sorts
		my %at = map { $_ => rand } 0 .. $#box;
		@box = @box[sort { $at{$a} <=> $at{$b} } 0 .. $#box];
		rewrite(written());
	},
	sub {	# dewey deletes: what nobody bears then is gone for ever
		my @ids = compare();
		my %deleted = map { $_ => 1 } grep { rand() < 0.3 } 1 .. @box;
		return unless %deleted && @ids == @box;
		session(rand() < 0.5 ? 'UIDL' : (),
		    map { "DELE $_" } sort { $a <=> $b } keys %deleted);
		my @stay = grep { !$deleted{ $_ + 1 } } 0 .. $#box;
		my %borne = map { $ids[$_] => 1 } @stay;
		$gone{$_} = 1 for grep { !$borne{$_} } map { @$_ }
		    values %adopted;
		@box = @box[@stay];
	},
	sub { session('STAT', 'DELE 1', 'RSET') },
	sub {	# a backup is made
		$kept = Dewey::read_file($path);
		@backup = map { [@$_] } @box;
	},
	sub {	# ... and comes back
		return unless defined $kept;
		rewrite($kept);
		@box = map { [@$_] } @backup;
	},
);

my $runs = $ENV{DEWEY_LONG} ? 200 : 8;
for my $run (1 .. $runs) {
	(%adopted, %gone, @backup, $kept) = ();
	@box = map { [ int(1 + rand 10), rand() < 0.3 ? 'RO' : '' ] } 1 .. 12;
	$site = Dewey->site(users => { ann => 'pw' },
	    mail => { ann => written() });
	$path = $site->mailbox('ann');
	@flags = rand() < 0.5 ? '--cache-dir=none' : ();
	my @old = map { "old-$run-$_" } 1 .. @box;
	push @{ $adopted{ $box[$_][0] } }, $old[$_] for 0 .. $#box;
	my $file = Dewey::write_file($site->dir . '/answers', "+OK\r\n" .
	    join('', map { $_ + 1 . " $old[$_]\r\n" } 0 .. $#old) . ".\r\n");
	my $c = Dewey->start("--adopt-ids=$file", $path,
	    { transport => 'pipe' });
	$c->rest;
	is $c->exit_code, 0, "run $run: the ids are adopted";
	@wrong = ();
	compare();
	for (1 .. 20) {
		$steps[rand @steps]->();
		compare() if rand() < 0.6;
	}
	compare();
	is "@wrong", '', "run $run: each id is where it belongs"
	    or diag "seed $seed";
}

done_testing;
