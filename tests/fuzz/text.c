/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes what is done with small texts of strangers: the line inside a
 * dot-lock, a line of the log, a number, a name.
 */
#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "base/log.h"
#include "spool/owner.h"

/* Undo the escapes of ${shown}. */
static size_t
unescape(const char *shown, char *out)
{
	size_t n = 0;
	unsigned value;

	while (*shown != '\0')
		if (*shown == '\\') {
			FUZZ_CHECK(sscanf(shown, "\\x%2x", &value) == 1);
			out[n++] = (char)value;
			shown += 4;
		} else {
			out[n++] = *shown++;
		}
	return n;
}

static void
check_escape(struct span input)
{
	char *shown = malloc(LOG_ESCAPED(input.n));
	char *back = malloc(input.n + 1);

	FUZZ_CHECK(shown != NULL && back != NULL);
	FUZZ_CHECK(log_escape(input.p, input.n, shown) == shown);
	for (const char *c = shown; *c != '\0'; c++)
		FUZZ_CHECK(*c > ' ' && *c < 0x7f && *c != '"');
	FUZZ_CHECK(unescape(shown, back) == input.n &&
	    (input.n == 0 || memcmp(back, input.p, input.n) == 0));
	free(shown);
	free(back);
}

/* One line reaches the log, whatever it holds. */
static void
check_line(struct span input)
{
	FILE *saved = stderr, *log;
	char *text = strndup(input.p == NULL ? "" : input.p, input.n);
	char *line = NULL;
	size_t n = 0;

	log = open_memstream(&line, &n);
	FUZZ_CHECK(text != NULL && log != NULL);
	log_open(LOG_TO_STDERR, true);
	stderr = log;
	log_warning("%s: the line is skipped", text);
	stderr = saved;
	log_open(LOG_TO_NONE, false);
	FUZZ_CHECK(fclose(log) == 0);
	if (n > 0) {
		FUZZ_CHECK(line[n - 1] == '\n');
		for (size_t i = 0; i + 1 < n; i++)
			FUZZ_CHECK(line[i] >= ' ' && line[i] < 0x7f);
	}
	free(line);
	free(text);
}

static void
check_number(struct span input)
{
	uint64_t value = 7;
	char digits[SPAN_DIGITS];

	if (span_number(input, UINT64_MAX, &value) == -1) {
		FUZZ_CHECK(value == 7);
		return;
	}
	while (input.n > 1 && input.p[0] == '0') {
		input.p++;
		input.n--;
	}
	FUZZ_CHECK(span_equal(input, span_digits(value, digits)));
}

static void
check_copy(struct span input)
{
	char out[LIMITS_NAME + 1];

	if (span_copy(input, out, sizeof(out)) == 0)
		FUZZ_CHECK(span_equal(input, span_of(out)));
	else
		FUZZ_CHECK(out[0] == '\0');
	if (span_is_name(input))
		FUZZ_CHECK(strlen(out) == input.n);
}

void
fuzz_text(struct span input)
{
	static const char own[] = "dewey 1 1 host boot space\n";
	char begin[64];

	(void)snprintf(begin, sizeof(begin), "dewey ");
	if (owner_is_gone(own, input))
		FUZZ_CHECK(input.n > strlen(begin) &&
		    memcmp(input.p, begin, strlen(begin)) == 0);
	check_escape(input);
	check_line(input);
	check_number(input);
	check_copy(span_trim(input));
}
