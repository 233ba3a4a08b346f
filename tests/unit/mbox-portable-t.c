/* SPDX-License-Identifier: ISC */
/*
 * The tests of mbox-skim-t.c with the code that processors without wide vectors
 * run: the mbox room is compiled once more, without its clones for others.
 */
#define target_clones(...) noinline
#include "mbox.c"
#include "mbox-skim-t.c"
