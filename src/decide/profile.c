/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging slices.
 */
#include "decide/profile.h"

#include <math.h>

bool profile_slice_valid(const struct wt_profile_point *slice)
{
    return slice->limit_mw > 0 && slice->steps > 0 && isfinite(slice->time_per_step_s) &&
           slice->time_per_step_s > 0 && !(slice->energy_per_step_j < 0) && !isinf(slice->energy_per_step_j);
}

void profile_merge(struct wt_profile_point *entry, const struct wt_profile_point *slice)
{
    if (entry->steps == 0 || (entry->throttled && !slice->throttled)) {
        *entry = *slice;
        return;
    }
    if (slice->throttled && !entry->throttled)
        return;
    double n = (double)entry->steps, m = (double)slice->steps, all = n + m;
    entry->time_per_step_s = (n * entry->time_per_step_s + m * slice->time_per_step_s) / all;
    entry->energy_per_step_j = (n * entry->energy_per_step_j + m * slice->energy_per_step_j) / all;
    entry->time_error_s = hypot(n * entry->time_error_s, m * slice->time_error_s) / all;
    entry->energy_error_j = hypot(n * entry->energy_error_j, m * slice->energy_error_j) / all;
    entry->steps += slice->steps;
}
