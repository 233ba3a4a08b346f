#!/bin/sh
# SPDX-License-Identifier: ISC
# What reaches a client through stunnel's `protocol = pop3' in front of a server
# that has no TLS.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'what the server says, as it says it, but for STLS in its answer to CAPA'
packages stunnel4=3:5.68-2+deb12u1 openssl=3.0.22-1~deb12u2 libssl3 libwrap0
openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -days 2 \
    -subj /CN=pop.example.org >/dev/null 2>&1
cat c k >pem
chmod 600 pem

serve '+OK ready <1.2@pop.example.org>' 'CAPA=+OK|USER|UIDL|RESP-CODES|.' \
    'QUIT=+OK'
perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1,
    LocalAddr => "127.0.0.1")->sockport, "\n"' >front
front=$(cat front)
cat >cfg <<CFG
foreground = yes
pid =
[pop3]
cert = pem
accept = 127.0.0.1:$front
connect = 127.0.0.1:$port
protocol = pop3
CFG
stunnel4 cfg >log 2>&1 &
started="$started $!"
perl -MIO::Socket::INET -e '
	my $s;
	for (1 .. 25) {
		last if $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]");
		select undef, undef, undef, 0.2;
	}
	alarm 15;
	print scalar <$s>;
	print {$s} "CAPA\r\n";
	while (<$s>) { print; last if /^\.\r/ }
' "$front" | tr -d '\r' >said
saw "$(paste -sd '/' said)"
finding 'grep -qF "+OK ready <1.2@pop.example.org> + stunnel" said &&
    grep -qx STLS said && ! grep -qE "^(UIDL|RESP-CODES)" said' \
    'stunnel writes into the greeting and answers CAPA by itself, with STLS alone'
