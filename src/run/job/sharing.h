/* SPDX-License-Identifier: Apache-2.0
 *
 * Other users of the run's GPUs.  A GPU that others use is measured as a whole and not tuned:
 * the limit would slow them as well, and their work would be taken for the training's.
 */
#ifndef WATTUNE_RUN_JOB_SHARING_H
#define WATTUNE_RUN_JOB_SHARING_H

#include "measure/meter/meter.h"

enum { SHARING_PIDS = 256 };

struct sharing {
    /* Processes seen before the training started.  In a PID namespace the driver's numbers are not
     * ours to look up: there, a process that came after the start counts as the training's. */
    unsigned before_count;
    uint32_t before[SHARING_PIDS];
};

/* Notes the processes that are there before the command starts. */
void sharing_begin(struct sharing *sharing, const struct live_meter *meter);

/* The first stranger that computes on one of the devices: true, with its pid and the device's
 * index. */
bool sharing_stranger(const struct sharing *sharing, const struct live_meter *meter, uint32_t *pid,
                      unsigned *index);

#endif
