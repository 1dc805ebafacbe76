/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside page/: the charts of a fleet's page that a report has not: the uses of watched GPUs, as
 * stacked bars.
 */
#ifndef WATTUNE_SHOW_PAGE_FLEET_CHARTS_H
#define WATTUNE_SHOW_PAGE_FLEET_CHARTS_H

#include "base/buffer.h"
#include "flow/fleet.h"

/* Hours with known energy: those that all else in the lines is about. */
double page_fleet_known_hours(const struct wt_fleet_lines *lines);

/* Of these, the hours in which something used the GPUs that booked nothing. */
double page_fleet_other_hours(const struct wt_fleet_lines *lines);

/* Energy against the counters', and hours with those that were busy, each a figure; nothing where
 * nothing is known. */
void page_fleet_charts(struct buffer *out, const struct wt_fleet_lines *lines);

#endif
