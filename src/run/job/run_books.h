/* SPDX-License-Identifier: Apache-2.0
 *
 * The books of a run: its trial in the ledger from before its command starts, how busy its GPUs
 * are, and its energy hour by hour.  A failure here costs the booking, never the command.
 */
#ifndef WATTUNE_RUN_JOB_RUN_BOOKS_H
#define WATTUNE_RUN_JOB_RUN_BOOKS_H

#include "account/book/booking.h"
#include "account/book/run_hours.h"
#include "account/ledger/ledger.h"
#include "measure/meter/meter.h"

struct run_books {
    struct ledger *ledger;                 /* NULL: nothing is booked */
    const struct booking_factors *factors; /* NULL: no carbon */
    const struct live_meter *meter;
    unsigned node_gpus;      /* of the whole machine, which share its embodied carbon */
    struct run_hours *hours; /* NULL: booked as a whole */
    int64_t started_ns, busy_due_ns;
    bool booked;
};

/* Enters the trial and learns its number and its recurrence; books->booked says whether that went
 * well. */
void run_books_begin(struct run_books *books, struct wt_trial *trial);

/* The command starts now (base/clock.h). */
void run_books_start(struct run_books *books, const struct wt_trial *trial, int64_t started_ns);

/* Asks how busy the GPUs are, and ends an hour that is over. */
void run_books_poll(struct run_books *books);

/* Fills in the carbon of a trial whose energy is known, and books it with the devices' energies. */
void run_books_end(struct run_books *books, int64_t ended_ns, const struct wt_measurement devices[],
                   struct wt_trial *trial);

/* The command did not start: there was no trial. */
void run_books_cancel(struct run_books *books, const struct wt_trial *trial);

void run_books_close(struct run_books *books);

#endif
