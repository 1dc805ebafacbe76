/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning of a run: the tuner with its guard, the guard process beside it, and the reasons not to
 * tune at all.  A failure here costs the tuning, never the command.
 */
#ifndef WATTUNE_RUN_JOB_RUN_TUNING_H
#define WATTUNE_RUN_JOB_RUN_TUNING_H

#include "account/ledger/ledger.h"
#include "run/job/grid_eta.h"
#include "run/job/guard_process.h"
#include "run/job/job.h"
#include "run/job/sharing.h"
#include "run/process/supervise.h"
#include "tune/live/tuner.h"

struct run_tuning {
    const struct job_options *options;
    struct sense *sense;
    const unsigned *gpus; /* indexes of `sense` */
    unsigned gpu_count;
    struct live_meter *meter;
    struct ledger *ledger; /* where profiles live; NULL: nowhere */
    struct tuner *tuner;   /* NULL: nothing is tuned */
    struct guard *guard;
    struct guard_process guard_process;
    struct sharing sharing;
    struct grid_eta grid;
    int64_t started_ns, sharing_ns;
    bool told_no_steps;
    char folder[512];    /* of the guard's journal */
    char not_tuned[128]; /* why; empty: it is tuned */
};

/* Of devices[0..gpu_count) of `sense`, which `meter` measures; all are borrowed.  Notes the
 * users of the GPUs before the command starts. */
void run_tuning_begin(struct run_tuning *tuning, const struct job_options *options,
                      struct sense *sense, const unsigned gpus[], struct live_meter *meter,
                      struct ledger *ledger);

/* Starts the tuner and the guard process, or notes in words why nothing is tuned. */
void run_tuning_start(struct run_tuning *tuning);

/* Looks at progress, at strangers on the GPUs and at the guard process of the command's run. */
void run_tuning_poll(struct run_tuning *tuning, const struct wt_progress *progress);

/* Starts another guard process when the last one was ended. */
void run_tuning_keep_guarded(struct run_tuning *tuning, struct supervised *command);

/* True while limits are tried: counters should be read often. */
bool run_tuning_is_profiling(const struct run_tuning *tuning);

/* True, with the cost of a step in *point, while a chosen limit holds. */
bool run_tuning_holds(const struct run_tuning *tuning, struct wt_profile_point *point);

/* The command has ended: restores the limits, and leaves to the guard process those that cannot be
 * restored now. */
void run_tuning_finish(struct run_tuning *tuning, struct supervised *command,
                       const struct wt_progress *progress, struct tuner_result *result);

/* Frees everything, also after a command that did not start. */
void run_tuning_close(struct run_tuning *tuning);

#endif
