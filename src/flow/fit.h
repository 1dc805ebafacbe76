/* SPDX-License-Identifier: Apache-2.0
 *
 * Fits: the model of GPUs and step that a profile supports.
 * Nouns only: no functions, no pointers to storage that somebody must free.  Energy in joules,
 * power in watts, time in seconds.
 */
#ifndef WATTUNE_FLOW_FIT_H
#define WATTUNE_FLOW_FIT_H

#include <stdbool.h>

#include "flow/profile.h"

/* estimate: a number and half the width of its 95 % interval; value NaN: not known. */
struct wt_estimate {
    double value, error;
};

/* fit: the model of GPUs and step that a profile supports.  Powers, like energies, are summed
 * over the run's GPUs. */
enum wt_fit_state {
    WT_FIT_DONE,
    WT_FIT_FEW,       /* too few limits were measured */
    WT_FIT_THROTTLED, /* too few without another cap holding */
    /* the GPUs never drew the power that the limits allow: no limit made a difference */
    WT_FIT_NOT_REACHED,
    WT_FIT_IGNORED, /* they drew more than the limits allow, at every limit */
};

struct wt_fit_point {
    struct wt_profile_point measured;
    bool used;                                 /* by the fit */
    double time_per_step_s, energy_per_step_j; /* by the fit; NaN without one */
};

struct wt_fit {
    enum wt_fit_state state;
    /* the points: residuals are as small as for trainings that are like the model */
    bool describes;
    unsigned used;
    /* Each is NaN as well where the points do not tell: they hardly narrow the prior knowledge,
     * or a power is off by half. */
    struct wt_estimate static_w;  /* drawn at every clock */
    struct wt_estimate dynamic_w; /* beside it while the GPUs work, at the highest limit measured */
    struct wt_estimate full_dynamic_w; /* the same at full clock, which that limit may not allow */
    struct wt_estimate compute; /* share of the step's time at that limit that follows the clock */
    /* limit of one GPU at which a step takes least energy, within the driver's range: */
    struct wt_estimate least_limit_w;
    double low_w, high_w;
    /* Of measured / fitted - 1: root of the mean square, and the largest. */
    double time_rms, time_largest, power_rms, power_largest;
    /* rms of residuals over the points' own standard errors; NaN: those are not known */
    double against_errors;
    unsigned count;
    struct wt_fit_point points[WT_MAX_LIMITS]; /* highest limit first */
};

#endif
