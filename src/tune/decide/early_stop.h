/* SPDX-License-Identifier: Apache-2.0
 *
 * Early stop (Zeus section 4.4): a run whose cost would exceed a bound ends, and it ends before the
 * epoch with which it would, not after it.  What is spent is what was measured, the profiling of
 * the first epoch included; the next epoch is predicted from the epochs that ran wholly at the
 * chosen limit, or, before there is one, from what a step costs there.
 */
#ifndef WATTUNE_TUNE_DECIDE_EARLY_STOP_H
#define WATTUNE_TUNE_DECIDE_EARLY_STOP_H

#include <stdbool.h>
#include <stdint.h>

struct early_stop {
    double bound_j; /* what the run may cost; INFINITY: anything */
    unsigned max_epochs;
    uint64_t epochs, steps; /* at the last epoch's end */
    double spent_j;         /* until then; NaN: not known */
    double last_j;          /* cost of the last epoch (a mean, where several ended at once) */
    double last_steps;      /* of an epoch */
    unsigned tuned;         /* epochs at the chosen limit, and what they cost together */
    double tuned_j;
};

void early_stop_begin(struct early_stop *stop, double bound_j, unsigned max_epochs);

/* An epoch has ended, or several: epochs, steps and cost since the run began; `tuned` says that all
 * of it ran at the chosen limit.  The cost of a run's start counts to its first epoch. */
void early_stop_epoch(struct early_stop *stop, uint64_t epochs, uint64_t steps, double spent_j,
                      bool tuned);

/* What the next epoch will cost; step_j is what a step costs at the chosen limit, NaN when there is
 * no such limit (yet).  NaN: not known. */
double early_stop_next_j(const struct early_stop *stop, double step_j);

/* True when the next epoch must not begin.  What is not known stops nobody. */
bool early_stop_now(const struct early_stop *stop, double step_j);

#endif
