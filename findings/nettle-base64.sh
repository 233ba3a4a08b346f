#!/bin/sh
# SPDX-License-Identifier: ISC
# What Nettle takes for base64.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'it takes what RFC 4648 calls base64, blanks perhaps: four letters are at' \
    'least one octet, so of the last four at most two are ='
packages nettle-dev=3.8.1-2 libnettle8=3.8.1-2
command -v cc >/dev/null || unavailable 'there is no cc'
cat >decode.c <<'C'
#include <stdio.h>
#include <string.h>

#include <nettle/base64.h>

int
main(int argc, char **argv)
{
	struct base64_decode_ctx base64;
	uint8_t octets[100];
	size_t n = 0;
	int update, final;

	(void)argc;
	base64_decode_init(&base64);
	update = base64_decode_update(&base64, &n, octets, strlen(argv[1]),
	    argv[1]);
	final = base64_decode_final(&base64);
	if (update == 1 && final == 1)
		printf("%zu\n", n);
	else
		puts("refused");
	return 0;
}
C
cc -I"$root/usr/include" -o decode decode.c \
    "$(echo "$root"/usr/lib/*/libnettle.so.8)" >compiled 2>&1 ||
    unavailable "$(tail -n 1 compiled)"
for text in Zg== Zg=== Z=== A=== Zm9vA===; do
	got=$(./decode "$text")
	saw "$text: $got"
	all="${all-}$got "
done
finding '[ "$all" = "1 refused refused 0 3 " ]' \
    'Nettle takes a letter A and three = for no octet at all'
