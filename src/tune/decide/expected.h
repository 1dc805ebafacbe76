/* SPDX-License-Identifier: Apache-2.0
 *
 * The expected time and energy of a batch size at a power limit until the target is reached:
 * epochs, which do not depend on the limit, times the cost of an epoch at it (Zeus section 4.1).
 * And the choices worth a thought: the front of time and energy, and the cheapest.
 */
#ifndef WATTUNE_TUNE_DECIDE_EXPECTED_H
#define WATTUNE_TUNE_DECIDE_EXPECTED_H

#include <stddef.h>

#include "flow/study.h"

struct expected_size {
    uint32_t batch_size;
    unsigned runs,
        reached;   /* that ended by themselves or by us; those of them that reached the target */
    double epochs; /* mean over the latter; NaN: not known */
    double steps_per_epoch; /* NaN: not known */
    unsigned point_count;   /* 0: no profile */
    const struct wt_profile_point *points;
};

/* The reason why a size has no expectation; WT_LEFT_NOT: it has one.  A size that missed the target
 * once is left out, since the further cost of the runs that did not get there is unknown. */
enum wt_left_why expected_left_out(const struct expected_size *size);

/* The size at each limit of its profile, in the profile's order; returns how many.  Limits at which
 * another cap held (throttled) count only when the size has no others, as in the choice of a limit.
 * 0 for a size that is left out. */
unsigned expected_points(const struct expected_size *size, double eta, double max_power_w,
                         struct wt_point points[WT_MAX_LIMITS]);

/* Marks the points of which no other takes less of time or energy and not more of the other. */
void expected_mark_front(struct wt_point points[], size_t count);

/* The point of least cost, of equals the first; NULL when there is none whose cost is known. */
const struct wt_point *expected_cheapest(const struct wt_point points[], size_t count);

#endif
