/* SPDX-License-Identifier: Apache-2.0
 *
 * The selector: which of the measured power limits to run at.
 *
 *   cost          least cost per step
 *   energy        least energy per step
 *   time          the highest limit whose time per step cannot be told from the least
 *   max slowdown  least energy among the limits with time <= (1 + f) x time at the highest limit
 *
 * Ties keep the higher limit: a lower one must be strictly better.  For time that would not do:
 * above the power the GPU draws by itself, limits differ by noise alone, and a lower limit that was
 * luckily quick is no faster.  So a limit counts as fast as the fastest when the difference is
 * within the 95 % errors of the two.
 *
 * A throttled point (another cap held while it was measured) says little about its limit.  Such
 * points are used, as reference or as choice, only when there is no other.
 */
#ifndef WATTUNE_TUNE_DECIDE_SELECTOR_H
#define WATTUNE_TUNE_DECIDE_SELECTOR_H

#include <stdbool.h>

#include "base/error.h"
#include "flow/profile.h"

/* Chooses among points[0..count), in any order.  Points without steps, or whose numbers the
 * preference needs and are not known, are passed over.  `allowed[i]` false keeps a point from being
 * chosen, not from being the reference of a slowdown; NULL allows all.  When no allowed limit is
 * within the slowdown, the fastest is chosen. Returns 0; WT_E_NO_DATA when nothing can be chosen;
 * WT_E_INVALID for a preference that makes no sense. */
int selector_choose(const struct wt_profile_point points[], unsigned count, const bool allowed[],
                    const struct wt_preference *preference, double max_power_w,
                    struct wt_decision *decision, struct wt_error *err);

#endif
