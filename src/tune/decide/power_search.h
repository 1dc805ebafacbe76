/* SPDX-License-Identifier: Apache-2.0
 *
 * Searching the power limit: the limit to measure next, given the measurements so far.  The state
 * is one plain struct without pointers: a caller may copy it, store it and go on from the copy.
 *
 * A search is a row of one table.  It sees the same state as the others, so that slices may come
 * from anywhere: a baseline slice at a limit of the grid spares the search that limit.
 */
#ifndef WATTUNE_TUNE_DECIDE_POWER_SEARCH_H
#define WATTUNE_TUNE_DECIDE_POWER_SEARCH_H

#include <stdbool.h>

#include "base/error.h"
#include "flow/profile.h"
#include "tune/decide/power_limits.h"

struct power_search {
    unsigned kind; /* row of the table of searches */
    struct wt_preference preference;
    double max_power_w;
    unsigned gpu_count; /* GPUs in max_power_w; 0: not known, and the highest limit is taken for
                           their largest */
    unsigned count;
    struct wt_profile_point
        points[POWER_LIMITS_MAX];           /* highest limit first; steps == 0: not measured */
    unsigned char slices[POWER_LIMITS_MAX]; /* slices added to each, throttled ones included */
};

struct power_search_ops {
    const char *name; /* as in --search */
    /* Prepares the needs of the search beyond the limits, which are there already; NULL: nothing.
     */
    void (*init)(struct power_search *search);
    /* The index of the point to measure next, or -1 when there is nothing left to learn. */
    int (*next)(const struct power_search *search);
    /* The most limits it asks for on a grid of `count`; NULL: all. */
    unsigned (*most)(unsigned count);
    /* A slice was merged into points[index]; NULL: `next` sees it there. */
    void (*add)(struct power_search *search, unsigned index);
};

/* The names of the searches, for --help: name number `i`, NULL behind the last. */
const char *power_search_name(unsigned i);

/* Starts the search `name` over limits_mw[0..count), which fall.  WT_E_NOT_FOUND: no such search;
 * WT_E_INVALID: the limits do not fall; WT_E_RANGE: too many or none. */
int power_search_init(struct power_search *search, const char *name, const uint32_t limits_mw[],
                      unsigned count, const struct wt_preference *preference, double max_power_w,
                      struct wt_error *err);

/* True, and the limit to measure next; false when the search is done. */
bool power_search_next(const struct power_search *search, uint32_t *limit_mw);

/* The most limits that the search measures: all of the grid, or fewer. */
unsigned power_search_most(const struct power_search *search);

/* Takes a measured slice: of the limit that was asked for or of any other on the grid.
 * WT_E_NOT_FOUND: a limit that is not on it; WT_E_INVALID: no steps or impossible numbers. */
int power_search_add(struct power_search *search, const struct wt_profile_point *slice,
                     struct wt_error *err);

/* The index of a limit, -1 when it is not on the grid. */
int power_search_find(const struct power_search *search, uint32_t limit_mw);

#endif
