/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulations: the tries of a policy on a trace, their sums and choices, and the sums of a
 * simulated fleet. Nouns only: no functions, no pointers to storage that somebody must free. Energy
 * and cost in joules, time in seconds, power limits in milliwatts.
 */
#ifndef WATTUNE_FLOW_SIMULATION_H
#define WATTUNE_FLOW_SIMULATION_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/identity.h"

/* simulated try: one run of a batch size at a power limit, as a trace has it. */
struct wt_simulated_try {
    unsigned recurrence; /* 1, 2, ... */
    uint32_t batch_size, limit_mw;
    unsigned epochs;
    double energy_j, time_s, cost_j;
    bool reached, profiled; /* profiled: its first epoch tried all power limits */
    bool ran;               /* false: the bound on its cost did not leave room for one epoch */
};

/* simulation: the sums over all recurrences of one seed, or their mean or deviation over seeds */
struct wt_simulation {
    uint64_t seed;
    double energy_j, time_s, cost_j, regret_j; /* sums */
    double last5_energy_j, last5_time_s;       /* means over the last five recurrences */
    /* of the default's expected ones; NaN: not known */
    double last5_energy_fraction, last5_time_fraction;
};

/* simulated fleet: the amounts that it booked */
struct wt_simulated_fleet {
    uint64_t seed;
    unsigned gpus, users;
    uint64_t runs, unended, profiles, stretches;
    double gpu_hours;          /* reserved by runs that ended */
    double energy_j;           /* GPUs, where it is known */
    int64_t first_ms, last_ms; /* the first run and the last one began: wall clock; 0: no run */
};

/* choices: how often each batch size was where a recurrence ended, over one seed or many.
 * Recurrences share a bin when there are more than a page is wide. */
enum { WT_MAX_BINS = 256 };

struct wt_choices {
    /* recurrence r of n (from 0) is in bin r * bins / n */
    uint32_t counts[WT_MAX_BINS][WT_MAX_BATCH_SIZES];
};

#endif
