/* SPDX-License-Identifier: Apache-2.0
 *
 * Carbon-aware tuning of a run.
 */
#include "run/aware.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "carbon/operational.h"

void aware_begin(struct aware *aware, const struct aware_grid *grid, double eta)
{
    char why[TUNER_WHY];
    *aware = (struct aware){.grid = grid,
                            .eta = eta,
                            .wall_ms = clock_wall_ms(),
                            .begin_ns = clock_now_ns(),
                            .asked_s = -1};
    aware_eta(aware, why);
    if (!aware->told)
        log_note("%s", why);
}

/* Series change by the minute at most, and the tuner asks several times a second. */
static void ask(struct aware *aware)
{
    int64_t now_s = (aware->wall_ms + (clock_now_ns() - aware->begin_ns) / NS_PER_MS) / 1000;
    if (now_s == aware->asked_s)
        return;
    aware->asked_s = now_s;
    aware->grid->at(aware->grid->ctx, now_s, &aware->g_per_kwh, &aware->most_g_per_kwh);
}

double aware_eta(void *ctx, char why[TUNER_WHY])
{
    struct aware *aware = ctx;
    ask(aware);
    double eta = carbon_aware_eta(aware->eta, aware->g_per_kwh, aware->most_g_per_kwh);
    bool unknown = isnan(eta);
    if (unknown && !aware->told)
        log_warning("the series of the grid has nothing for this hour: limits are chosen as "
                    "without --carbon-aware until it has");
    aware->told = unknown;
    if (unknown)
        snprintf(why, TUNER_WHY, "the grid is not known");
    else
        snprintf(why, TUNER_WHY, "the grid is at %.4g g/kWh, of at most %.4g in 24 h",
                 aware->g_per_kwh, aware->most_g_per_kwh);
    return unknown ? aware->eta : eta;
}
