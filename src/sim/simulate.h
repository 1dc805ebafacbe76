/* SPDX-License-Identifier: Apache-2.0
 *
 * Trace-driven simulation (Zeus section 6): a job recurs, a policy chooses batch size and power
 * limit, and each run's result is drawn from the trace.  A seed means the same history as in the
 * published artifact.
 *
 * The part that no seed changes is worked out once and shared; seeds are independent and run on all
 * cores.
 */
#ifndef WATTUNE_SIM_SIMULATE_H
#define WATTUNE_SIM_SIMULATE_H

#include <stddef.h>

#include "base/error.h"
#include "flow/study.h"
#include "sim/trace.h"
#include "tune/decide/random.h"

/* A document of that many takes some 250 MB. */
enum {
    SIM_RECURRENCES_MOST = 100000,
    SIM_SEEDS_MOST = 100000,
    SIM_POINTS_MOST = WT_MAX_BATCH_SIZES * WT_MAX_LIMITS
};

struct sim_options {
    const char *policy; /* zeus, default, grid or oracle */
    double eta, beta;   /* beta: INFINITY for no early stop */
    unsigned window;
    unsigned max_epochs;
    uint32_t default_size; /* 0: none is known, and nothing can be simulated */
    unsigned recurrences;  /* 0: twice as many as there are pairs of batch size and power limit */
};

struct sim {
    const struct sim_trace *trace; /* borrowed */
    struct sim_options options;
    unsigned policy; /* row of the table of policies */
    struct wt_study study;
    unsigned point_count;
    /* by expectation, of sizes that always reached the target: size by size, highest limit first */
    struct wt_point points[SIM_POINTS_MOST];
    struct sim_cost {   /* of a batch size, by its index in the trace */
        unsigned best;  /* the power limit of least cost: index of its points */
        double epoch_j; /* the cost of an epoch at it */
        double profile_time_s, profile_energy_j; /* of the epoch that tries all limits */
    } costs[WT_MAX_BATCH_SIZES];
    unsigned default_index;
    struct random_normals normals;
};

/* Fills *sim, some 200 KB; the trace must outlive it.  WT_E_INVALID: no such policy, or the default
 * batch size is not in the trace; WT_E_RANGE: an option out of range. */
int sim_init(struct sim *sim, const struct sim_trace *trace, const struct sim_options *options,
             struct wt_error *err);

/* The tries, in order; grows as needed.  The caller frees `tries`. */
struct sim_history {
    struct wt_simulated_try *tries;
    size_t count, capacity;
};

/* One seed.  History and choices, which are added to, may be NULL.  WT_E_NO_DATA: the default batch
 * size did not reach the target in the first recurrence, or none did later on. */
int sim_run(const struct sim *sim, uint64_t seed, struct sim_history *history,
            struct wt_choices *choices, struct wt_simulation *result, struct wt_error *err);

/* The number of bins for the choices of that many recurrences. */
unsigned sim_bins(unsigned recurrences);

/* Seeds first, first + 1, ... on all cores; results[0..count) in their order.  The error is that of
 * the first seed that has one. */
int sim_run_seeds(const struct sim *sim, uint64_t first, unsigned count,
                  struct wt_simulation results[], struct wt_choices *choices, struct wt_error *err);

/* Mean and standard deviation (n - 1; NaN of one) of each value over the results. */
void sim_summary(const struct wt_simulation results[], unsigned count, struct wt_simulation *mean,
                 struct wt_simulation *sd);

#endif
