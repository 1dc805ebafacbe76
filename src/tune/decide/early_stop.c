/* SPDX-License-Identifier: Apache-2.0
 *
 * Early stop: the prediction.
 */
#include "tune/decide/early_stop.h"

#include <math.h>

#include "tune/decide/batch_size.h"

void early_stop_begin(struct early_stop *stop, double bound_j, unsigned max_epochs)
{
    *stop = (struct early_stop){.bound_j = bound_j, .max_epochs = max_epochs, .last_j = NAN};
}

void early_stop_epoch(struct early_stop *stop, uint64_t epochs, uint64_t steps, double spent_j,
                      bool tuned)
{
    if (epochs <= stop->epochs)
        return;
    double ended = (double)(epochs - stop->epochs);
    double cost_j = (spent_j - stop->spent_j) / ended; /* NaN where either is not known */
    stop->last_steps = steps > stop->steps ? (double)(steps - stop->steps) / ended : 0;
    stop->last_j = cost_j;
    if (tuned && isfinite(cost_j)) {
        stop->tuned += (unsigned)(epochs - stop->epochs);
        stop->tuned_j += spent_j - stop->spent_j;
    }
    stop->epochs = epochs;
    stop->steps = steps;
    stop->spent_j = spent_j;
}

double early_stop_next_j(const struct early_stop *stop, double step_j)
{
    if (stop->tuned)
        return stop->tuned_j / stop->tuned;
    if (isfinite(step_j) && stop->last_steps > 0)
        return stop->last_steps * step_j;
    return stop->last_j;
}

bool early_stop_now(const struct early_stop *stop, double step_j)
{
    double next_j = early_stop_next_j(stop, step_j);
    return stop->epochs >= stop->max_epochs ||
           (!isnan(stop->spent_j + next_j) &&
            !batch_size_epoch_fits(stop->bound_j, stop->spent_j, next_j));
}
