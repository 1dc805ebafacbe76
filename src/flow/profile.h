/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles: the cost of a training step at each setting, the preference, and the decision.  Nouns
 * only: no functions, no pointers to storage that must be freed.  Integers inside, SI at the edge:
 * energy in millijoules, power in milliwatts, time in nanoseconds of base/clock.h.
 */
#ifndef WATTUNE_FLOW_PROFILE_H
#define WATTUNE_FLOW_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/device.h"

enum {
    WT_MAX_LIMITS = 64, /* power limits in one search: 200..700 W by 25 W are 21 */
    WT_JOB_LEN = 256,   /* job names, projects: bytes with the terminating 0 */
};

/* setting: a value of one knob of a device. */
enum wt_knob {
    WT_KNOB_POWER_LIMIT,  /* value in milliwatts */
    WT_KNOB_SM_CLOCK_MAX, /* a lock of the SM clock from the lowest to value, MHz */
    WT_KNOBS,
};

struct wt_setting {
    enum wt_knob knob;
    uint32_t value; /* 0: none, or not known */
};

/* profile point: the cost of a training step at one setting */
struct wt_profile_point {
    struct wt_setting setting;
    uint64_t steps; /* measured at this limit, warm-up left out */
    double time_per_step_s;
    double energy_per_step_j; /* summed over the run's GPUs */
    double energy_error_j;    /* of energy_per_step_j, 95 % */
    double time_error_s;      /* of time_per_step_s, 95 % */
    bool throttled;           /* another cap than the one set held in part of the samples */
};

/* profile key: a profile is valid for exactly this, and never applied elsewhere */
struct wt_profile_key {
    char job[WT_JOB_LEN];
    uint32_t batch_size; /* 0: not known */
    char gpu_model[WT_NAME_LEN];
    unsigned gpu_count;
    uint32_t limit_min_mw, limit_max_mw;
};

/* decision: the limit chosen and why. */
enum wt_selector { WT_SELECT_COST, WT_SELECT_ENERGY, WT_SELECT_TIME, WT_SELECT_MAX_SLOWDOWN };

struct wt_preference {
    enum wt_selector selector;
    double eta;          /* WT_SELECT_COST: 1 energy only .. 0 time only */
    double max_slowdown; /* WT_SELECT_MAX_SLOWDOWN: 0.10 allows 10 % more time per step */
};

struct wt_decision {
    struct wt_setting setting;
    double cost_per_step_j; /* Zeus, section 3.1 (tune/decide/cost.h), at the chosen limit */
    unsigned point;         /* index into the profile that was judged */
};

/* savings: measured against slices at the limit found at the start.  NaN: the baseline was not
 * measured. */
struct wt_savings {
    struct wt_setting baseline;                        /* value 0: none */
    double energy_fraction, time_fraction;             /* per step, now / baseline */
    double energy_fraction_error, time_fraction_error; /* 95 % */
};

#endif
