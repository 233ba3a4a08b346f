/* SPDX-License-Identifier: ISC */
/*
 * What --check-config finds, for a person: one line each on standard output.
 */
#ifndef FINDING_H
#define FINDING_H

/*
 * finding_unsafe(count, format, ...), finding_unwise(format, ...):
 * Print what is unsafe, or cannot work, and add one to ${*count}; print what is
 * unwise.
 */
void finding_unsafe(unsigned *count, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void finding_unwise(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
