/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of a machine: the lines of `wattune doctor`.
 * Nouns only: no functions, no pointers to storage that somebody must free.
 */
#ifndef WATTUNE_FLOW_CHECK_H
#define WATTUNE_FLOW_CHECK_H

#include <stdbool.h>

/* check: one line of `wattune doctor`. */
enum wt_check_status { WT_CHECK_GOOD, WT_CHECK_DEGRADED, WT_CHECK_MISSING };

struct wt_check {
    const char *name; /* "energy_counter": a constant */
    char device[32];  /* "GPU 0"; empty when it is about none */
    enum wt_check_status status;
    bool needed;      /* the machine should have it: missing is a failure */
    char detail[400]; /* the finding, in words */
    char todo[400];   /* the advice; empty when nothing is to be done */
    unsigned value_count;
    struct {
        const char *key;
        double value;
    } values[12]; /* measured, with the unit in the key; NaN: unknown */
};

#endif
