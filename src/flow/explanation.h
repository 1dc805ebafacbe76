/* SPDX-License-Identifier: Apache-2.0
 *
 * Explanations: the way from the default of a job to its choice, and the part of each knob in the
 * saving.
 * Nouns only: no functions, no pointers to storage that somebody must free.  Energy in joules, time
 * in seconds, power limits in milliwatts.
 */
#ifndef WATTUNE_FLOW_EXPLANATION_H
#define WATTUNE_FLOW_EXPLANATION_H

#include <stdint.h>

#include "flow/device.h"
#include "flow/fit.h"
#include "flow/profile.h"

/* explanation: how far the choice of a batch size and a power limit is from the default, and which
 * part is whose. */
struct wt_side {
    uint32_t batch_size, limit_mw; /* size 0: not known; limit 0: there is none such */
    double epochs;                 /* to the target, mean; NaN: not known */
    double time_per_step_s, energy_per_step_j;
    double time_s, energy_j; /* to the target; NaN: not known */
};

struct wt_part {
    double fraction, error; /* energy with this knob's effect / without; 95 % */
    /* saving by it, as a fraction of the default's energy: the parts add up to the whole */
    double saving;
};

/* Which knob is turned first matters: the limit saves more of a large step than of a small one. */
enum wt_order { WT_ORDER_MEAN, WT_ORDER_SIZE_FIRST, WT_ORDER_LIMIT_FIRST, WT_ORDER_UNKNOWN };

struct wt_explanation {
    char job[WT_JOB_LEN], gpu_model[WT_NAME_LEN];
    unsigned gpu_count;
    uint32_t found_limit_mw; /* in force before the last run of the chosen size; 0: not known */
    struct wt_fit fit;       /* of the chosen size */
    struct wt_side standard; /* the default size at the highest limit measured */
    struct wt_side chosen;
    struct wt_side least; /* the least energy of all that was measured: the optimum at eta 1 */
    /* the least energy among choices no slower than the default; the default itself: it is on
     * the front of the measurements */
    struct wt_side front;
    struct wt_estimate whole, whole_time; /* chosen / default */
    struct wt_part epochs, size, limit;   /* size: the cost of an epoch at it */
    enum wt_order order;
    struct wt_estimate left;             /* energy of least / chosen */
    struct wt_estimate least_of_default; /* of least / default */
    unsigned size_count;                 /* batch sizes that are compared */
    unsigned sizes_apart; /* measured too, but not comparable: their epochs are not known */
};

#endif
