/* SPDX-License-Identifier: Apache-2.0
 *
 * A job that recurs: recurrences one after the other, each of one try or, when batch sizes are to
 * be chosen, of as many as it takes to reach the target.  Each try is a run of its own
 * (run/job/job.h); its cost goes to the beliefs in the ledger.
 */
#ifndef WATTUNE_RUN_JOB_RECUR_H
#define WATTUNE_RUN_JOB_RECUR_H

#include "run/job/job.h"
#include "tune/decide/batch_size.h"
#include "tune/learn/identity.h"

struct recur_options {
    struct job_options job;
    unsigned recurrences; /* at least 1 */
    bool chooses;         /* batch sizes are chosen, among these */
    struct batch_size_options sizes;
    double learning_rate;  /* of the default size; 0: none */
    const char *optimizer; /* NULL: none, the rate stays */
    int64_t hold_ms;       /* how long a claim is held; it is renewed four times in that */
};

enum recur_end {
    RECUR_DONE,           /* all recurrences ran, and reached the target if there is one */
    RECUR_MISSED,         /* a recurrence did not reach the target */
    RECUR_COMMAND_FAILED, /* by itself, in its last try; nothing followed */
    RECUR_ASKED_TO_END,   /* by a signal */
    RECUR_OVER_BUDGET,    /* nothing was left of the budget: it ended a run, or none could begin */
};

struct recur_result {
    enum recur_end end;
    int exit_code; /* the last command's; 128 + n for the signal n that ended it all; 127, 126: not
                      started */
    bool interrupted; /* by the SIGINT of our terminal */
    bool booked;      /* all tries are */
    int64_t state_id; /* the ledger's number of the learned state; 0: none */
    size_t count;
    struct wt_trial *tries; /* of all recurrences, in order; recur_clear() frees them */
};

/* Runs the recurrences on devices[0..count) of `sense`, GPUs first.  Returns 0 when the commands
 * ran, however they ended. WT_E_NO_DATA: the default batch size did not reach the target, or
 * no size did.  WT_E_NOT_FOUND: a command could not be started. *result is to be cleared in any
 * case. */
int recur_run(const struct recur_options *options, struct sense *sense, const unsigned devices[],
              unsigned count, struct ledger *ledger, struct recur_result *result,
              struct wt_error *err);

void recur_clear(struct recur_result *result);

/* The identity of the state that these options learn in. */
void recur_identity(const struct recur_options *options, struct wt_identity *identity);

#endif
