/* SPDX-License-Identifier: Apache-2.0
 *
 * The grid: which power limits a search may try.  Ranges come from the devices as numbers; a run
 * sets one limit on all of its GPUs, so only limits that every one of them allows are on the grid.
 */
#ifndef WATTUNE_TUNE_DECIDE_POWER_LIMITS_H
#define WATTUNE_TUNE_DECIDE_POWER_LIMITS_H

#include "base/error.h"
#include "flow/profile.h"

/* One less than a profile holds: the limit found at the start may be off the grid and needs an
 * entry too. */
enum { POWER_LIMITS_MAX = WT_MAX_LIMITS - 1 };

struct power_range {
    uint32_t min_mw, max_mw;
};

/* The range that all `count` devices allow.  WT_E_NOT_SUPPORTED when one does not tell its limits
 * (0), WT_E_RANGE when they have none in common, WT_E_NO_DEVICE when there is none. */
int power_limits_common(const struct wt_device devices[], unsigned count, struct power_range *range,
                        struct wt_error *err);

/* Every 25 W from max down to min, min included although it may be off the grid, highest first.
 * Returns how many. (25 W is Zeus's step: cost is flat around its minimum, half a step away from it
 * costs well below 1 %. A range so wide that the array would not hold it is cut in steps of 50 W,
 * 100 W and so on.) */
int power_limits_auto(struct power_range range, uint32_t limits_mw[POWER_LIMITS_MAX]);

/* The user's limits, highest first, each once.  Returns how many; WT_E_RANGE names the value and
 * the range when a limit is outside of it, or when there are too many. */
int power_limits_from_list(const uint32_t wanted_mw[], unsigned count, struct power_range range,
                           uint32_t limits_mw[POWER_LIMITS_MAX], struct wt_error *err);

#endif
