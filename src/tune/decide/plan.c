/* SPDX-License-Identifier: Apache-2.0
 *
 * The slice plan, and the savings that its baseline slices prove.
 */
#include "tune/decide/plan.h"

#include <math.h>

#include "base/stats.h"
#include "tune/decide/profile.h"
#include "tune/decide/selector.h"

/* One in five slices is spent on the proof: at 2 s a slice the baselines then follow drift of ten
 * seconds and more.  Three are the fewest that show how much they differ (of two, the 95 % bound is
 * thirteen times their standard deviation), so the second comes early: a search may be done after
 * three or four limits. */
enum { BASELINE_EVERY = 4, SECOND_BASELINE_AFTER = 2 };

void plan_init(struct plan *plan, const struct power_search *search, uint32_t start_limit_mw,
               bool baseline_wanted)
{
    *plan = (struct plan){
        .search = *search,
        .start_limit_mw = start_limit_mw,
        .baseline_wanted = baseline_wanted && start_limit_mw > 0,
    };
}

static bool baseline_due(const struct plan *plan, bool search_done)
{
    if (!plan->baseline_wanted || plan->baseline_count == PLAN_MAX_BASELINES)
        return false;
    unsigned every = plan->baseline_count == 1 ? SECOND_BASELINE_AFTER : BASELINE_EVERY;
    return plan->baseline_count == 0 || plan->since_baseline >= every ||
           (search_done && plan->since_baseline > 0);
}

bool plan_next(const struct plan *plan, struct plan_slice *slice)
{
    uint32_t limit_mw = 0;
    bool searching = power_search_next(&plan->search, &limit_mw);
    if (baseline_due(plan, !searching))
        limit_mw = plan->start_limit_mw;
    else if (!searching)
        return false;
    *slice =
        (struct plan_slice){limit_mw, plan->baseline_wanted && limit_mw == plan->start_limit_mw};
    return true;
}

int plan_add(struct plan *plan, const struct wt_profile_point *slice, struct wt_error *err)
{
    if (!profile_slice_valid(slice))
        return error_set(err, WT_E_INVALID, "a slice at %g W has no steps or impossible numbers",
                         slice->setting.value / 1000.0);
    bool baseline = plan->baseline_wanted && slice->setting.value == plan->start_limit_mw;
    if (!baseline || power_search_find(&plan->search, slice->setting.value) >= 0) {
        int rc = power_search_add(&plan->search, slice, err);
        if (rc)
            return rc;
    }
    plan->since_baseline = baseline ? 0 : plan->since_baseline + 1;
    if (baseline && plan->baseline_count < PLAN_MAX_BASELINES)
        plan->baselines[plan->baseline_count++] = *slice;
    return 0;
}

/* The entry of a starting limit that is off the grid; without steps when there is none. */
static struct wt_profile_point off_grid(const struct plan *plan)
{
    struct wt_profile_point entry = {0};
    if (power_search_find(&plan->search, plan->start_limit_mw) < 0)
        for (unsigned i = 0; i < plan->baseline_count; i++)
            profile_merge(&entry, &plan->baselines[i]);
    return entry;
}

/* As plan_profile(), and which of the entries are on the grid. */
static unsigned collect(const struct plan *plan, struct wt_profile_point profile[WT_MAX_LIMITS],
                        bool on_grid[WT_MAX_LIMITS])
{
    struct wt_profile_point extra = off_grid(plan);
    unsigned count = 0;
    for (unsigned i = 0; i < plan->search.count; i++) {
        const struct wt_profile_point *point = &plan->search.points[i];
        if (extra.steps > 0 && extra.setting.value > point->setting.value) {
            on_grid[count] = false;
            profile[count++] = extra;
            extra.steps = 0;
        }
        if (point->steps > 0) {
            on_grid[count] = true;
            profile[count++] = *point;
        }
    }
    if (extra.steps > 0) {
        on_grid[count] = false;
        profile[count++] = extra;
    }
    return count;
}

unsigned plan_profile(const struct plan *plan, struct wt_profile_point profile[WT_MAX_LIMITS])
{
    bool on_grid[WT_MAX_LIMITS];
    return collect(plan, profile, on_grid);
}

int plan_decide(const struct plan *plan, struct wt_decision *decision, struct wt_error *err)
{
    struct wt_profile_point profile[WT_MAX_LIMITS];
    bool on_grid[WT_MAX_LIMITS];
    unsigned count = collect(plan, profile, on_grid);
    return selector_choose(profile, count, on_grid, &plan->search.preference,
                           plan->search.max_power_w, decision, err);
}

struct ratio {
    double value, error;
};

/* now / baseline over the slices.  Of `now` and of the n slices, the errors that each brings by
 * itself; and, from two slices on, the scatter between slices: of their mean, and once more of
 * `now`, a single slice as a rule. */
static struct ratio ratio_of(double now, double now_error, const double slices[],
                             const double errors[], unsigned count)
{
    struct stats ratios = {0};
    double own = 0;
    for (unsigned i = 0; i < count; i++) {
        stats_add(&ratios, now / slices[i]);
        double relative = errors[i] / slices[i];
        own += relative * relative;
    }
    double relative = hypot(now_error / now, sqrt(own) / count);
    double scatter = 0;
    if (count > 1) {
        double of_mean = stats_mean_error(&ratios);
        scatter = of_mean * sqrt(1 + (double)count);
    }
    return (struct ratio){ratios.mean, hypot(relative * ratios.mean, scatter)};
}

void plan_savings(const struct plan *plan, const struct wt_profile_point *now,
                  struct wt_savings *savings)
{
    *savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN};
    if (plan->baseline_count == 0)
        return;
    savings->baseline.value = plan->start_limit_mw;
    if (now->setting.value == plan->start_limit_mw) {
        *savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, plan->start_limit_mw}, 1, 1, 0, 0};
        return;
    }
    bool some_free = false;
    for (unsigned i = 0; i < plan->baseline_count; i++)
        some_free |= !plan->baselines[i].throttled;
    double energy[PLAN_MAX_BASELINES], energy_error[PLAN_MAX_BASELINES];
    double time[PLAN_MAX_BASELINES], time_error[PLAN_MAX_BASELINES];
    unsigned count = 0;
    for (unsigned i = 0; i < plan->baseline_count; i++) {
        const struct wt_profile_point *slice = &plan->baselines[i];
        if (some_free && slice->throttled)
            continue;
        energy[count] = slice->energy_per_step_j;
        energy_error[count] = slice->energy_error_j;
        time[count] = slice->time_per_step_s;
        time_error[count++] = slice->time_error_s;
    }
    struct ratio e =
        ratio_of(now->energy_per_step_j, now->energy_error_j, energy, energy_error, count);
    struct ratio t = ratio_of(now->time_per_step_s, now->time_error_s, time, time_error, count);
    savings->energy_fraction = e.value;
    savings->energy_fraction_error = e.error;
    savings->time_fraction = t.value;
    savings->time_fraction_error = t.error;
}
