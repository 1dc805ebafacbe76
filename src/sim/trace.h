/* SPDX-License-Identifier: Apache-2.0
 *
 * A published trace of one job: the epochs that recorded runs of each batch size took to a target,
 * and the time and power of an epoch at each power limit.  Two CSV files, as the artifact of Zeus
 * has them, with columns in any order:
 *
 * training: dataset, network, batch_size, optimizer, learning_rate, run, target_metric,
 *           target_epoch (nan: never reached)
 *
 * power: dataset, network, batch_size, optimizer, power_limit, time_per_epoch, average_power
 *
 * Only batch sizes that are in both are of use.  An error in a file is one sentence that names the
 * file and the line.
 */
#ifndef WATTUNE_SIM_TRACE_H
#define WATTUNE_SIM_TRACE_H

#include "base/error.h"
#include "flow/study.h"

struct sim_point {
    uint32_t limit_mw;
    double epoch_time_s, epoch_energy_j;
};

struct sim_size {
    uint32_t batch_size;
    unsigned point_count, run_count;
    struct sim_point points[WT_MAX_LIMITS]; /* highest limit first */
    const unsigned
        *run_epochs; /* of each recorded run with this target, in the file's order; 0: never */
};

struct sim_trace {
    char job[3 * WT_NAME_LEN];
    double target;
    uint32_t limit_most_mw; /* of the whole power file: MAXPOWER */
    unsigned size_count, limit_count;
    struct sim_size sizes[WT_MAX_BATCH_SIZES]; /* rising */
    uint32_t limits_mw[WT_MAX_LIMITS];         /* of this job, highest first */
    unsigned *epochs;                          /* of all sizes, one after the other */
};

/* Reads the job "dataset/network/optimizer" at the target, which is compared as a number.  The
 * caller frees it with sim_trace_free(), also after a failure.  WT_E_PARSE, WT_E_RANGE: a file is
 * malformed; WT_E_INVALID: it cannot be read, or has no such job or target. */
int sim_trace_read(struct sim_trace *trace, const char *training_path, const char *power_path,
                   const char *job, double target, struct wt_error *err);

/* Frees the contents and empties the trace. */
void sim_trace_free(struct sim_trace *trace);

#endif
