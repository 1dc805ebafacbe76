/* SPDX-License-Identifier: Apache-2.0
 *
 * Cost of energy and time.
 */
#include "tune/decide/cost.h"

double cost_max_power_w(uint32_t limit_max_mw, unsigned gpu_count)
{
    return limit_max_mw / 1000.0 * gpu_count;
}

double cost_eta(const struct wt_preference *preference)
{
    return preference->selector == WT_SELECT_ENERGY ? 1
           : preference->selector == WT_SELECT_TIME ? 0
                                                    : preference->eta;
}

double cost_j(double eta, double max_power_w, double energy_j, double time_s)
{
    /* 0 x NaN is NaN: a term without weight is left out instead. */
    double energy_part = eta > 0 ? eta * energy_j : 0;
    double time_part = eta < 1 ? (1 - eta) * max_power_w * time_s : 0;
    return energy_part + time_part;
}

double cost_per_step_j(double eta, double max_power_w, const struct wt_profile_point *point)
{
    return cost_j(eta, max_power_w, point->energy_per_step_j, point->time_per_step_s);
}

double cost_relative_error(double eta, double max_power_w, const struct wt_profile_point *point)
{
    return cost_j(eta, max_power_w, point->energy_error_j, point->time_error_s) /
           cost_per_step_j(eta, max_power_w, point);
}
