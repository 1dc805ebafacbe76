/* SPDX-License-Identifier: Apache-2.0
 *
 * The purpose of a run: its target, the most epochs it may have and the bound of its cost.  Looks
 * at progress and energy as the run goes on and says when the training has reached its target and
 * when its next epoch must not begin.  It ends nothing itself.
 */
#ifndef WATTUNE_RUN_JOB_RUN_TARGET_H
#define WATTUNE_RUN_JOB_RUN_TARGET_H

#include "flow/profile.h"
#include "measure/meter/meter.h"
#include "tune/decide/early_stop.h"
#include "tune/decide/target.h"

struct run_target_options {
    bool has_target; /* without one the run ends by itself and the rest does not matter */
    struct target target;
    unsigned max_epochs;
    double bound_j;          /* most that the run may cost; INFINITY: no bound */
    double eta, max_power_w; /* of that cost */
    double grace_s;          /* between SIGTERM and SIGKILL */
};

enum run_target_state {
    RUN_TARGET_OPEN,
    RUN_TARGET_REACHED, /* the training may end, and is not ended */
    RUN_TARGET_MISSED,  /* the next epoch must not begin */
};

struct run_target {
    struct run_target_options options;
    const struct live_meter *meter;
    enum run_target_state state;
    struct target_seen seen;
    struct early_stop stop;
    int64_t started_ns, known_ns; /* energy is summed up to the latter */
    double energy_j;
    uint64_t epochs;
    bool profiled; /* limits were tried in the epoch that runs */
};

/* `meter` is borrowed. */
void run_target_begin(struct run_target *run_target, const struct run_target_options *options,
                      const struct live_meter *meter, int64_t started_ns);

/* Looks at the run.  `tuned` is the cost of a step at the limit that holds, NULL while none does;
 * `profiling` says that limits are being tried.  Returns the state, which leaves RUN_TARGET_OPEN
 * once. */
enum run_target_state run_target_poll(struct run_target *run_target,
                                      const struct wt_progress *progress, bool profiling,
                                      const struct wt_profile_point *tuned);

/* The training has ended: the last epoch may have reached the target.  Says in words why a target
 * could not be reached. */
enum run_target_state run_target_end(struct run_target *run_target,
                                     const struct wt_progress *progress);

#endif
