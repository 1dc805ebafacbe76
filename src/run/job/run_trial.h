/* SPDX-License-Identifier: Apache-2.0
 *
 * The trial of a run, as far as it is the run's and not the ledger's: its energy and its outcome.
 * job_begin_trial() and job_max_power_w() of run/job/job.h live here as well.
 */
#ifndef WATTUNE_RUN_JOB_RUN_TRIAL_H
#define WATTUNE_RUN_JOB_RUN_TRIAL_H

#include "flow/trial.h"
#include "run/job/job.h"
#include "run/job/run_ending.h"

/* The sums over the devices that the meter has measured; unknown where one of a kind is. */
void run_trial_fill_energy(const struct live_meter *meter, const struct wt_measurement devices[],
                           struct wt_trial_part *part);

/* Everything but energy, time and cost.  `not_tuned` says why it was not tuned (empty: it was); an
 * exit code from a signal of ours is -1 in the trial. */
void run_trial_fill_outcome(const struct run_ending *ending, const struct wt_progress *progress,
                            const struct tuner_result *tuned, const char *not_tuned, int exit_code,
                            struct wt_trial *trial);

#endif
