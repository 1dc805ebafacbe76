/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel's file, byte for byte: training processes write it and the supervisor reads it.  Both
 * ends may be of different builds, so the layout is fixed and its version is in the file.  Times
 * are CLOCK_MONOTONIC nanoseconds.
 *
 * A slot belongs to one thread of one process, so its writer needs no lock; the last slot is shared
 * by all threads that came when the others were taken, and is written with atomic adds.  Steps and
 * epoch lie in a cache line each: threads never wait for one another, and the line of the steps
 * stays with its core.
 */
#ifndef WATTUNE_MEASURE_PROGRESS_CHANNEL_LAYOUT_H
#define WATTUNE_MEASURE_PROGRESS_CHANNEL_LAYOUT_H

#include <stdint.h>

#include "flow/progress.h"

#define CHANNEL_ENV "WATTUNE_CHANNEL"
#define CHANNEL_MAGIC UINT64_C(0x6e6e616863547457) /* "WtTchann" */

enum {
    CHANNEL_VERSION = 1,
    /* Threads that step are few (one a rank); 256 leaves room for programs that start a thread an
     * epoch, and the whole file is 33 KB. */
    CHANNEL_SLOTS = 256,
    CHANNEL_SHARED_SLOT = CHANNEL_SLOTS - 1,
};

struct channel_header {
    uint64_t magic;
    uint32_t version, slot_count;
    uint32_t claimed; /* slots handed out; the writers count it up */
    uint32_t stop;    /* the supervisor asks the training to stop */
    char pad[104];
};

struct channel_slot {
    /* Odd while the fields below are being changed. */
    uint32_t sequence;
    uint32_t pid; /* 0 in the shared slot */
    uint64_t steps;
    int64_t claimed_ns, last_ns; /* when the slot was taken; when the last step ended */
    char pad[32];

    uint32_t epoch_sequence; /* as `sequence`, for the second line */
    uint32_t reserved;
    uint64_t epochs;
    int64_t epoch_ns;
    double metric;
    char metric_name[WT_METRIC_LEN];
};

struct channel_file {
    struct channel_header header;
    struct channel_slot slots[CHANNEL_SLOTS];
};

_Static_assert(sizeof(struct channel_header) == 128, "the layout is fixed");
_Static_assert(sizeof(struct channel_slot) == 128, "one cache line for steps, one for epochs");

#endif
