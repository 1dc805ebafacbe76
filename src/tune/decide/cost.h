/* SPDX-License-Identifier: Apache-2.0
 *
 * Cost, the one number that trades energy for time (Zeus section 3): C = eta x E + (1 - eta) x
 * MAXPOWER x T, in joules.  Epochs do not depend on the power limit, so the limits of one batch
 * size are compared by cost per step.
 */
#ifndef WATTUNE_TUNE_DECIDE_COST_H
#define WATTUNE_TUNE_DECIDE_COST_H

#include "flow/profile.h"

/* MAXPOWER in watts: the largest limit of one GPU times the number of GPUs whose energy is summed.
 * Leaving out the factor would make time cheaper with every GPU that is added. */
double cost_max_power_w(uint32_t limit_max_mw, unsigned gpu_count);

/* The eta of a preference: least energy is 1, least time 0; a slowdown keeps the eta that was given
 * beside it. */
double cost_eta(const struct wt_preference *preference);

/* The cost in joules of energy_j and time_s.  At eta 1 an unknown time does not matter, at eta 0 an
 * unknown energy; otherwise one unknown (NaN) makes the cost unknown. */
double cost_j(double eta, double max_power_w, double energy_j, double time_s);

/* The cost of one training step at this point, joules. */
double cost_per_step_j(double eta, double max_power_w, const struct wt_profile_point *point);

/* 95 % bound of that cost as a fraction of it; NaN when unknown.  The two errors are added, not
 * squared: energy and time of a slice err together, since both depend on where its steps began and
 * ended. */
double cost_relative_error(double eta, double max_power_w, const struct wt_profile_point *point);

#endif
