/* SPDX-License-Identifier: Apache-2.0
 *
 * Computes the energy and the carbon of a fleet under other circumstances.
 */
#include "account/study/what_if.h"

#include <math.h>
#include <string.h>

#include "account/carbon/operational.h"
#include "base/units.h"
#include "tune/decide/profile.h"
#include "tune/decide/selector.h"

/* --- One job --- */

static const struct wt_profile_point *point_at(const struct wt_profile_point points[],
                                               unsigned count, uint32_t limit_mw)
{
    for (unsigned i = 0; i < count; i++)
        if (points[i].setting.value == limit_mw && points[i].steps &&
            points[i].time_per_step_s > 0 && points[i].energy_per_step_j > 0)
            return &points[i];
    return NULL;
}

static double max_power_w(const struct wt_profile_point points[], unsigned count)
{
    uint32_t most_mw = 0;
    for (unsigned i = 0; i < count; i++)
        most_mw = points[i].setting.value > most_mw ? points[i].setting.value : most_mw;
    return most_mw / 1e3;
}

struct wt_potential potential_of(const struct wt_profile_point all[], unsigned count,
                                 uint32_t limit_mw, double eta)
{
    struct wt_profile_point points[WT_MAX_LIMITS];
    count = count < WT_MAX_LIMITS ? count : WT_MAX_LIMITS;
    memcpy(points, all, count * sizeof points[0]);
    count = profile_keep_knob(points, count, WT_KNOB_POWER_LIMIT);
    struct wt_potential potential = {.limit_mw = limit_mw,
                                     .chosen_energy = NAN,
                                     .chosen_time = NAN,
                                     .least_energy = NAN,
                                     .least_time = NAN};
    const struct wt_preference choice = {.selector = WT_SELECT_COST, .eta = eta},
                               least = {.selector = WT_SELECT_COST, .eta = 1};
    const struct wt_profile_point *now = point_at(points, count, limit_mw);
    struct wt_decision chosen, lowest;
    double most_w = max_power_w(points, count);
    if (!now || selector_choose(points, count, NULL, &choice, most_w, &chosen, NULL) ||
        selector_choose(points, count, NULL, &least, most_w, &lowest, NULL))
        return potential;
    potential.chosen_mw = chosen.setting.value;
    potential.least_mw = lowest.setting.value;
    potential.chosen_energy = points[chosen.point].energy_per_step_j / now->energy_per_step_j;
    potential.chosen_time = points[chosen.point].time_per_step_s / now->time_per_step_s;
    potential.least_energy = points[lowest.point].energy_per_step_j / now->energy_per_step_j;
    potential.least_time = points[lowest.point].time_per_step_s / now->time_per_step_s;
    return potential;
}

/* --- The fleet --- */

/* The part of watched devices that no run accounts for, as a part of the whole, as its energy is.
 */
static double beside(const struct wt_fleet_lines *lines, double whole)
{
    double j = lines->idle_j + lines->unattributed_j - lines->overlap_j;
    return lines->watched_hours > 0 && lines->energy_j > 0 ? whole * (j / lines->energy_j)
                                                           : (double)NAN;
}

/* Embodied carbon of the time in which no run had the device, less that which more than one has
 * booked. */
static double embodied_beside(const struct wt_fleet_lines *lines)
{
    double known_hours = lines->watched_hours - lines->unknown_hours;
    return known_hours > 0 ? lines->embodied_g *
                                 (1 - (lines->reserved_hours + lines->overlap_hours) / known_hours)
                           : (double)NAN;
}

struct wt_fleet_figures fleet_figures(const struct wt_fleet *fleet)
{
    const struct wt_report_row *runs = &fleet->total;
    const struct wt_fleet_lines *lines = &fleet->lines;
    return (struct wt_fleet_figures){
        .energy_j = sum_known(sum_known(sum_known(runs->gpu_j, runs->cpu_j), runs->dram_j),
                              beside(lines, lines->energy_j)),
        .facility_j = sum_known(runs->facility_j, beside(lines, lines->facility_j)),
        .gpu_hours = runs->gpu_hours,
        .operational_g = sum_known(runs->operational_g, beside(lines, lines->operational_g)),
        .embodied_g = sum_known(runs->embodied_g, embodied_beside(lines)),
        .embodied_useful_g = runs->embodied_useful_g,
    };
}

/* Energy and GPU hours that the jobs would have at the limits that their potentials choose, less
 * what they have. */
static void change(const struct wt_fleet *fleet, double *energy_j, double *gpu_hours)
{
    *energy_j = *gpu_hours = 0;
    for (size_t i = 0; i < fleet->jobs.count; i++) {
        const struct wt_report_row *job = &fleet->jobs.rows[i];
        const struct wt_potential *potential = &fleet->potentials[i];
        if (!isfinite(potential->chosen_energy) || !isfinite(job->gpu_j))
            continue;
        *energy_j += job->gpu_j * (potential->chosen_energy - 1);
        *gpu_hours += isfinite(job->gpu_hours) ? job->gpu_hours * (potential->chosen_time - 1) : 0;
    }
}

struct wt_fleet_figures fleet_under(const struct wt_fleet *fleet,
                                    const struct wt_fleet_figures *now,
                                    const struct wt_what_if *what_if, double booked_years,
                                    double booked_utilisation)
{
    struct wt_fleet_figures then = *now;
    double more_j = 0, more_hours = 0;
    double pue = now->facility_j / now->energy_j,
           g_per_kwh = now->operational_g / (now->facility_j / J_PER_KWH);
    if (isfinite(what_if->eta))
        change(fleet, &more_j, &more_hours);
    then.energy_j += more_j;
    then.gpu_hours += more_hours;
    then.facility_j = then.energy_j * (isfinite(what_if->pue) ? what_if->pue : pue);
    then.operational_g = carbon_location_g(
        then.facility_j / J_PER_KWH,
        isfinite(what_if->intensity_g_per_kwh) ? what_if->intensity_g_per_kwh : g_per_kwh);
    /* Embodied carbon is by the hour: longer runs take more of it, idle devices less, and the
     * devices stay as they are. */
    double hours = fleet->lines.watched_hours > 0 || !(now->gpu_hours > 0)
                       ? 1
                       : then.gpu_hours / now->gpu_hours;
    double years = isfinite(what_if->lifetime_years) ? booked_years / what_if->lifetime_years : 1;
    double utilisation =
        isfinite(what_if->utilisation) ? booked_utilisation / what_if->utilisation : 1;
    then.embodied_g *= years * hours;
    then.embodied_useful_g *=
        years * utilisation * (now->gpu_hours > 0 ? then.gpu_hours / now->gpu_hours : 1);
    return then;
}
