/* SPDX-License-Identifier: Apache-2.0
 *
 * Stretches: times of a watched GPU, as they are booked.
 * Nouns only: no functions, no pointers to storage that somebody must free.  Energy in joules, wall
 * clock in milliseconds since 1970.
 */
#ifndef WATTUNE_FLOW_STRETCH_H
#define WATTUNE_FLOW_STRETCH_H

#include <stdint.h>

#include "flow/carbon.h"
#include "flow/device.h"
#include "flow/sample.h"

/* stretch: a time of one hour in which a whole GPU was watched, and was in use throughout or not at
 * all. */
struct wt_stretch {
    unsigned index;
    char uuid[WT_UUID_LEN], name[WT_NAME_LEN];
    int64_t begin_ms, end_ms;        /* wall clock */
    double energy_j, energy_error_j; /* 95 % bound; NaN: unknown */
    enum wt_source source;           /* WT_SOURCE_NONE: the energy is unknown */
    int in_use;                      /* by any process; 1, 0; -1: unknown */
    double busy_s;                   /* in which a kernel ran; NaN: unknown */
    /* of the whole stretch, for all users of the GPU together; market-based and useful are NaN */
    struct wt_carbon carbon;
};

#endif
