/* SPDX-License-Identifier: Apache-2.0
 *
 * The same fleet under another grid, PUE, utilisation, lifetime or trade-off, without running
 * anything: pure arithmetic on booked sums.
 */
#ifndef WATTUNE_ACCOUNT_STUDY_WHAT_IF_H
#define WATTUNE_ACCOUNT_STUDY_WHAT_IF_H

#include "flow/fleet.h"

/* The energy and time per step of a job at the limit that `eta` chooses from its profile, and at
 * the one of least energy, as fractions of those at limit_mw.  Zeus, section 3.1: MAXPOWER is the
 * highest limit of the profile.  All NaN and limits 0 when the profile has no usable point at
 * limit_mw.  The name is the caller's to fill. */
struct wt_potential potential_of(const struct wt_profile_point points[], unsigned count,
                                 uint32_t limit_mw, double eta);

/* The sums of a fleet as they are: runs, and the further use of watched devices (idle and
 * unattributed). */
struct wt_fleet_figures fleet_figures(const struct wt_fleet *fleet);

/* `now` under what_if.  booked_years: the lifetime that embodied carbon was booked with; at_eta:
 * fleet->potentials hold the choices of what_if->eta.  Energy of jobs whose potential is not known
 * stays as it is, and so does the use of idle devices. */
struct wt_fleet_figures fleet_under(const struct wt_fleet *fleet,
                                    const struct wt_fleet_figures *now,
                                    const struct wt_what_if *what_if, double booked_years,
                                    double booked_utilisation);

#endif
