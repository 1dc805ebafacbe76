/* SPDX-License-Identifier: Apache-2.0
 *
 * The grounds for a choice of batch size and power limit: the fit of the chosen size's profile, how
 * far the choice is from the default, and which part of that the epochs, the size and the limit
 * have.
 *
 *   energy = epochs(size) x steps of an epoch(size) x energy of a step(size, limit)
 *
 * The ratio of two such products is the product of ratios, and the logarithms of these share it out
 * without a rest.  Only the last factor depends on both knobs: the limit's saving is not the same
 * at the default size as at the chosen one.  Neither order is the right one, so the result is the
 * mean of both (the Shapley value) where all four corners were measured.
 */
#ifndef WATTUNE_TUNE_DECIDE_EXPLAIN_H
#define WATTUNE_TUNE_DECIDE_EXPLAIN_H

#include "base/stats.h"
#include "flow/study.h"

struct explain_size {
    uint32_t batch_size; /* 0: not known */
    unsigned count;
    struct wt_profile_point points[WT_MAX_LIMITS]; /* in any order, each limit once */
    uint32_t limit_mw;      /* in force after profiling, in its last run; 0: not known */
    struct stats epochs;    /* of its runs that reached the target */
    double steps_per_epoch; /* NaN: not known */
};

struct explain_question {
    unsigned count;
    const struct explain_size *sizes; /* each size once */
    unsigned standard, chosen;        /* indexes: the default size and the one that is explained */
    unsigned gpu_count;
    uint32_t limit_min_mw, limit_max_mw; /* the driver's; 0: not known */
};

/* Fills all of *explanation but its names and the limit found.  An unknown of a side or a part is
 * NaN, and its limit 0. */
void explain(const struct explain_question *question, struct wt_explanation *explanation);

#endif
