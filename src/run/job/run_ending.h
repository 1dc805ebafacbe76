/* SPDX-License-Identifier: Apache-2.0
 *
 * Ending a run before its command ends by itself: at its target, at the bound of its cost, at the
 * budget of its command.  The training is asked first, then gets SIGTERM, then SIGKILL
 * (run/process/stop.h).
 */
#ifndef WATTUNE_RUN_JOB_RUN_ENDING_H
#define WATTUNE_RUN_JOB_RUN_ENDING_H

#include "run/job/run_progress.h"
#include "run/job/run_target.h"
#include "run/job/run_tuning.h"
#include "run/job/spending.h"
#include "run/process/stop.h"
#include "run/process/supervise.h"

struct run_ending {
    struct run_target target;
    struct spending spending;
    struct stop stop;
    bool over_budget; /* the reason why it is ended */
    bool by_us;       /* the command got a signal of ours */
};

/* Looks at target and budget, and goes on with an end that has begun. */
void run_ending_poll(struct run_ending *ending, struct run_progress *progress,
                     const struct run_tuning *tuning, const struct supervised *command);

/* True once the command is being ended. */
bool run_ending_has_begun(const struct run_ending *ending);

/* The command has ended: sees the last epoch, and ends the rest of its process group when the
 * command was not to go on. */
void run_ending_finish(struct run_ending *ending, const struct wt_progress *progress,
                       const struct supervised *command);

/* 1 target reached, 0 missed, -1 neither: there is none, or the budget came first. */
int run_ending_reached(const struct run_ending *ending);

#endif
