/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging slices: the cost of a step at one power limit, from all the slices measured at it.
 */
#ifndef WATTUNE_TUNE_DECIDE_PROFILE_H
#define WATTUNE_TUNE_DECIDE_PROFILE_H

#include <stdbool.h>

#include "flow/profile.h"

/* True for a slice that can be believed: at least one step, a length, energy that is not negative.
 * Energy may be unknown (NaN): time alone still tells something. */
bool profile_slice_valid(const struct wt_profile_point *slice);

/* The variance of the logarithm of a measured value with this 95 % bound; of one that does not know
 * its error, as slices are measured as a rule.  At most 1: such a value says next to nothing. */
double profile_log_variance(double value, double error_95);

/* Adds a slice to the entry of its limit (entry->steps == 0: still empty).  Steps, energy and time
 * are sums; errors of different slices are independent, so their squares add; an unknown one stays
 * unknown.  A slice that was not throttled takes the place of throttled ones, and a throttled one
 * adds nothing to one that was not. */
void profile_merge(struct wt_profile_point *entry, const struct wt_profile_point *slice);

/* Adds to points[0..count), highest limit first, the points of `older` at other settings (of other
 * knobs behind), and takes
 * its word on a limit that points has only seen throttled.  Returns the new count, at most
 * WT_MAX_LIMITS; further points are left out. */
unsigned profile_unite(struct wt_profile_point points[WT_MAX_LIMITS], unsigned count,
                       const struct wt_profile_point older[], unsigned older_count);

/* Drops the points of other knobs; the rest keep their order.  Returns their number. */
unsigned profile_keep_knob(struct wt_profile_point points[], unsigned count, enum wt_knob knob);

/* True when two profiles are of the same GPUs: model, count and range of limits. */
bool profile_same_gpus(const struct wt_profile_key *a, const struct wt_profile_key *b);

#endif
