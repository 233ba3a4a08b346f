/* SPDX-License-Identifier: ISC */
/*
 * The forms that texts of the configuration have.
 */
#include "config.h"

#include <sys/un.h>

#include <string.h>

#include "settings/forms.h"

bool
forms_is_given(struct span text)
{
	return text.n > 0;
}

bool
forms_is_template(struct span text)
{
	bool home = text.n > 1 && memcmp(text.p, "%h", 2) == 0;

	if (text.n == 0 || (text.p[0] != '/' && !home))
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '%' && (++i == text.n ||
		    memchr("undhi%", text.p[i], 6) == NULL))
			return false;
	return true;
}

bool
forms_is_host_list(struct span text)
{
	bool fits = true;

	while (text.p != NULL)
		fits = span_is_host(span_trim(span_cut(&text, ','))) && fits;
	return fits;
}

bool
forms_is_passwords(struct span text)
{
	struct sockaddr_un address;
	struct span path = text, word = span_cut(&path, ':');
	int source = span_choice("saslauthd|shadow|users", word);

	if (path.p == NULL)
		return source != -1;
	return source == 0 && path.n > 1 &&
	    path.n < sizeof(address.sun_path) && path.p[0] == '/' &&
	    memchr(path.p, '\0', path.n) == NULL;
}
