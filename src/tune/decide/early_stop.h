/* SPDX-License-Identifier: Apache-2.0
 *
 * Early stop (Zeus section 4.4): a run whose cost would exceed a bound ends, and it ends before the
 * epoch with which it would, not after it.  The cost so far is as measured, the profiling of the
 * first epoch included; the next epoch is predicted from the epochs that ran wholly at the chosen
 * limit, or, before there is one, from the cost of a step there.
 */
#ifndef WATTUNE_TUNE_DECIDE_EARLY_STOP_H
#define WATTUNE_TUNE_DECIDE_EARLY_STOP_H

#include <stdbool.h>
#include <stdint.h>

struct early_stop {
    double bound_j; /* the most that the run may cost; INFINITY: anything */
    unsigned max_epochs;
    uint64_t epochs, steps; /* at the last epoch's end */
    double spent_j;         /* until then; NaN: not known */
    double last_j;          /* cost of the last epoch (a mean, where several ended at once) */
    double last_steps;      /* of an epoch */
    unsigned tuned;         /* epochs at the chosen limit, and their cost together */
    double tuned_j;
};

void early_stop_begin(struct early_stop *stop, double bound_j, unsigned max_epochs);

/* Takes the end of an epoch, or of several: epochs, steps and cost since the run began; `tuned`
 * says that all of it ran at the chosen limit.  The cost of a run's start counts to its first
 * epoch. */
void early_stop_epoch(struct early_stop *stop, uint64_t epochs, uint64_t steps, double spent_j,
                      bool tuned);

/* The cost of the next epoch; step_j is the cost of a step at the chosen limit, NaN when there is
 * no such limit (yet).  NaN: not known. */
double early_stop_next_j(const struct early_stop *stop, double step_j);

/* True when the next epoch must not begin.  An unknown cost stops no run. */
bool early_stop_now(const struct early_stop *stop, double step_j);

#endif
