/* SPDX-License-Identifier: Apache-2.0
 *
 * Carbon-aware tuning of a run.
 */
#include "run/job/grid_eta.h"

#include <math.h>
#include <stdio.h>

#include "account/carbon/operational.h"
#include "base/clock.h"
#include "base/log.h"

void grid_eta_begin(struct grid_eta *grid, const struct grid_eta_grid *series, double eta)
{
    char why[TUNER_WHY];
    *grid = (struct grid_eta){.grid = series,
                              .eta = eta,
                              .wall_ms = clock_wall_ms(),
                              .begin_ns = clock_now_ns(),
                              .asked_s = -1};
    grid_eta_eta(grid, why);
    if (!grid->told)
        log_note("%s", why);
}

/* Series change by the minute at most, and the tuner asks several times a second. */
static void ask(struct grid_eta *grid)
{
    int64_t now_s = (grid->wall_ms + (clock_now_ns() - grid->begin_ns) / NS_PER_MS) / 1000;
    if (now_s == grid->asked_s)
        return;
    grid->asked_s = now_s;
    grid->grid->at(grid->grid->ctx, now_s, &grid->g_per_kwh, &grid->most_g_per_kwh);
}

double grid_eta_eta(void *ctx, char why[TUNER_WHY])
{
    struct grid_eta *grid = ctx;
    ask(grid);
    double eta = carbon_aware_eta(grid->eta, grid->g_per_kwh, grid->most_g_per_kwh);
    bool unknown = isnan(eta);
    if (unknown && !grid->told)
        log_warning("the series of the grid has nothing for this hour: limits are chosen as "
                    "without --carbon-aware until it has");
    grid->told = unknown;
    if (unknown)
        snprintf(why, TUNER_WHY, "the grid is not known");
    else
        snprintf(why, TUNER_WHY, "the grid is at %.4g g/kWh, of at most %.4g in 24 h",
                 grid->g_per_kwh, grid->most_g_per_kwh);
    return unknown ? grid->eta : eta;
}
