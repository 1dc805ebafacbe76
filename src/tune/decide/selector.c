/* SPDX-License-Identifier: Apache-2.0
 *
 * The selector.  One pass per question over at most 64 points; nothing is sorted, so the order of
 * the points cannot matter: where two are equal the limit decides.
 */
#include "tune/decide/selector.h"

#include <math.h>

#include "tune/decide/cost.h"

struct choice {
    const struct wt_profile_point *points;
    unsigned count;
    const bool *allowed;
    bool throttled; /* whether throttled points take part */
};

/* The quantity to make small, for each selector. */
static double objective(const struct wt_profile_point *point,
                        const struct wt_preference *preference, double max_power_w)
{
    switch (preference->selector) {
    case WT_SELECT_COST:
        return cost_per_step_j(preference->eta, max_power_w, point);
    case WT_SELECT_TIME:
        return point->time_per_step_s;
    case WT_SELECT_ENERGY:
    case WT_SELECT_MAX_SLOWDOWN:
        break;
    }
    return point->energy_per_step_j;
}

static bool measured(const struct choice *choice, unsigned i)
{
    const struct wt_profile_point *point = &choice->points[i];
    return point->steps > 0 && (choice->throttled || !point->throttled);
}

static bool may_choose(const struct choice *choice, unsigned i)
{
    return measured(choice, i) && (!choice->allowed || choice->allowed[i]);
}

/* The least objective among the points that may be chosen and take at most longest_s; -1 when there
 * is none. */
static int least(const struct choice *choice, const struct wt_preference *preference,
                 double max_power_w, double longest_s)
{
    int best = -1;
    double best_value = 0;
    for (unsigned i = 0; i < choice->count; i++) {
        double value = objective(&choice->points[i], preference, max_power_w);
        if (!may_choose(choice, i) || !isfinite(value))
            continue;
        if (isfinite(longest_s) && !(choice->points[i].time_per_step_s <= longest_s))
            continue;
        bool higher =
            best >= 0 && choice->points[i].setting.value > choice->points[best].setting.value;
        if (best < 0 || value < best_value || (value == best_value && higher)) {
            best = (int)i;
            best_value = value;
        }
    }
    return best;
}

static double known(double error)
{
    return isfinite(error) ? error : 0;
}

/* The highest limit that is as fast as the fastest within the errors. */
static int least_time(const struct choice *choice)
{
    struct wt_preference time = {.selector = WT_SELECT_TIME};
    int best = least(choice, &time, 0, INFINITY);
    if (best < 0)
        return -1;
    const struct wt_profile_point *fastest = &choice->points[best];
    for (unsigned i = 0; i < choice->count; i++) {
        const struct wt_profile_point *point = &choice->points[i];
        double slack_s = hypot(known(point->time_error_s), known(fastest->time_error_s));
        if (may_choose(choice, i) && point->setting.value > choice->points[best].setting.value &&
            point->time_per_step_s - fastest->time_per_step_s <= slack_s)
            best = (int)i;
    }
    return best;
}

static int within_slowdown(const struct choice *choice, const struct wt_preference *preference)
{
    int top = -1;
    for (unsigned i = 0; i < choice->count; i++)
        if (measured(choice, i) && isfinite(choice->points[i].time_per_step_s) &&
            (top < 0 || choice->points[i].setting.value > choice->points[top].setting.value))
            top = (int)i;
    if (top < 0)
        return -1;
    int best = least(choice, preference, 0,
                     (1 + preference->max_slowdown) * choice->points[top].time_per_step_s);
    return best >= 0 ? best : least_time(choice);
}

static int choose(const struct choice *choice, const struct wt_preference *preference,
                  double max_power_w)
{
    if (preference->selector == WT_SELECT_TIME)
        return least_time(choice);
    if (preference->selector == WT_SELECT_MAX_SLOWDOWN)
        return within_slowdown(choice, preference);
    return least(choice, preference, max_power_w, INFINITY);
}

static int check(const struct wt_preference *preference, struct wt_error *err)
{
    if (preference->selector == WT_SELECT_COST && !(preference->eta >= 0 && preference->eta <= 1))
        return error_set(err, WT_E_INVALID, "eta is %g, not within 0 and 1", preference->eta);
    if (preference->selector == WT_SELECT_MAX_SLOWDOWN && !(preference->max_slowdown >= 0))
        return error_set(err, WT_E_INVALID, "the largest slowdown is %g, below 0",
                         preference->max_slowdown);
    return 0;
}

int selector_choose(const struct wt_profile_point points[], unsigned count, const bool allowed[],
                    const struct wt_preference *preference, double max_power_w,
                    struct wt_decision *decision, struct wt_error *err)
{
    int rc = check(preference, err);
    if (rc)
        return rc;
    struct choice choice = {.points = points, .count = count, .allowed = allowed};
    int best = choose(&choice, preference, max_power_w);
    if (best < 0) {
        choice.throttled = true;
        best = choose(&choice, preference, max_power_w);
    }
    if (best < 0)
        return error_set(err, WT_E_NO_DATA, "no power limit was measured");
    /* A choice by another preference gets its cost at the even trade-off, so that runs compare. */
    double eta = preference->selector == WT_SELECT_COST ? preference->eta : 0.5;
    *decision = (struct wt_decision){
        .setting = points[best].setting,
        .cost_per_step_j = cost_per_step_j(eta, max_power_w, &points[best]),
        .point = (unsigned)best,
    };
    return 0;
}
