/* SPDX-License-Identifier: Apache-2.0
 *
 * A fleet that never was: users, projects, jobs, phases and GPUs over months, as runs in the order
 * in which they begin.  For trying out reports at the size of a year, and for showing an account of
 * a fleet.
 *
 * Pure but for its random numbers, which a seed gives: no clock, no input, no output.  Must not
 * know the ledger or carbon.  Facts about real fleets stand beside their source; all else is
 * assumed, and marked as assumed.
 */
#ifndef WATTUNE_SIM_SYNTHETIC_FLEET_H
#define WATTUNE_SIM_SYNTHETIC_FLEET_H

#include <stddef.h>

#include "base/error.h"
#include "flow/trial.h"
#include "sim/simulate.h"

enum {
    SYNTHETIC_NODE_GPUS = 8, /* of one model; the last node may have fewer */
    SYNTHETIC_MODELS_MOST = 8,
    SYNTHETIC_GPUS_MOST = 100000,
    SYNTHETIC_USERS_MOST = 10000,
    SYNTHETIC_RUNS_MOST = 20000000,
    SYNTHETIC_DAYS_MOST = 3660,
    SYNTHETIC_SHARES = 3, /* phases that use GPUs: experimentation, training, inference */
};

/* A GPU model: its name as the driver has it, the range of its power limit, and its idle power. */
struct synthetic_fleet_model {
    const char *key, *name;
    uint32_t limit_min_mw, limit_max_mw;
    double idle_w;
};

/* NULL: there is no model of that key. */
const struct synthetic_fleet_model *synthetic_fleet_model_find(const char *key);

/* All of them, for sentences; NULL behind the last. */
const struct synthetic_fleet_model *synthetic_fleet_model_at(unsigned i);

struct synthetic_fleet_options {
    uint64_t seed;
    unsigned gpus, users;
    uint64_t runs; /* the number of runs; 0: all that begin within `days` */
    double days;
    int64_t start_ms;     /* wall clock */
    unsigned model_count; /* nodes have them in turn */
    const struct synthetic_fleet_model *models[SYNTHETIC_MODELS_MOST];
    double shares[SYNTHETIC_SHARES]; /* of the GPU time that is asked for; at least one above 0 */
    double load; /* GPU time asked for / GPU time there is; above 0, at most 1 */
    /* policy, eta, beta and window of jobs that choose their batch size; with a trace all of it */
    struct sim_options sim;
    const struct sim_trace
        *trace; /* NULL, or the trace of such jobs' trainings; of the one GPU model; borrowed */
};

/* An hour of a run's device. position: of trial.gpus, or of the processor behind them. */
struct synthetic_fleet_hour {
    int64_t hour; /* since 1970, UTC */
    unsigned position;
    double energy_j, busy_s; /* NaN: unknown */
};

/* A GPU as a watcher of devices sees it that knows no runs: unused from idle_from_ms on, then in
 * use. */
struct synthetic_fleet_use {
    char node[WT_USER_LEN];
    unsigned node_number, node_gpus, index; /* node_number: from 0 */
    char uuid[WT_UUID_LEN], name[WT_NAME_LEN];
    int64_t idle_from_ms, begin_ms, end_ms;
    /* while it was in use: a little more than the run's figure, and also the energy of a killed
     * run */
    double idle_w, used_j, busy_s;
};

/* One run as a ledger books it, carbon apart.  trial.ended is false for one that was killed: all
 * that is known of it is how it began.  energy_j of each GPU, NaN: unknown; cpu_j of the processor,
 * NaN: not measured. */
struct synthetic_fleet_run {
    struct wt_trial trial;
    unsigned node_number, node_gpus; /* from 0; and how many it has */
    double energy_j[SYNTHETIC_NODE_GPUS], cpu_j;
    double reserved_s;  /* how long it held its GPUs, killed or not */
    unsigned use_count; /* GPUs that it used; their times join those of the run before on each */
    struct synthetic_fleet_use uses[SYNTHETIC_NODE_GPUS];
    /* trial.profile is the profile that the next run of its job and batch size begins with */
    bool keeps_profile;
    struct wt_profile_key key;
};

struct synthetic_fleet;

/* WT_E_RANGE, WT_E_INVALID: an option is out of range, or a trace comes with several GPU models.
 * The caller frees *out with synthetic_fleet_free(). */
int synthetic_fleet_new(const struct synthetic_fleet_options *options, struct synthetic_fleet **out,
                        struct wt_error *err);
struct synthetic_fleet *
synthetic_fleet_free(struct synthetic_fleet *fleet); /* takes NULL, returns NULL */

/* The next run: 1; 0: there are no more. */
int synthetic_fleet_next(struct synthetic_fleet *fleet, struct synthetic_fleet_run *run,
                         struct wt_error *err);

/* After the last run: the next GPU that nobody used any more until the end, 1; 0: there are no
 * more. */
int synthetic_fleet_next_idle(struct synthetic_fleet *fleet, struct synthetic_fleet_use *use);

/* Writes the stretches that a watch of the GPU books (`wattune monitor --book`): within one hour
 * each, idle or in use, which join and add up to idle_w for the idle time and to used_j.  Returns
 * their number; more than `capacity` are not written.  Carbon is left unknown. */
size_t synthetic_fleet_use_stretches(const struct synthetic_fleet_use *use,
                                     struct wt_stretch stretches[], size_t capacity);

/* Writes the hours of a run that ended, device by device: the energy and busy time of each,
 * evenly over the run.  Those of a device add up to its energy.  Returns their number; more than
 * `capacity` are not written. */
size_t synthetic_fleet_run_hours(const struct synthetic_fleet_run *run,
                                 struct synthetic_fleet_hour hours[], size_t capacity);

#endif
