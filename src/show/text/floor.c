/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits that a card did not keep to.  A clock cannot go below its lowest: under a limit that this
 * clock's power exceeds, an A40 draws 115 W at 100 W (traces of Zeus, NSDI'23).  Steps there take
 * longer and save nothing, and the driver says only that the limit was set.
 */
#include "show/text/view.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "show/text/setting.h"
#include "show/text/table.h"

/* A sensor reads up to 5 % and some watts too much as a rule (SC'24): at a limit of 100 W that is
 * 107 W at a card that keeps to it. */
static const double MORE_THAN_SENSORS_ERR = 1.1;

static double power_w(const struct wt_profile_point *point)
{
    return point->time_per_step_s > 0 ? point->energy_per_step_j / point->time_per_step_s
                                      : (double)NAN;
}

bool view_is_above_limit(const struct wt_profile_point *point, unsigned gpu_count)
{
    double error = isfinite(point->energy_error_j) ? point->energy_error_j : 0;
    double least_w = (point->energy_per_step_j - error) / point->time_per_step_s;
    uint32_t limit_mw = setting_limit_mw(point->setting);
    return limit_mw && point->time_per_step_s > 0 && gpu_count &&
           least_w > MORE_THAN_SENSORS_ERR * limit_mw / 1e3 * gpu_count;
}

/* A limit above this one that was kept: then it is this one's height, not the card, that is at
 * fault. */
static bool keeps_a_higher_one(const struct wt_trial *t, uint32_t limit_mw)
{
    for (unsigned i = 0; i < t->profile.count && i < WT_MAX_LIMITS; i++)
        if (setting_limit_mw(t->profile.points[i].setting) > limit_mw &&
            !view_is_above_limit(&t->profile.points[i], t->part.gpu_count))
            return true;
    return false;
}

void view_above_limits(struct buffer *out, const struct wt_trial *t)
{
    for (unsigned i = 0; i < t->profile.count && i < WT_MAX_LIMITS; i++) {
        const struct wt_profile_point *p = &t->profile.points[i];
        char limit[UNIT_SIZE];
        if (!view_is_above_limit(p, t->part.gpu_count))
            continue;
        buffer_print(out, "At %s %s %.0f W: %s.\n", unit_limit(limit, p->setting.value),
                     t->part.gpu_count == 1 ? "the GPU draws" : "a GPU draws",
                     power_w(p) / t->part.gpu_count,
                     keeps_a_higher_one(t, p->setting.value)
                         ? "the limit is below the power of its lowest clock"
                         : "it does not keep to its limits, or its sensor shows too much");
    }
}
