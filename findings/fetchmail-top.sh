#!/bin/sh
# SPDX-License-Identifier: ISC
# With which command a client fetches whole messages that it then deletes.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'a client that fetches whole messages and deletes them says RETR'
packages fetchmail=6.4.37-1

# A server of one message that notes the commands.
cat >server.pl <<'PERL'
use strict;
use warnings;
use IO::Socket::INET;
my $message = "From: ford\@example.org\r\nSubject: 1\r\n\r\nbody\r\n";
my $octets = length $message;
my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
    or die "listen: $!";
open my $port, '>', 'port.new' or die;
print {$port} $listener->sockport;
close $port;
rename 'port.new', 'port';
alarm 30;
my $client = $listener->accept;
$client->autoflush(1);
open my $log, '>', 'commands' or die;
$log->autoflush(1);
my %answer = (CAPA => "+OK\r\nUSER\r\nTOP\r\nUIDL\r\n.\r\n",
    STAT => "+OK 1 $octets\r\n", RETR => "+OK\r\n$message.\r\n",
    TOP => "+OK\r\n$message.\r\n", map { $_ => "+OK\r\n" }
    qw(USER PASS DELE NOOP QUIT));
print {$client} "+OK ready\r\n";
while (<$client>) {
	s/\r\n//;
	my ($verb, $n) = split ' ';
	print {$log} "$verb\n";
	print {$client} $verb eq 'LIST' && $n ? "+OK 1 $octets\r\n"
	    : $verb eq 'LIST' ? "+OK\r\n1 $octets\r\n.\r\n"
	    : $verb eq 'UIDL' && $n ? "+OK 1 one\r\n"
	    : $verb eq 'UIDL' ? "+OK\r\n1 one\r\n.\r\n"
	    : $answer{$verb} // "-ERR\r\n";
	last if $verb eq 'QUIT';
}
PERL

# Fetches with these words behind the user's name in the configuration; what
# was said is in $commands.
fetches() {
	rm -f port ids commands
	perl server.pl &
	server=$!
	started="$started $server"
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ ! -e port ] || break
		sleep 0.2
	done
	[ -e port ] || unavailable 'there is no server to fetch from'
	cat >rc <<-RC
	set no syslog
	set no bouncemail
	poll 127.0.0.1 protocol POP3 port $(cat port) timeout 10 no dns
	    user ford password secret sslproto '' is ford here $1
	    mda 'cat >>mail'
	RC
	chmod 600 rc
	timeout 30 fetchmail -f rc --pidfile "$dir/work/pid" \
	    -i "$dir/work/ids" >said 2>&1
	wait "$server"
	commands=$(paste -sd ' ' commands)
	saw "$2: $commands"
}

fetches '' 'as by default'
default=$commands
fetches fetchall 'with fetchall'
finding 'case $default in *RETR*) false ;; *TOP*DELE*) true ;;
    *) false ;; esac && case $commands in *RETR*DELE*) true ;;
    *) false ;; esac' \
    'fetchmail fetches by TOP unless it is told to fetch all messages'
