/* SPDX-License-Identifier: Apache-2.0
 *
 * The bookkeeper: books the energy of whole GPUs, around the clock, for all their users.  Runs book
 * their share themselves; the energy that no run accounts for, and the power of idle GPUs, is known
 * only from here.  Stretches (flow/) end where an hour of the wall clock ends, where a GPU begins
 * or ceases to be in use, and where its energy begins or ceases to be known; they join without a
 * gap and add up to the counter's figure.
 *
 * Booked stretches survive a kill: at most the last minute is lost.  When the ledger cannot be
 * written, stretches wait for it, and the first failure is logged.
 */
#ifndef WATTUNE_ACCOUNT_BOOK_BOOKKEEPER_H
#define WATTUNE_ACCOUNT_BOOK_BOOKKEEPER_H

#include "account/book/booking.h"
#include "account/ledger/ledger.h"
#include "measure/meter/meter.h"

struct bookkeeper;

/* Books the GPUs of `meter`, out of node_gpus in the node, into `ledger` from now on; all are
 * borrowed, and `node` too ("": it has no name).  The caller frees *out with bookkeeper_free(). */
int bookkeeper_new(struct live_meter *meter, struct ledger *ledger,
                   const struct booking_factors *factors, unsigned node_gpus, const char *node,
                   struct bookkeeper **out, struct wt_error *err);
struct bookkeeper *bookkeeper_free(struct bookkeeper *keeper); /* takes NULL, returns NULL */

/* To be called whenever the meter was polled; looks at the GPUs once a second and books once a
 * minute.  WT_E_BUSY: somebody else books one of them; there is no point in going on. */
int bookkeeper_poll(struct bookkeeper *keeper, struct wt_error *err);

/* Ends the account: books everything up to now. */
int bookkeeper_end(struct bookkeeper *keeper, struct wt_error *err);

#endif
