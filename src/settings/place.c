/* SPDX-License-Identifier: ISC */
/*
 * %i in options.
 */
#include "config.h"

#include <string.h>

#include "settings/options.h"
#include "settings/place.h"

/* The ${text} of an option of such a row; NULL if it is none, or not given, or
 * has no %i. */
static const char *
placed_text(const struct options *options, const struct options_row *row)
{
	const char *text = row->kind->placed ?
	    *(const char *const *)((const char *)options + row->field) : NULL;

	return text == NULL || strstr(text, "%i") == NULL ? NULL : text;
}

bool
place_matters(const struct options *options)
{
	for (const struct options_row *row = options_rows; row->name != NULL;
	    row++)
		if (placed_text(options, row) != NULL)
			return true;
	return false;
}

int
place_put(struct options *options, const char *address)
{
	char text[LIMITS_OPTIONS];
	size_t n = strlen(address);

	for (const struct options_row *row = options_rows; row->name != NULL;
	    row++) {
		const char *from = placed_text(options, row);
		size_t at = 0;

		if (from == NULL)
			continue;
		while (*from != '\0' && at + n + 2 < sizeof(text)) {
			if (from[0] == '%' && from[1] == 'i') {
				memcpy(text + at, address, n);
				at += n;
				from += 2;
				continue;
			}
			/* Of %% neither half begins another letter. */
			if (from[0] == '%' && from[1] != '\0')
				text[at++] = *from++;
			text[at++] = *from++;
		}
		if (*from != '\0' || row->kind->read(options, row,
		    (struct span){ text, at }) != NULL)
			return -1;
	}
	return 0;
}
