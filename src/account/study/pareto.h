/* SPDX-License-Identifier: Apache-2.0
 *
 * The choices of a job in the ledger: every batch size whose runs reached the target, at every
 * power limit of its profile.  Epochs come from the runs on any GPU, for they do not depend on it;
 * steps and joules from the profiles of one kind of GPUs.  It reads, and changes nothing.
 */
#ifndef WATTUNE_ACCOUNT_STUDY_PARETO_H
#define WATTUNE_ACCOUNT_STUDY_PARETO_H

#include "account/ledger/ledger.h"
#include "tune/decide/target.h"

struct pareto_options {
    const char *job;
    const struct target *target; /* NULL: that of the batch sizes that were chosen last */
    const char
        *gpu; /* a part of the model's name, in any case; NULL: the GPUs that were profiled last */
    uint32_t default_size; /* 0: the one that the job ran with */
    double eta;
};

struct pareto {
    struct wt_study study; /* without the fields of a simulation */
    unsigned point_count;
    struct wt_point
        points[WT_MAX_BATCH_SIZES * WT_MAX_LIMITS]; /* size by size, highest limit first */
    char other_targets[400],
        other_gpus[400]; /* further targets and GPUs to ask for, in words; empty: none */
};

/* Reads the choices of a job; the caller frees *pareto, some 250 KB, with free().  WT_E_NOT_FOUND:
 * no such job, it has no batch sizes, or none of them has a profile.  WT_E_INVALID: it has no such
 * target, GPU or default batch size; the sentence names those it has.  WT_E_RANGE: more batch sizes
 * than there is room for. */
int pareto_read(struct ledger *ledger, const struct pareto_options *options, struct pareto **pareto,
                struct wt_error *err);

#endif
