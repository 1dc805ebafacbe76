/* SPDX-License-Identifier: Apache-2.0
 *
 * Expected time, energy and cost to the target.
 */
#include "tune/decide/expected.h"

#include <math.h>

#include "tune/decide/cost.h"

static bool is_measured(const struct wt_profile_point *point)
{
    return point->steps > 0 && isfinite(point->time_per_step_s) &&
           isfinite(point->energy_per_step_j);
}

/* Throttled points are of use when there are no others. */
static bool has_measured(const struct expected_size *size, bool throttled)
{
    for (unsigned i = 0; i < size->point_count; i++)
        if (is_measured(&size->points[i]) && size->points[i].throttled == throttled)
            return true;
    return false;
}

enum wt_left_why expected_left_out(const struct expected_size *size)
{
    if (!size->runs)
        return WT_LEFT_NO_RUN;
    if (size->reached < size->runs)
        return WT_LEFT_MISSED;
    if (!has_measured(size, false) && !has_measured(size, true))
        return WT_LEFT_NO_PROFILE;
    return isfinite(size->epochs) && isfinite(size->steps_per_epoch) ? WT_LEFT_NOT
                                                                     : WT_LEFT_NO_STEPS;
}

unsigned expected_points(const struct expected_size *size, double eta, double max_power_w,
                         struct wt_point points[WT_MAX_LIMITS])
{
    unsigned count = 0;
    if (expected_left_out(size) != WT_LEFT_NOT)
        return 0;
    bool throttled = !has_measured(size, false);
    double steps = size->epochs * size->steps_per_epoch;
    for (unsigned i = 0; i < size->point_count && count < WT_MAX_LIMITS; i++) {
        const struct wt_profile_point *step = &size->points[i];
        if (!is_measured(step) || step->throttled != throttled)
            continue;
        points[count++] =
            (struct wt_point){.batch_size = size->batch_size,
                              .limit_mw = step->setting.value,
                              .epochs = size->epochs,
                              .time_s = steps * step->time_per_step_s,
                              .energy_j = steps * step->energy_per_step_j,
                              .cost_j = steps * cost_per_step_j(eta, max_power_w, step)};
    }
    return count;
}

static bool beats(const struct wt_point *a, const struct wt_point *b)
{
    return a->time_s <= b->time_s && a->energy_j <= b->energy_j &&
           (a->time_s < b->time_s || a->energy_j < b->energy_j);
}

void expected_mark_front(struct wt_point points[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        points[i].on_front = true;
        for (size_t k = 0; k < count && points[i].on_front; k++)
            points[i].on_front = !beats(&points[k], &points[i]);
    }
}

const struct wt_point *expected_cheapest(const struct wt_point points[], size_t count)
{
    const struct wt_point *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (isfinite(points[i].cost_j) && (!best || points[i].cost_j < best->cost_j))
            best = &points[i];
    return best;
}
