/* SPDX-License-Identifier: Apache-2.0
 *
 * The slice plan: a search of the power limit, interleaved with baseline slices at the limit found
 * at the start. Training drifts (other data, a warmer board), so a saving is only proven against
 * slices measured in between: one at the start, one after two searched limits, further ones after
 * every four, and one at the end before the optimum is set.  The first comes first because the GPU
 * is at that limit anyway: the second limit is reached after one slice.
 *
 * Where the starting limit is on the grid, its baseline slices are the search's slices of that
 * limit too; where it is not, it gets an entry of its own in the profile, which cannot be chosen:
 * the user said which limits to try.
 */
#ifndef WATTUNE_TUNE_DECIDE_PLAN_H
#define WATTUNE_TUNE_DECIDE_PLAN_H

#include "tune/decide/power_search.h"

/* One at the start and one at the end, and one per four of at most 2 x 63 slices in between. */
enum { PLAN_MAX_BASELINES = 40 };

struct plan {
    struct power_search search;
    bool baseline_wanted;
    uint32_t start_limit_mw;
    unsigned since_baseline; /* slices since the last one at the starting limit */
    unsigned baseline_count;
    struct wt_profile_point baselines[PLAN_MAX_BASELINES];
};

struct plan_slice {
    uint32_t limit_mw;
    bool baseline; /* measured for the savings (too) */
};

/* `search` is started already (power_search_init) and is copied.  A starting limit of 0 is unknown:
 * no baseline. */
void plan_init(struct plan *plan, const struct power_search *search, uint32_t start_limit_mw,
               bool baseline_wanted);

/* True, and the slice to measure next; false when the plan is done and the optimum can be set. */
bool plan_next(const struct plan *plan, struct plan_slice *slice);

/* Takes a measured slice, at any limit of the grid or the starting one.  Errors as
 * power_search_add(). */
int plan_add(struct plan *plan, const struct wt_profile_point *slice, struct wt_error *err);

/* The measured profile, one entry a limit, highest first.  Returns how many, 0 before the first
 * slice. */
unsigned plan_profile(const struct plan *plan, struct wt_profile_point profile[WT_MAX_LIMITS]);

/* The decision by the measurements so far, done or not; decision->point indexes plan_profile().
 * Errors as selector_choose(). */
int plan_decide(const struct plan *plan, struct wt_decision *decision, struct wt_error *err);

/* The saving of running at `now` (the decision's entry of the profile, or a longer measurement at
 * its limit) against the baseline slices: the mean of now / baseline over them.  Throttled
 * baselines are left out if others are there.  The 95 % errors hold the errors of `now` and of each
 * slice, and how the baselines differ among themselves, which is taken to hold for `now` as well.
 * Everything is NaN and the limit 0 when there is no baseline slice; at the baseline's own limit
 * nothing was changed: 1, without error. */
void plan_savings(const struct plan *plan, const struct wt_profile_point *now,
                  struct wt_savings *savings);

#endif
