/* SPDX-License-Identifier: Apache-2.0
 *
 * One training command from start to booking: the main job.  Everything meets here: watch, progress, tuner, guard,
 * supervision and ledger.
 */
#ifndef WATTUNE_RUN_JOB_H
#define WATTUNE_RUN_JOB_H

#include "ledger/ledger.h"
#include "run/tuner.h"

struct job_options {
    char *const *argv;
    const char *const *env;          /* for the command, see supervise.h */
    const char *job, *phase, *project; /* project NULL: none */
    bool observe;                    /* never write to a device */
    bool shared;                     /* tune although others use the GPUs */
    bool use_channel;                /* progress from the channel */
    const char *step_pattern, *metric_pattern, *epoch_pattern; /* NULL: none */
    struct tuner_options tuner;
    struct sense_options sense;      /* how the guard process opens the devices again */
};

struct job_result {
    int exit_code;                   /* the command's, or 126/127 when it could not be started */
    bool interrupted;                /* by the SIGINT of our terminal */
    bool booked;                     /* in the ledger */
    struct wt_trial trial;
    struct wt_measurement devices[WT_MAX_DEVICES];
    struct tuner_result tuned;
};

/* Runs the command on devices[0..count) of `sense`, GPUs first.  `ledger` NULL: nothing is booked or reused.  Returns 0 when the command
 * ran, whatever its exit code; WT_E_NOT_FOUND when it could not be started; other codes: it was not started. */
int job_run(const struct job_options *options, struct sense *sense, const unsigned devices[], unsigned count,
            struct ledger *ledger, struct job_result *result, struct wt_error *err);

/* Runs a command and measures it, nothing else (`wattune measure`). */
int job_measure(char *const *argv, const char *const *env, struct sense *sense, const unsigned devices[],
                unsigned count, struct job_result *result, struct wt_error *err);

/* Puts back the limits that killed runs left on any GPU of the source, and says so.  Any start of ours that may write calls it. */
void job_recover(struct sense *sense);

#endif
