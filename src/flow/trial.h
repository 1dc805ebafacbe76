/* SPDX-License-Identifier: Apache-2.0
 *
 * Trials, jobs and stretches: the rows of the ledger.  Nouns only: no functions, no pointers to
 * storage that must be freed.  Integers inside, SI at the edge: energy in joules where it is
 * booked, wall clock in milliseconds since 1970.
 */
#ifndef WATTUNE_FLOW_TRIAL_H
#define WATTUNE_FLOW_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/carbon.h"
#include "flow/device.h"
#include "flow/profile.h"
#include "flow/progress.h"
#include "flow/sample.h"

enum {
    WT_USER_LEN = 65, /* HOST_NAME_MAX and a 0; user names are shorter */
};

/* trial: one try of a recurrence, in parts.  Doubles are NaN, settings and sizes 0 when unknown.
 * A whole trial is some 18 KB: a caller that needs a few fields of many trials asks the ledger
 * for sums, or takes the trials one by one. */

/* The identity of a run: its job, its user and its place. */
struct wt_trial_identity {
    int64_t id; /* given by the ledger */
    /* the ledger's number of the state that chose its batch size; 0: none did */
    int64_t state_id;
    unsigned recurrence; /* 1, 2, ... within the job */
    unsigned try_number; /* 1, 2, ... within the recurrence */
    char job[WT_JOB_LEN], phase[WT_METRIC_LEN], project[WT_JOB_LEN];
    char user[WT_USER_LEN], node[WT_USER_LEN]; /* empty: unknown */
    int64_t started_ms;                        /* wall clock, UTC, milliseconds since 1970 */
};

struct wt_trial_outcome {
    bool ended;                /* false while it runs, or when its run was killed */
    uint32_t batch_size;       /* 0: not known */
    struct wt_setting setting; /* in force after profiling */
    double time_s;
    double cost_j; /* Zeus, section 3.1, with eta and MAXPOWER of the run */
    uint64_t steps, epochs;
    double metric;
    /* 1, 0; -1: there was no target, or a budget ended the run before that was known */
    int reached;
    /* we ended it: where reached is 0, since its target was missed; else by a budget */
    bool early_stopped;
    bool not_started; /* the cost of an epoch was known to be too high */
    int exit_code;    /* -1: none of its own, since we ended it or did not start it */
    char note[128];   /* which budget ended it, why it was not tuned, in words; empty: neither */
    struct wt_savings savings;
};

/* A node's part: its devices and their energy. */
struct wt_trial_gpu {
    unsigned index;
    char uuid[WT_UUID_LEN], name[WT_NAME_LEN];
};

struct wt_trial_part {
    double energy_j, energy_error_j; /* GPUs, summed */
    double sensor_error_fraction;
    double cpu_energy_j, dram_energy_j;
    double busy_s; /* GPU time in which a kernel ran, summed over the GPUs */
    enum wt_source source;
    unsigned gpu_count;
    struct wt_trial_gpu gpus[WT_MAX_DEVICES];
};

struct wt_trial_profile {
    unsigned count;
    struct wt_profile_point points[WT_MAX_LIMITS];
};

struct wt_trial {
    struct wt_trial_identity identity;
    struct wt_trial_outcome outcome;
    struct wt_carbon carbon;
    struct wt_trial_profile profile;
    struct wt_trial_part part;
};

/* recurrence: the sums over its tries; one unknown try makes a sum unknown (NaN) */
struct wt_recurrence {
    unsigned recurrence, tries;
    int reached; /* 1 as soon as one try has; 0; -1: there was no target, or a try has not ended */
    double energy_j, time_s, cost_j;
};

/* learned: the tries of a batch size under one state */
struct wt_learned {
    uint32_t batch_size;
    uint32_t limit_mw;                       /* of the last try that knows it; 0: none does */
    unsigned runs, reached;                  /* that ended; of them, that reached the target */
    double energy_j, time_s, cost_j, epochs; /* sums over those that reached the target */
};

/* job row: the ledger's knowledge of one job, over all its trials */
struct wt_job_row {
    /* phase, project: of the last trial */
    char job[WT_JOB_LEN], phase[WT_METRIC_LEN], project[WT_JOB_LEN];
    unsigned recurrences, trials;
    unsigned unended;        /* trials that run, or whose run was killed */
    int64_t last_started_ms; /* wall clock */
    double energy_j;         /* GPUs; over the trials whose energy is known, NaN when none is */
    unsigned energy_unknown; /* trials that are missing in energy_j */
    double time_s;           /* over the trials whose time is known, NaN when none is */
    /* the least of the trials' savings; NaN: no baseline was ever measured */
    double best_energy_fraction;
    double best_energy_fraction_error;
};

/* stretch: a time of one hour in which a whole GPU was watched, and was in use throughout or not at
 * all. */
struct wt_stretch {
    unsigned index;
    char uuid[WT_UUID_LEN], name[WT_NAME_LEN];
    int64_t begin_ms, end_ms;        /* wall clock */
    double energy_j, energy_error_j; /* 95 % bound; NaN: unknown */
    enum wt_source source;           /* WT_SOURCE_NONE: the energy is unknown */
    int in_use;                      /* by any process; 1, 0; -1: unknown */
    double busy_s;                   /* in which a kernel ran; NaN: unknown */
    /* of the whole stretch, for all users of the GPU together; market-based and useful are NaN */
    struct wt_carbon carbon;
};

#endif
