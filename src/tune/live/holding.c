/* SPDX-License-Identifier: Apache-2.0
 *
 * The run at its chosen limit.
 */
#include "tune/live/holding.h"

#include <math.h>

#include "tune/decide/profile.h"

/* Drift: see holding_drifts(). */
static const double DRIFT = 0.05;
enum { DRIFT_SLICES = 2 };

void holding_begin(struct holding *holding, const struct wt_profile_point *chosen)
{
    *holding = (struct holding){.chosen = *chosen};
    slice_start(&holding->last, 0);
}

void holding_change(struct holding *holding, const struct wt_profile_point *chosen)
{
    if (holding->now.steps)
        profile_merge(&holding->before, &holding->now);
    holding->now = (struct wt_profile_point){0};
    holding->chosen = *chosen;
    holding->drifting = 0;
}

void holding_cut(struct holding *holding, struct slice *slice, struct step_mark mark)
{
    uint32_t limit_mw = slice->limit_mw;
    slice_interrupt(slice);
    holding->last = *slice;
    slice_start(slice, limit_mw);
    slice_step(slice, mark);
}

void holding_book(struct holding *holding, struct wt_profile_point point)
{
    if (point.steps == 0)
        return;
    if (!isfinite(point.time_error_s))
        point.time_error_s = 0.01 * point.time_per_step_s; /* too short to see its own scatter */
    bool is_now = point.setting.value == holding->chosen.setting.value;
    profile_merge(is_now ? &holding->now : &holding->before, &point);
}

void holding_end(struct holding *holding, struct slice *slice, const struct live_meter *meter)
{
    struct slice *open[] = {&holding->last, slice};
    for (unsigned i = 0; i < 2; i++) {
        slice_interrupt(open[i]);
        slice_settle(open[i], meter);
        holding_book(holding, slice_point(open[i], meter));
    }
}

static bool differs(double now, double then, double error)
{
    return isfinite(error) && fabs(now / then - 1) > DRIFT + error / then;
}

bool holding_drifts(struct holding *holding, const struct wt_profile_point *point)
{
    const struct wt_profile_point *then = &holding->chosen;
    bool drifts =
        !point->throttled &&
        (differs(point->time_per_step_s, then->time_per_step_s, point->time_error_s) ||
         differs(point->energy_per_step_j, then->energy_per_step_j, point->energy_error_j));
    holding->drifting = drifts ? holding->drifting + 1 : 0;
    return holding->drifting >= DRIFT_SLICES;
}

void holding_savings(const struct holding *holding, const struct plan *plan,
                     const struct wt_profile_point *profiled, struct wt_savings *savings)
{
    struct wt_profile_point all = holding->now.steps ? holding->now : *profiled;
    if (holding->before.steps) { /* the whole run, which had more than one limit */
        if (holding->now.steps)
            profile_merge(&all, &holding->before);
        else
            all = holding->before;
        all.setting.value = 0;
    }
    plan_savings(plan, &all, savings);
}
