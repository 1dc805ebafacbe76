/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside ledger/, pure: the part of a watched GPU's energy that runs account for, and the rest.
 *
 * Runs know their energy and when they began and ended; within that time they are taken to use it
 * evenly, as stretches are.  Two runs on one GPU have each measured all of it: the mean of their
 * figures counts for such a moment, and the rest is overlap.
 */
#ifndef WATTUNE_ACCOUNT_LEDGER_ATTRIBUTION_H
#define WATTUNE_ACCOUNT_LEDGER_ATTRIBUTION_H

#include <stddef.h>
#include <stdint.h>

#include "flow/fleet.h"

/* The time that a run had a GPU. */
struct attributed_run {
    int64_t begin_ms, end_ms;
    double energy_j; /* NaN: unknown */
};

struct attributed_stretch {
    int64_t begin_ms, end_ms;
    double energy_j, energy_error_j; /* NaN: unknown */
    bool
        counted; /* by a counter: errors of neighbours are those of one common moment, and cancel */
    int in_use;
    double busy_s, pue, operational_g, embodied_g;
};

/* Sums up one GPU.  Stretches are in order and do not overlap; runs are in any order.
 * WT_E_NO_MEMORY is all that can go wrong, and leaves *lines as it was. */
int attribute(const struct attributed_run runs[], size_t run_count,
              const struct attributed_stretch stretches[], size_t stretch_count,
              struct wt_fleet_lines *lines);

/* Nothing watched; and the sum of two. */
struct wt_fleet_lines attribution_none(void);
void attribution_add(struct wt_fleet_lines *sum, const struct wt_fleet_lines *lines);

#endif
