/* SPDX-License-Identifier: Apache-2.0
 *
 * The length of a slice.  Constants here decide the cost of a search: at 21 limits every second
 * counts 21 times.
 */
#include "tune/decide/slice_length.h"

/* Warm-up.  Boards move to a new limit within some 0.1 to 0.3 s, and a step that was under way at
 * the change belongs to neither limit; the second and third let queued work of the old limit drain
 * (frameworks keep a step or two in flight).  With slow steps 3 s are enough, finished or not:
 * waiting for three 5 s steps would cost more than the error that is left. */
static const uint64_t warm_steps = 3;
static const double warm_s = 0.4, warm_most_s = 3;

/* Below 1.5 s a counter that ticks every 20 to 100 ms cannot be known to 1 % without luck; five
 * steps keep one odd step (a checkpoint, a slow batch) from being the whole slice. */
static const uint64_t slice_steps = 5;
static const double slice_s = 1.5;

/* Cost over the limit changes by some per cent between neighbours of a 25 W grid; 1 % tells them
 * apart where it matters.  A slice that is not precise after 6 s (the Zeus paper's slices have
 * five) is noisy by itself, and a longer slice would not help the search as much as its time is
 * worth. */
static const double precise = 0.01;
static const double slice_most_s = 6;

/* Steps so slow that five do not fit: as many as end within 10 s, at least one. */
static const double slow_most_s = 10;

bool slice_warm(uint64_t steps, double elapsed_s)
{
    return (steps >= warm_steps && elapsed_s >= warm_s) || elapsed_s >= warm_most_s;
}

/* All slices of a search together last about this at most, where none gets precise: a search of 21
 * limits must end within a training of a minute or two, and its neighbours tell about a limit as
 * well. */
static const double search_most_s = 50;

double slice_most(unsigned limits)
{
    double share_s = limits ? search_most_s / limits : slice_most_s;
    return share_s > slice_most_s ? slice_most_s : share_s < slice_s ? slice_s : share_s;
}

bool slice_long_enough(uint64_t steps, double elapsed_s, double cost_relative_error, double most_s)
{
    if (steps == 0)
        return false;
    if (steps >= slice_steps)
        return elapsed_s >= most_s || (elapsed_s >= slice_s && cost_relative_error <= precise);
    double next_end_s = elapsed_s + elapsed_s / (double)steps;
    return elapsed_s >= slice_most_s && next_end_s > slow_most_s;
}
