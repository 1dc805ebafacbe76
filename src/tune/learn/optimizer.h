/* SPDX-License-Identifier: Apache-2.0
 *
 * Batch sizes over the recurrences of a job, among any number of processes:
 * tune/decide/batch_size.h over a store (store.h).  Each call reads, changes and keeps the state in
 * one step of the store, which hands out every trial once.
 *
 * A size is held under a claim that lapses unless it is renewed: a run that was killed gives it
 * back that way.
 */
#ifndef WATTUNE_TUNE_LEARN_OPTIMIZER_H
#define WATTUNE_TUNE_LEARN_OPTIMIZER_H

#include "flow/study.h"
#include "flow/trial.h"
#include "tune/decide/batch_size.h"
#include "tune/learn/store.h"

struct optimizer {
    struct learn_store store;    /* borrowed */
    struct wt_profile_key key;   /* job and devices; its batch size does not matter */
    struct wt_identity identity; /* of the state: another identity has another */
    struct batch_size_options sizes;
    const struct batch_size_past
        *past; /* runs on other GPUs under the same identity, for a state that is new; borrowed */
    size_t past_count;
    double epoch_cost_j[BATCH_SIZES_MOST]; /* of each size on these GPUs, NaN: not known; read only
                                              when there is a past */
    unsigned max_epochs;
    int64_t hold_ms;               /* how long a claim is held without being renewed; wall clock */
    struct random_normals normals; /* random_normals_init() */
};

struct optimizer_try {
    uint64_t claim;
    int64_t state_id; /* the ledger's */
    uint32_t size;
    unsigned number;  /* 1, 2, ... within the recurrence */
    double bound_j;   /* the most it may cost; INFINITY: anything */
    unsigned waiting; /* runs of this size on other GPUs that count once the cost of an epoch here
                         is known */
    unsigned taken_over; /* runs of other GPUs that the last claim or report made count */
};

/* A recurrence begins.  WT_E_BUSY: too many at once.  A state whose exploration ended without a
 * size (its sentence was said when it did) is begun anew. */
int optimizer_claim(struct optimizer *batch, struct optimizer_try *attempt, struct wt_error *err);

/* The end of a try.  1: the recurrence goes on with *attempt; 0: it is over, and of *attempt only
 * taken_over is new.  WT_E_NO_DATA: exploration ended without a size. WT_E_NOT_FOUND: the claim had
 * lapsed, and nothing was taken. */
int optimizer_report(struct optimizer *batch, struct optimizer_try *attempt,
                     const struct batch_size_result *result, struct wt_error *err);

/* The claim is held for hold_ms from now.  WT_E_NOT_FOUND: it had lapsed. */
int optimizer_renew(struct optimizer *batch, const struct optimizer_try *attempt,
                    struct wt_error *err);

/* The try was none: its size is to be handed out again. */
int optimizer_give_back(struct optimizer *batch, const struct optimizer_try *attempt,
                        struct wt_error *err);

/* A try of the ledger that taught the cost of its size: it reached the target, or ended without it
 * by itself or by us.  One that failed, was ended by somebody else or never began taught nothing.
 */
bool optimizer_taught(const struct wt_trial *trial);

/* Reads the beliefs out of a state.  WT_E_PARSE, WT_E_VERSION: it cannot be read. */
int optimizer_beliefs(const struct learn_state *kept, int64_t now_ms, struct wt_beliefs *beliefs,
                      struct wt_error *err);

#endif
