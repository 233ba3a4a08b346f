/* SPDX-License-Identifier: ISC */
/*
 * dewey --check-config: whether what a session would read is safe, and wise.
 */
#ifndef AUDIT_H
#define AUDIT_H

struct options;

/*
 * audit_config(options):
 * Read everything a session would read; print what is unsafe or unwise and how
 * to mend it.  Returns 0, or -1 if something is unsafe or cannot work.
 */
int audit_config(struct options *options);

#endif
