#!/bin/sh
# SPDX-License-Identifier: ISC
# What inetd does when a service is started more often than it allows.  Takes
# about a minute.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'above the limit of starts a minute (nowait.3) inetd does the same on' \
    'each port'
packages openbsd-inetd='0.20221205-2~deb12u1' libbsd0 libevent-2.1-7 libmd0 \
    libtirpc3 libwrap0 libnsl2
command -v ip >/dev/null || unavailable 'there is no ip(8)'
# A network of its own, in which ports below 1024 are free and may be taken.
user=-r
[ "$(id -u)" -ne 0 ] || user=
unshare $user -n true 2>/dev/null || unavailable 'no network namespaces'

printf '%s stream tcp nowait.3 root /bin/echo echo hello\n' \
    127.0.0.1:110 127.0.0.1:1110 >conf
cat >ask.pl <<'PERL'
use IO::Socket::INET;
alarm 10;
my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]")
    or print("refused\n"), exit;
print <$s> // "closed\n";
PERL
cat >inside <<'SH'
ip link set lo up
inetd -i "$PWD/conf" >/dev/null 2>&1 &
inetd=$!
trap 'kill "$inetd"' EXIT
trap 'exit 1' HUP INT TERM
sleep 1
for port in 110 1110; do
	for i in 1 2 3 4 5; do
		perl ask.pl $port
		sleep 0.2
	done >first.$port
done
sleep 62
for port in 110 1110; do
	perl ask.pl $port >later.$port
done
SH
unshare $user -n sh inside
for port in 110 1110; do
	saw "port $port: $(paste -sd ' ' first.$port);" \
	    "62 seconds later: $(cat later.$port)"
done
finding '[ "$(cat later.110)" = refused ] && [ "$(cat later.1110)" = hello ]' \
    'above its limit inetd closes a port below 1024, but not one above'
