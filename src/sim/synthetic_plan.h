/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the fleet: a run that has its GPUs and its time, not yet written out.
 */
#ifndef WATTUNE_SIM_SYNTHETIC_PLAN_H
#define WATTUNE_SIM_SYNTHETIC_PLAN_H

#include "sim/synthetic_job.h"

enum synthetic_fleet_fate {
    SYNTHETIC_DONE,
    SYNTHETIC_FAILED,
    SYNTHETIC_INTERRUPTED,
    SYNTHETIC_KILLED
};

struct synthetic_fleet_plan {
    int64_t start_ms;
    uint64_t number; /* of two that begin at once the one that was submitted first goes first */
    uint32_t job;    /* index */
    uint32_t node;
    unsigned char gpus[SYNTHETIC_NODE_GPUS]; /* indexes on the node, rising */
    unsigned recurrence, try_number;
    enum synthetic_fleet_fate fate;
    bool energy_known, profiles, early_stopped, not_started;
    int reached; /* as in wt_trial */
    uint32_t batch_size, limit_mw;
    unsigned epochs;
    double time_s, energy_j, cost_j; /* of one GPU */
};

/* Names of a node, and of a GPU on it. */
void synthetic_fleet_name_node(unsigned node, char name[WT_USER_LEN]);
void synthetic_fleet_name_gpu(const struct synthetic_fleet_options *options, unsigned node,
                              unsigned gpu, char uuid[WT_UUID_LEN]);

/* Writes the run, the watcher's view apart; the seed is in the names of the GPUs. */
void synthetic_fleet_write_out(const struct synthetic_fleet_options *options,
                               struct synthetic_fleet_job *job,
                               const struct synthetic_fleet_plan *plan,
                               struct synthetic_fleet_run *run);

#endif
