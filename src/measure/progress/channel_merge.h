/* SPDX-License-Identifier: Apache-2.0
 *
 * From the slots of many threads and processes to one progress, by the rules in channel.h.  Pure;
 * slots are hostile.
 */
#ifndef WATTUNE_MEASURE_PROGRESS_CHANNEL_MERGE_H
#define WATTUNE_MEASURE_PROGRESS_CHANNEL_MERGE_H

#include "measure/progress/channel_layout.h"

/* Times are CLOCK_MONOTONIC nanoseconds within created_ns and now_ns; 0 when there was no step, no
 * epoch. */
struct channel_merged {
    uint64_t steps, epochs;
    int64_t last_ns, epoch_ns;
    double metric;                   /* finite or NaN */
    char metric_name[WT_METRIC_LEN]; /* printable ASCII, ended by a 0 */
};

void channel_merge(const struct channel_slot slots[], unsigned count, int64_t created_ns,
                   int64_t now_ns, struct channel_merged *merged);

#endif
