/* SPDX-License-Identifier: Apache-2.0
 *
 * One training command from start to booking: the main job.  Everything meets here: the live meter,
 * progress, tuner, guard, supervision and ledger.
 */
#ifndef WATTUNE_RUN_JOB_JOB_H
#define WATTUNE_RUN_JOB_JOB_H

#include "account/book/booking.h"
#include "account/ledger/ledger.h"
#include "run/job/grid_eta.h"
#include "run/job/run_target.h"
#include "run/job/spending.h"
#include "run/job/substitute.h"
#include "tune/live/tuner.h"

struct job_options {
    /* The command. */
    char *const *argv;
    const char *const *env; /* see run/process/supervise.h */
    bool replace;           /* the words of run/job/substitute.h in argv, and its variables */
    struct substitute_values
        values; /* the recurrence is filled in; the seed is that of the first one */

    /* Its identity in the ledger. */
    const char *job, *phase, *project; /* project NULL: none */
    const char *user, *node;           /* its user and its host; NULL: unknown */
    unsigned recurrence, try_number; /* which one this is a try of; 0: the job's next, the first */
    int64_t state_id;                /* of the state that chose the batch size; 0: none */
    const struct booking_factors *factors; /* NULL: no carbon is booked */

    /* Its progress. */
    bool use_channel;
    const char *step_pattern, *metric_pattern, *epoch_pattern; /* NULL: none */

    /* Tuning. */
    bool observe; /* never write to a device */
    bool shared;  /* tune although others use the GPUs */
    struct tuner_options tuner;
    struct sense_options sense;       /* how the guard process opens the devices again */
    const struct grid_eta_grid *grid; /* limits follow the grid; NULL: they do not */

    /* Its end.  Without a target the bound and MAXPOWER do not matter; a budget is the whole
     * command's, and one of carbon needs factors. */
    struct run_target_options run_target;
    struct spending_options spending;

    void (*on_turn)(void *ctx); /* a few times a second while the command runs; may be NULL */
    void *ctx;
};

struct job_result {
    /* The command's end. */
    int exit_code;    /* the command's, or 126/127 when it could not be started */
    bool interrupted; /* by the SIGINT of our terminal */
    int asked_to_end; /* the signal that somebody sent us to end it all; 0: none */
    bool failed;      /* the command ended with an error, and not because we ended it */

    /* The budget. */
    bool over_budget; /* nothing was left of it: we ended the command */
    bool budget_warned;
    double spent; /* by this run, in the budget's own quantity */

    /* The measurement and the booking. */
    bool booked; /* in the ledger */
    struct wt_trial trial;
    struct wt_measurement devices[WT_MAX_DEVICES];
    struct tuner_result tuned;
};

/* Runs the command on devices[0..count) of `sense`, GPUs first.  `ledger` NULL: nothing is booked
 * or reused.  Returns 0 when the command ran, whatever its exit code; WT_E_NOT_FOUND when it could
 * not be started; other codes: it was not started. */
int job_run(const struct job_options *options, struct sense *sense, const unsigned devices[],
            unsigned count, struct ledger *ledger, struct job_result *result, struct wt_error *err);

/* Runs a command and measures it, nothing else (`wattune measure`). */
int job_measure(char *const *argv, const char *const *env, struct sense *sense,
                const unsigned devices[], unsigned count, struct job_result *result,
                struct wt_error *err);

/* MAXPOWER of the GPUs among devices[0..count), watts (tune/decide/cost.h); NaN when it is not
 * known. */
double job_max_power_w(const struct sense *sense, const unsigned devices[], unsigned count);

/* A trial that has begun now: everything that is only known at its end is unknown. */
void job_begin_trial(const struct job_options *options, const struct sense *sense,
                     const unsigned devices[], unsigned count, struct wt_trial *trial);

#endif
