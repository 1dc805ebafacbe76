/* SPDX-License-Identifier: Apache-2.0
 *
 * Holding: the run at its chosen limit.  It goes on being measured, in slices of its own, so that
 * savings are those of the whole run and not of the one slice that chose the limit.
 */
#ifndef WATTUNE_TUNE_LIVE_HOLDING_H
#define WATTUNE_TUNE_LIVE_HOLDING_H

#include "tune/decide/plan.h"
#include "tune/live/slice.h"

struct holding {
    struct slice last;              /* complete, waiting for the counters' edges */
    struct wt_profile_point chosen; /* the profile's entry to compare with */
    struct wt_profile_point now;    /* measured at the chosen limit since the profile */
    struct wt_profile_point before; /* and at earlier choices, under another eta */
    unsigned drifting;              /* slices in a row that differ from `chosen` */
};

/* Begins anew after a profile. */
void holding_begin(struct holding *holding, const struct wt_profile_point *chosen);

/* Goes on at another entry of the same profile. */
void holding_change(struct holding *holding, const struct wt_profile_point *chosen);

/* Ends *slice, which waits in `last`, and begins the next at the same step.  Only while nothing
 * waits. */
void holding_cut(struct holding *holding, struct slice *slice, struct step_mark mark);

/* Books a slice at the chosen limit, or at an earlier one; one without steps adds nothing. */
void holding_book(struct holding *holding, struct wt_profile_point point);

/* Books *slice and the one that waits, as well as can be told now: the run has ended. */
void holding_end(struct holding *holding, struct slice *slice, const struct live_meter *meter);

/* True when this slice is the second in a row to differ from the profile by more than 5 % and its
 * error: the training is no longer the one profiled. */
bool holding_drifts(struct holding *holding, const struct wt_profile_point *point);

/* The saving of the run's steps against the plan's baselines; `profiled` is the chosen entry, which
 * counts where nothing was measured since. */
void holding_savings(const struct holding *holding, const struct plan *plan,
                     const struct wt_profile_point *profiled, struct wt_savings *savings);

#endif
