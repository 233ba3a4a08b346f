/* SPDX-License-Identifier: ISC */
/*
 * Which functions run as root: rootcode.t builds dewey with
 * -finstrument-functions and links this.  Each function's first call in each
 * phase is a line of the file TRACE: its address and the phase (0 before the
 * gate is forked; 1 after that and the judge is, too; 2 in the processes that
 * were forked; 3 between gate and judge, where the gate hears a front end).
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FUNCTIONS 4096

void front_hear(void);
void process_fork_as(void);
void __cyg_profile_func_enter(void *function, void *caller)
    __attribute__((no_instrument_function));
void __cyg_profile_func_exit(void *function, void *caller)
    __attribute__((no_instrument_function));

extern char __executable_start;
static void *seen[FUNCTIONS];
static int count, file = -1, forks, pid, phase;

void
__cyg_profile_func_enter(void *function, void *caller)
{
	unsigned real, effective, saved;
	char line[80];
	int n, me;

	(void)caller;
	if (syscall(__NR_getresuid, &real, &effective, &saved) == -1 ||
	    (real != 0 && effective != 0 && saved != 0))
		return;
	me = (int)syscall(__NR_getpid);
	if (me != pid && pid != 0) {
		phase = 2;
		count = 0;
	}
	pid = me;
	/* The judge is forked first, the gate then, but for a front end. */
	if (function == (void *)front_hear && phase == 0) {
		phase = 3;
		count = 0;
	}
	if (function == (void *)process_fork_as && phase != 2 && ++forks == 2) {
		phase = 1;
		count = 0;
	}
	for (int i = 0; i < count; i++)
		if (seen[i] == function)
			return;
	if (count == FUNCTIONS)
		abort();
	seen[count++] = function;
	n = snprintf(line, sizeof(line), "%lx %d\n",
	    (unsigned long)((char *)function - &__executable_start), phase);
	/* dewey closes what it does not know, so it may have to be opened
	 * again; in the gate's root there is no such file any more. */
	for (int i = 0; i < 2 && write(file, line, (size_t)n) != n; i++)
		file = open(getenv("TRACE"), O_WRONLY | O_APPEND | O_CREAT,
		    0666);
}

void
__cyg_profile_func_exit(void *function, void *caller)
{
	(void)function;
	(void)caller;
}
