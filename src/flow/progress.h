/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress: how far a training is.
 * Nouns only: no functions, no pointers to storage that somebody must free.
 */
#ifndef WATTUNE_FLOW_PROGRESS_H
#define WATTUNE_FLOW_PROGRESS_H

#include <stdint.h>

enum {
    WT_METRIC_LEN = 32,
};

/* progress: how far the training is.  Everything that comes through the channel is hostile until
 * checked. */
struct wt_progress {
    int64_t t_ns; /* when the last step ended; 0 before the first */
    uint64_t steps;
    uint64_t epochs;
    int64_t epoch_t_ns;              /* when the last epoch ended; 0 before the first */
    char metric_name[WT_METRIC_LEN]; /* of the last epoch; empty when there was none */
    double metric;                   /* NaN when there was none */
};

#endif
