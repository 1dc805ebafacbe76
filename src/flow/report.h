/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports: sums over runs, and their basis.  Nouns only: no functions; names are borrowed.  Energy
 * in joules, carbon in grams of CO2e, wall clock in milliseconds since 1970.
 */
#ifndef WATTUNE_FLOW_REPORT_H
#define WATTUNE_FLOW_REPORT_H

#include <stdint.h>

/* report row: all runs of one job, or user, or day, or of several of these at once. */
enum wt_report_key {
    WT_BY_JOB,
    WT_BY_PHASE,
    WT_BY_USER,
    WT_BY_PROJECT,
    WT_BY_GPU,
    WT_BY_NODE,
    WT_BY_DAY,
    WT_REPORT_KEYS
};

struct wt_report_row {
    /* in the order of the request; "": unknown; borrowed from the source of the row */
    const char *keys[WT_REPORT_KEYS];
    uint64_t runs, unended; /* tries that ran; of these, those that run or were killed */
    double gpu_hours;       /* reserved */
    /* in which a kernel ran; over the runs that know it, NaN: none */
    double busy_gpu_hours;
    double gpu_j, cpu_j, dram_j;                     /* over the runs that know it; NaN: none */
    uint64_t gpu_unknown, cpu_unknown, dram_unknown; /* runs that are missing in them */
    double facility_j;                               /* of all that was measured */
    double operational_g, market_g, embodied_g, embodied_useful_g; /* as in wt_carbon */
    /* runs that are missing in them */
    uint64_t operational_unknown, market_unknown, embodied_unknown;
    /* over the runs whose savings were measured; NaN: none */
    double saved_j, saved_error_j, saved_g;
    uint64_t saved_runs;
    /* wall clock: the first began, the last ended (begun, where no end is known); 0: no run */
    int64_t first_ms, last_ms;
    double gpus_least, gpus_most; /* of a run; NaN: unknown of all */
    /* of gpu_j, 95 %, sensors' calibration apart; NaN: not known of all of its runs */
    double gpu_error_j;
    /* over the runs that know all of these, so that one may be divided by another */
    struct {
        uint64_t runs;
        double gpu_hours, facility_j, operational_g, embodied_g; /* 0 when there is none */
    } complete;
};

/* A row of no runs: its sums are unknown, its counts 0.  The user includes math.h. */
#define WT_REPORT_NO_RUNS                                                                          \
    .gpu_hours = NAN, .busy_gpu_hours = NAN, .gpu_j = NAN, .cpu_j = NAN, .dram_j = NAN,            \
    .facility_j = NAN, .operational_g = NAN, .market_g = NAN, .embodied_g = NAN,                   \
    .embodied_useful_g = NAN, .saved_j = NAN, .saved_error_j = NAN, .saved_g = NAN

/* report basis: a source behind the figures of a report, and the number of runs that rest on it */
enum wt_basis { WT_BASIS_ENERGY, WT_BASIS_PUE, WT_BASIS_INTENSITY, WT_BASIS_EMBODIED, WT_BASES };

struct wt_report_basis {
    enum wt_basis kind;
    const char *source; /* in words; "": unknown; borrowed from the source of the row */
    uint64_t runs;
    /* the factor over these runs: PUE, g/kWh, years of lifetime; NaN: unknown, or the kind has none
     */
    double least, most;
};

#endif
