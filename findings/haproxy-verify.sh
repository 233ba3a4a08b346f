#!/bin/sh
# SPDX-License-Identifier: ISC
# What HAProxy writes into `verify' of PROXY v2's SSL part when no client
# certificate was asked for.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'as its specification says: zero only if a certificate was verified'
packages haproxy=2.6.12-1+deb12u4 openssl=3.0.22-1~deb12u2 liblua5.3-0 \
    libssl3 libpcre2-8-0
openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -days 2 \
    -subj /CN=pop.example.org >/dev/null 2>&1
cat c k >pem

# Notes the header in hexadecimal, and ends.
cat >back.pl <<'PERL'
use strict;
use warnings;
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1');
my $front = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1');
my @ports = map { $_->sockport } $listener, $front;
close $front;
open my $out, '>', 'ports.new' or die;
print {$out} "@ports\n";
close $out;
rename 'ports.new', 'ports';
alarm 30;
my $client = $listener->accept;
sysread $client, my $header, 536;
open my $hex, '>', 'header.new' or die;
print {$hex} unpack('H*', $header), "\n";
close $hex;
rename 'header.new', 'header';
PERL
perl back.pl &
server=$!
started="$started $server"
await ports
read -r back front <ports
cat >cfg <<CFG
defaults
    mode tcp
    timeout connect 5s
    timeout client 10s
    timeout server 10s
listen pop3s
    bind 127.0.0.1:$front ssl crt pem
    server one 127.0.0.1:$back send-proxy-v2-ssl
CFG
haproxy -db -f cfg >log 2>&1 &
started="$started $!"
for i in 1 2 3 4 5 6 7 8 9 10; do
	echo | timeout 3 openssl s_client -connect "127.0.0.1:$front" >said 2>&1
	[ ! -e header ] || break
	sleep 0.3
done
await header
# Type 0x20, two octets of length, the client octet, four of verify.
ssl=$(sed -n 's/^.\{56\}.*20....\(..\)\(........\)21.*/client \1 verify \2/p' header)
saw "$ssl"
finding '[ "$ssl" = "client 01 verify 00000000" ]' \
    'HAProxy says verify=0 of who showed no certificate'
