/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of few trials: all of a job's at once.  The program takes them one by one.
 */
#ifndef WATTUNE_TESTS_JOB_TRIALS_H
#define WATTUNE_TESTS_JOB_TRIALS_H

#include <stdlib.h>

#include "account/ledger/ledger.h"

struct job_trials {
    struct wt_trial *trials;
    size_t count;
};

static inline int keep_job_trial(void *ctx, const struct wt_trial *trial, struct wt_error *err)
{
    struct job_trials *list = ctx;
    struct wt_trial *more = reallocarray(list->trials, list->count + 1, sizeof *more);
    if (!more)
        return error_set(err, WT_E_NO_MEMORY, "out of memory");
    list->trials = more;
    more[list->count++] = *trial;
    return 0;
}

/* All trials of a job with all their parts; the caller frees *trials with free(). */
static inline int ledger_job_trials(struct ledger *ledger, const char *job,
                                    struct wt_trial **trials, size_t *count, struct wt_error *err)
{
    const struct ledger_trials all = {.parts = LEDGER_TRIAL_ALL};
    struct job_trials list = {NULL, 0};
    int rc = ledger_each_trial(ledger, job, &all, keep_job_trial, &list, err);
    if (rc < 0) {
        free(list.trials);
        return rc;
    }
    *trials = list.trials;
    *count = list.count;
    return 0;
}

#endif
