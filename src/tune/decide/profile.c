/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging slices.
 */
#include "tune/decide/profile.h"

#include <math.h>
#include <string.h>

bool profile_slice_valid(const struct wt_profile_point *slice)
{
    return slice->setting.value > 0 && slice->steps > 0 && isfinite(slice->time_per_step_s) &&
           slice->time_per_step_s > 0 && !(slice->energy_per_step_j < 0) &&
           !isinf(slice->energy_per_step_j);
}

/* Standard deviation of a measurement that does not know its error: that of a slice as a rule. */
static const double unknown_error = 0.01;
static const double normal_95 = 1.96;

double profile_log_variance(double value, double error_95)
{
    double sd = error_95 / normal_95 / value;
    if (isnan(sd))
        sd = unknown_error;
    return sd < 1 ? sd * sd : 1; /* infinite errors too */
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

/* The order of a profile: by knob, and then the highest value first. */
static bool stands_before(struct wt_setting a, struct wt_setting b)
{
    return a.knob < b.knob || (a.knob == b.knob && a.value > b.value);
}

unsigned profile_unite(struct wt_profile_point points[WT_MAX_LIMITS], unsigned count,
                       const struct wt_profile_point older[], unsigned older_count)
{
    for (unsigned k = 0; k < older_count; k++) {
        unsigned at = 0;
        while (at < count && stands_before(points[at].setting, older[k].setting))
            at++;
        if (at < count && !stands_before(older[k].setting, points[at].setting)) {
            if (points[at].throttled && !older[k].throttled)
                points[at] = older[k];
        } else if (count < WT_MAX_LIMITS) {
            memmove(&points[at + 1], &points[at], (count - at) * sizeof points[0]);
            points[at] = older[k];
            count++;
        }
    }
    return count;
}

unsigned profile_keep_knob(struct wt_profile_point points[], unsigned count, enum wt_knob knob)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++)
        if (points[i].setting.knob == knob)
            points[kept++] = points[i];
    return kept;
}

bool profile_same_gpus(const struct wt_profile_key *a, const struct wt_profile_key *b)
{
    return strcmp(a->gpu_model, b->gpu_model) == 0 && a->gpu_count == b->gpu_count &&
           a->limit_min_mw == b->limit_min_mw && a->limit_max_mw == b->limit_max_mw;
}
