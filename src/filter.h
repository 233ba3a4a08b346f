/* SPDX-License-Identifier: ISC */
/*
 * The system calls that each process of a session may make: one list a role.
 */
#ifndef FILTER_H
#define FILTER_H

/*
 * filter_install(role):
 * From now on, kill this process if it makes a call that is not on the list of
 * ${role} (an enum sandbox_role).  Returns 0, or -1 with errno; ENOSYS where
 * there are no such filters.
 */
int filter_install(unsigned role);

#endif
