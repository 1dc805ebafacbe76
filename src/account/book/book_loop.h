/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop in which whole devices are booked: polls a live meter whenever the edges of its counters
 * ask for it, and lets the bookkeeper look after each poll.  A program that watches devices owns
 * it: `wattune monitor`, a daemon.  Prints nothing and sets no signal handler; it ends as soon as
 * the owner's stop() returns true.
 */
#ifndef WATTUNE_ACCOUNT_BOOK_BOOK_LOOP_H
#define WATTUNE_ACCOUNT_BOOK_BOOK_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "account/book/bookkeeper.h"

struct book_loop {
    struct live_meter *meter;  /* borrowed; NULL: the loop only waits */
    struct bookkeeper *keeper; /* NULL: the meter is polled, nothing is booked */
    bool (*stop)(void *ctx);   /* asked before and after every wait */
    void *ctx;
    struct booking_factors factors; /* in use from book_loop_begin() on */
    char node[WT_USER_LEN];
};

/* Begins to book the meter's GPUs, out of node_gpus in the node, into `ledger` (borrowed).  Waits
 * at most a second for the counters' first edges, since the time before them would be booked as
 * unknown.  Then reads the counters as often as booking needs, a few times a second, or as often
 * as their edges ask for when `precise`. End with book_loop_end(). */
int book_loop_begin(struct book_loop *loop, struct ledger *ledger,
                    const struct booking_factors *factors, unsigned node_gpus, const char *node,
                    bool precise, struct wt_error *err);

/* Runs until t_ns (base/clock.h), INT64_MAX: until stop() returns true.  WT_E_BUSY: another process
 * books one of the GPUs. */
int book_loop_until(const struct book_loop *loop, int64_t t_ns, struct wt_error *err);

/* Books everything up to now and frees the bookkeeper, if there is one. */
int book_loop_end(struct book_loop *loop, struct wt_error *err);

#endif
