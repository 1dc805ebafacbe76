/* SPDX-License-Identifier: Apache-2.0
 *
 * Ending a training early: it is asked (wt_stop_requested), then gets SIGTERM, then SIGKILL.  A
 * training that polls has the time of grace to save its state; one that goes on stepping has not
 * listened and is not waited for, and one that reports nothing through the channel cannot have
 * listened.  Pure: the moments come in as arguments.
 */
#ifndef WATTUNE_RUN_PROCESS_STOP_H
#define WATTUNE_RUN_PROCESS_STOP_H

#include <stdbool.h>
#include <stdint.h>

enum stop_stage { STOP_NOT, STOP_ASKED, STOP_TERMINATED, STOP_KILLED };

struct stop {
    enum stop_stage stage;
    int64_t since_ns, grace_ns; /* of CLOCK_MONOTONIC: processes need real time */
    uint64_t steps;             /* when it was asked */
    bool listens;
};

void stop_begin(struct stop *stop, int64_t now_ns, int64_t grace_ns, bool listens, uint64_t steps);

/* The next thing to do, told once each: STOP_TERMINATED send SIGTERM, STOP_KILLED send SIGKILL,
 * STOP_NOT nothing (yet). */
enum stop_stage stop_next(struct stop *stop, int64_t now_ns, uint64_t steps);

#endif
