/* SPDX-License-Identifier: ISC */
/*
 * The forms that texts of the configuration have.
 */
#ifndef FORMS_H
#define FORMS_H

#include <stdbool.h>

#include "base/span.h"

/*
 * forms_is_given(text), forms_is_template(text), forms_is_host_list(text),
 * forms_is_passwords(text):
 * Say whether ${text} is not empty; is an absolute path or one that begins with
 * %h, with no other % in it than mailbox_expand and place_put know; is a list
 * of host names; is what --passwords takes: shadow, users, saslauthd, or that,
 * a colon, and the absolute path of a socket.
 */
bool forms_is_given(struct span text);
bool forms_is_template(struct span text);
bool forms_is_host_list(struct span text);
bool forms_is_passwords(struct span text);

#endif
