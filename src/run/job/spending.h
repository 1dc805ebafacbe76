/* SPDX-License-Identifier: Apache-2.0
 *
 * Spending: the use that a run makes of the budget of its command, as it goes on.  Energy is that
 * of all devices measured, GPUs, processors and memory; carbon is operational (location-based) and
 * embodied (SCI), as the run will be booked; time is the run's.  Prints warnings and predictions,
 * and says when nothing is left.  It ends nothing itself.
 *
 * An unknown amount does not count: a run is never ended for energy that was not measured, and the
 * user is told that part of it is not watched.
 */
#ifndef WATTUNE_RUN_JOB_SPENDING_H
#define WATTUNE_RUN_JOB_SPENDING_H

#include "account/book/booking.h"
#include "measure/meter/meter.h"
#include "tune/decide/budget.h"

struct spending_options {
    struct budget_amount budget;        /* of the whole command; BUDGET_NONE: there is none */
    double before;                      /* used of it by earlier runs of the command */
    bool warned;                        /* one of them has warned */
    uint64_t least_epochs, most_epochs; /* that the run is expected to take; most 0: not known */
    unsigned earlier_runs;              /* behind that expectation; 0: it is --max-epochs */
};

struct spending {
    struct spending_options options;
    struct budget budget;
    struct live_meter *meter;
    const struct booking_factors *factors;
    int64_t started_ms, started_ns; /* by the wall clock, and by base/clock.h */
    double used;                    /* by this run */
    double energy_j, operational_g;
    double embodied_g_per_s;
    int64_t hour;   /* since 1970, whose intensity that is; -1: none yet */
    double g_per_j; /* of the devices' energy, PUE included; NaN: not known */
    uint64_t epochs;
    bool profiled; /* limits were tried in the epoch that runs */
    enum budget_verdict verdict;
    bool predicted, told_grid;
    struct {
        double energy_j; /* when it was last known */
        int64_t known_ns;
        bool told;
    } devices[WT_MAX_DEVICES];
};

/* `meter` and `factors` (needed for carbon) are borrowed; `trial` tells which GPUs are reserved,
 * out of node_gpus. */
void spending_begin(struct spending *spending, const struct spending_options *options,
                    struct live_meter *meter, const struct booking_factors *factors,
                    unsigned node_gpus, const struct wt_trial *trial, int64_t started_ns);

/* Looks at the run; `profiling`: limits are being tried.  True when nothing is left. */
bool spending_poll(struct spending *spending, const struct wt_progress *progress, bool profiling);

/* The whole use of a run: as it is booked, or, where that is not known, as far as it was seen. */
double spending_end(const struct spending *spending, const struct wt_trial *trial);

/* "2 kWh": an amount in the unit that the budget was given in. */
enum { SPENDING_TEXT = 48 };
const char *spending_text(char text[SPENDING_TEXT], const struct budget_amount *budget,
                          double amount);

#endif
