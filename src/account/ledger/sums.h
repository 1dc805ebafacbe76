/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over runs, inside: sums.c makes the answer, sums_read.c reads the rows, sums_group.c adds
 * them up.
 */
#ifndef WATTUNE_ACCOUNT_LEDGER_SUMS_H
#define WATTUNE_ACCOUNT_LEDGER_SUMS_H

#include <math.h>

#include "account/carbon/operational.h"
#include "account/ledger/names.h"
#include "account/ledger/sqlite.h"
#include "base/hours.h"
#include "base/units.h"

/* Items by the ledger's number of a place, a job, a device. */
struct lookup {
    void *items;
    int64_t count;
};

struct place {
    const char *keys[WT_REPORT_KEYS]; /* those that are about places */
    double gpu_count;
};

/* Number of runs that rest on a source, and the range of its figure. */
struct tally {
    uint64_t runs;
    int64_t last; /* the trial that was counted last: a run counts once */
    double least, most;
};

struct factor {
    double pue, lifetime_years;
    const char *intensity_source, *embodied_source, *pue_source;
    struct tally of_pue, of_intensity, of_embodied;
};

/* A run, or an hour of one. */
struct run_share {
    int64_t trial_id, place_id, job_id, factor_id, started_ms, hour;
    bool ended;
    double time_s, busy_s, gpu_j, cpu_j, dram_j, intensity_g_per_kwh, operational_g, market_g,
        embodied_g, embodied_useful_g, energy_fraction, energy_fraction_error;
    double gpu_error_j;     /* NaN for an hour: it is known of whole runs */
    double length_s, share; /* of the run that it is */
    double pue, gpu_count;
    enum wt_source source; /* of the energy */
};

/* A run counts once in a group, though several of its hours lie there: the trial that a counter
 * counted last. */
enum counter {
    RUNS,
    UNENDED,
    NO_GPU,
    NO_CPU,
    NO_DRAM,
    NO_OPERATIONAL,
    NO_MARKET,
    NO_EMBODIED,
    SAVED,
    COMPLETE,
    COUNTERS
};

struct group {
    struct wt_report_row row;
    int64_t last[COUNTERS];
};

/* Groups of one of the reports that are made at once. */
struct grouping {
    const struct ledger_report *what;
    struct group *groups;
    size_t count, capacity;
    size_t *table, table_size; /* hash table of group numbers + 1 */
};

struct sums {
    struct ledger *ledger;
    struct grouping *groupings;
    unsigned grouping_count;
    int64_t from_ms, to_ms;
    const struct ledger_runs
        *only; /* whole runs, and these only; NULL: those that the groupings ask for */
    struct names names;
    bool lost_name;                               /* there was no memory for one */
    struct lookup places, jobs, factors, devices; /* factor 0: none booked */
    struct tally sources[WT_SOURCE_REPLAYED + 1];
    struct group total;
    int64_t day; /* of day_name */
    const char *day_name;
    bool by_hour;
    struct wt_error *err;
};

/* sums_read.c: reads all rows that the report asks for, in the order in which they lie in the file,
 * and puts each into its groups. */
int sums_read(struct sums *sums);

/* sums_group.c: adds a share to its group of each grouping and to the total. */
int sums_put(struct sums *sums, struct run_share *share);
void sums_begin_group(struct group *group);

/* The two below are called for every column of a million runs. */

/* The item of a number that was read; NULL: there is none. */
static inline void *sums_find(const struct lookup *lookup, int64_t id, size_t size)
{
    return id < 0 || id >= lookup->count ? NULL : (char *)lookup->items + (size_t)id * size;
}

int sums_no_memory(struct wt_error *err);

#endif
