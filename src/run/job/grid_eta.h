/* SPDX-License-Identifier: Apache-2.0
 *
 * Carbon-aware tuning of a run (Chase): which eta limits are chosen by as the grid changes under
 * it.  The wall clock is read once; from there on time is the run's own.  Where grids come from is
 * the caller's, the rule is account/carbon/operational.h's; the tuner chooses.
 */
#ifndef WATTUNE_RUN_JOB_GRID_ETA_H
#define WATTUNE_RUN_JOB_GRID_ETA_H

#include <stdint.h>

#include "tune/live/tuner.h"

/* g/kWh at a time, and the largest of the 24 h before it (MaxCI); NaN: not known. */
struct grid_eta_grid {
    void (*at)(void *ctx, int64_t unix_s, double *g_per_kwh, double *most_g_per_kwh);
    void *ctx;
};

struct grid_eta {
    const struct grid_eta_grid *grid;
    double eta; /* that was asked for */
    int64_t wall_ms, begin_ns;
    int64_t asked_s;                  /* unix time of the last question */
    double g_per_kwh, most_g_per_kwh; /* the answer */
    bool told;                        /* that there was none */
};

/* `series` is borrowed.  Prints the grid's value now. */
void grid_eta_begin(struct grid_eta *grid, const struct grid_eta_grid *series, double eta);

/* tuner_options.eta_now over a struct grid_eta.  Where the grid is not known, eta as it was asked
 * for: Zeus's choice. */
double grid_eta_eta(void *grid, char why[TUNER_WHY]);

#endif
