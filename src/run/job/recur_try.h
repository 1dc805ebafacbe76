/* SPDX-License-Identifier: Apache-2.0
 *
 * One try of a recurring job: a claim held while it runs, its learning rate, its run, its place in
 * the result.  For run/job/recur.c, which decides how many there are.
 */
#ifndef WATTUNE_RUN_JOB_RECUR_TRY_H
#define WATTUNE_RUN_JOB_RECUR_TRY_H

#include "run/job/recur.h"
#include "tune/learn/optimizer.h"

struct recur {
    const struct recur_options *options;
    struct sense *sense;
    const unsigned *devices;
    unsigned count;
    struct ledger *ledger;
    struct recur_result *result;
    struct job_options job; /* of the try that runs */
    struct job_result *run;
    struct optimizer batch;
    struct batch_size_past *past; /* of other GPUs; batch.past */
    struct optimizer_try attempt;
    int64_t renew_ns; /* CLOCK_MONOTONIC: when to renew the claim next */
    bool lapsed, told_rate;
};

/* Sets recur->job up for recur->attempt, and says in words which size it is. */
void recur_try_prepare(struct recur *recur);

/* Runs the command once, as recur->job says, and keeps its trial in the result.  Returns as
 * job_run() does. */
int recur_try_run(struct recur *recur, struct wt_error *err);

/* Books a try that does not start, since not even one epoch, which costs epoch_j, fits its bound.
 */
int recur_try_book_not_started(struct recur *recur, double epoch_j, struct wt_error *err);

/* Renews the claim when it is time: job_options.on_turn over a struct recur. */
void recur_try_renew(void *recur);

/* Gives the claim back: its size is to be handed out again. */
void recur_try_give_back(struct recur *recur);

/* The learning rate that suits the size, given the one that suits the default; 0: none. */
double recur_try_rate(struct recur *recur, uint32_t size);

/* The cost of an epoch of this size, joules, by the ledger: its steps at the limit that would be
 * chosen.  NaN: not known. */
double recur_epoch_cost_j(struct recur *recur, uint32_t size);

#endif
