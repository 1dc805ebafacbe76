/* SPDX-License-Identifier: Apache-2.0
 *
 * The listing of one job: the figures around its trials, and the trials one by one, all from one
 * state of the ledger.  A listing of 20,000 trials holds one of them, and the sums of each
 * recurrence.
 */
#ifndef WATTUNE_ACCOUNT_STUDY_LISTING_H
#define WATTUNE_ACCOUNT_STUDY_LISTING_H

#include "account/ledger/ledger.h"

struct job_listing {
    struct ledger *ledger; /* borrowed; nothing can be written to it until job_listing_close() */
    const char *job;       /* borrowed */
    struct wt_trial *last, *profiled; /* the last trial, and the last with a profile; NULL: none */
    size_t recurrence_count;
    struct wt_beliefs *beliefs;
    size_t belief_count;
    struct wt_recurrence *recurrences; /* recurrence_count of them; NULL before job_listing_sum() */
    struct wt_trial_gpu *gpus; /* each once, by index and UUID; NULL before job_listing_sum() */
    size_t gpu_count;
};

/* Reads all but sums, GPUs and trials.  WT_E_NOT_FOUND: no such job.  The caller frees *listing
 * with job_listing_close(). */
int job_listing_open(struct ledger *ledger, const char *job, struct job_listing **listing,
                     struct wt_error *err);

/* Reads the sums of each recurrence, and the GPUs. */
int job_listing_sum(struct job_listing *listing, struct wt_error *err);

/* Gives the trials as ledger_each_trial() does. */
int job_listing_each(struct job_listing *listing, const struct ledger_trials *which,
                     ledger_run_taker *take, void *ctx, struct wt_error *err);

/* Takes NULL; returns NULL. */
struct job_listing *job_listing_close(struct job_listing *listing);

#endif
