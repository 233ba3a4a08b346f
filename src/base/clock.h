/* SPDX-License-Identifier: ISC */
/*
 * The clock that every limit of time is measured on.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/*
 * clock_ms():
 * Return milliseconds on a clock that only goes forward.
 */
int64_t clock_ms(void);

#endif
