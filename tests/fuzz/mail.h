/* SPDX-License-Identifier: ISC */
/*
 * What the targets with a maildrop in memory share.
 */
#ifndef FUZZ_MAIL_H
#define FUZZ_MAIL_H

#include <stdbool.h>

#include "base/span.h"
#include "maildrop/maildrop.h"
#include "talk/dispatch.h"

/*
 * mail_open(drop, box, sidecar, index):
 * Prepare ${drop} over the files ${box} and ${sidecar}, which it closes in the
 * end, and the cached index ${index}, or -1.
 */
void mail_open(struct maildrop *drop, int box, int sidecar, int index);

/*
 * mail_speak(drop, commands, chunk, hook, to, got):
 * Speak TRANSACTION with a client that sends ${commands}; the rest as for
 * fuzz_client.  ${got} is what it got, to be freed.
 */
enum dispatch_end mail_speak(struct maildrop *drop, struct span commands,
    size_t chunk, void (*hook)(void *to), void *to, struct span *got,
    bool *torn);

/*
 * mail_left(drop, octets):
 * Return what UPDATE shall leave of ${octets}, to be freed: all but the marked
 * messages.
 */
struct span mail_left(const struct maildrop *drop, struct span octets);

#endif
