/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the users file: the input is a name, a NUL, the file, and an octet of
 * settings; then the file as a list of names that are let in or kept out.
 * Nobody is found who does not stand there, and root never.
 */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "who/users.h"

static void
check(const struct users *users, struct span name, bool has_secret,
    struct span file)
{
	struct users_entry *entry = malloc(sizeof(*entry));
	char prefix[LIMITS_NAME + 2];
	int found;

	FUZZ_CHECK(entry != NULL);
	memset(entry, 'x', sizeof(*entry));
	found = users_find(users, name, has_secret ? USERS_SECRET : USERS_PASSWORD,
	    entry);
	FUZZ_CHECK(found == 0 || found == 1);
	if (found == 1) {
		FUZZ_CHECK(users_can_be(name));
		FUZZ_CHECK(span_equal(span_of(entry->name), name));
		FUZZ_CHECK(strnlen(entry->home, sizeof(entry->home)) <
		    sizeof(entry->home));
		FUZZ_CHECK(strnlen(entry->hash, sizeof(entry->hash)) <
		    sizeof(entry->hash));
		FUZZ_CHECK(entry->uid != 0);
		memcpy(prefix, name.p, name.n);
		prefix[name.n] = ':';
		FUZZ_CHECK(has_secret || memmem(file.p, file.n, prefix,
		    name.n + 1) != NULL);
		users_forget(entry);
	}
	FUZZ_CHECK(entry->name[0] == '\0' && entry->hash[0] == '\0');
	free(entry);
}

void
fuzz_users(struct span input)
{
	unsigned settings = fuzz_number(&input, 15);
	struct span file = input, name = span_cut(&file, '\0');
	const char *path = fuzz_path(file);
	struct records_file open;
	struct users users = { .by_root = (settings & 1) == 0 };
	bool has_secret = (settings & 2) != 0;

	FUZZ_CHECK(records_open(&open, path, 022) == 0);
	users.file = open;
	check(&users, name, has_secret, file);
	if ((settings & 4) != 0)
		users.allow = open;
	if ((settings & 8) != 0)
		users.deny = open;
	check(&users, name, has_secret, file);
	records_close(&open);
}
