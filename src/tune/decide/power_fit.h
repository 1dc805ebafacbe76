/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts of the GPU and of the training, read from the points of a profile: how much power no clock
 * takes away, how much follows the clock, how much of a step does, and how sure all that is.
 *
 * The curves are those of the search (power_curve.h).  Instead of asking a fixed set of them, the
 * fit walks through their ranges in proportion to how well each place fits (a Markov chain by
 * differential evolution: ter Braak 2006), so that its result is not one curve but all that the
 * points leave open: an interval is the middle 95 % of them.  The error of a model of this kind is
 * not known beforehand; it is a number of the fit as well.
 */
#ifndef WATTUNE_TUNE_DECIDE_POWER_FIT_H
#define WATTUNE_TUNE_DECIDE_POWER_FIT_H

#include "flow/study.h"

/* Fits points[0..count), in any order, each limit once; energies are summed over gpu_count GPUs, at
 * least 1.  limit_min_mw and limit_max_mw are the driver's; 0: not known, and the measured ones
 * stand for them.  The same points give the same fit.  Costs some 0.3 s of a processor. */
void power_fit(const struct wt_profile_point points[], unsigned count, unsigned gpu_count,
               uint32_t limit_min_mw, uint32_t limit_max_mw, struct wt_fit *fit);

#endif
