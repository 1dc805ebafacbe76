/* SPDX-License-Identifier: Apache-2.0
 *
 * The profile of a run while it is made: the grid of limits, the plan of slices, and its use of a
 * profile that a store knows already.
 */
#ifndef WATTUNE_TUNE_LIVE_PROFILING_H
#define WATTUNE_TUNE_LIVE_PROFILING_H

#include "measure/meter/meter.h"
#include "tune/decide/plan.h"
#include "tune/live/tuner.h"

struct profiling {
    double max_power_w;
    unsigned gpu_count, limit_count;
    uint32_t limits_mw[POWER_LIMITS_MAX];
    struct plan plan;
    unsigned stored_count;
    struct wt_profile_point stored[WT_MAX_LIMITS];
    bool compared;               /* the stored points were held against a slice of this run */
    unsigned added;              /* slices of this run in the plan */
    unsigned unknown;            /* slices in a row without energy */
    int64_t begun_ns, length_ns; /* of the profile under way; of all before it */
};

/* Fills the grid, and the GPUs' part of options->key.  WT_E_NOT_SUPPORTED, WT_E_RANGE: these GPUs
 * cannot be tuned together, or at all. */
int profiling_init(struct profiling *profiling, struct tuner_options *options,
                   const struct live_meter *meter, struct wt_error *err);

/* Loads the stored profile; one that cannot be loaded is told and left out. */
void profiling_load(struct profiling *profiling, const struct tuner_options *options,
                    const struct tuner_store *store);

/* Starts the plan, with the stored points or without.  *reused: at least one was of use. */
int profiling_start(struct profiling *profiling, const struct tuner_options *options, double eta,
                    uint32_t found_mw, bool with_stored, bool *reused, struct wt_error *err);

/* True once, when the first limit that both know costs something else now than the stored profile
 * says: it is another job's. */
bool profiling_disagrees(struct profiling *profiling, const struct wt_profile_point *point);

/* Saves the profile together with the stored points; a failure is told. */
void profiling_save(const struct profiling *profiling, const struct tuner_options *options,
                    const struct tuner_store *store);

#endif
