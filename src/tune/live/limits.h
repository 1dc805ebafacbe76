/* SPDX-License-Identifier: Apache-2.0
 *
 * The power limits of a run's GPUs while it is tuned: found, set, owed.  All GPUs get the same
 * limit, and each gets its own back.
 */
#ifndef WATTUNE_TUNE_LIVE_LIMITS_H
#define WATTUNE_TUNE_LIVE_LIMITS_H

#include "measure/meter/meter.h"
#include "tune/act/guard.h"
#include "tune/live/event.h"

struct limits {
    struct live_meter *meter; /* borrowed, as the guard is */
    struct guard *guard;
    struct tuner_listener listener;
    uint32_t found_mw; /* at the start; 0: the GPUs differed */
    uint32_t set_mw;   /* in force; 0: not all GPUs have the same */
    bool owed;         /* a limit is not back yet */
    int64_t retry_ns;  /* CLOCK_MONOTONIC: when to try again */
    int64_t look_ns;   /* when to ask for states next */
};

/* The moment of a restore: tuning ends, a later try, the run ends. */
enum limits_moment { LIMITS_STOP, LIMITS_AGAIN, LIMITS_END };

/* Takes the leases of all GPUs; errors as guard_take(). */
int limits_take(struct limits *limits, struct wt_error *err);

/* Sets one limit on all GPUs.  Fails with *reason filled; WT_E_NO_DATA, reason untouched: the run
 * has just ended, so that nothing further is set. */
int limits_set(struct limits *limits, uint32_t limit_mw, struct tuner_reason *reason);

/* Puts each GPU's limit back and tells the outcome.  True when one is still owed whose failure may
 * be over soon. */
bool limits_restore(struct limits *limits, enum limits_moment moment);

/* Tries again, once a second, to put back limits that could not be. */
void limits_retry(struct limits *limits);

/* Reads the states twice a second: 0, and in *capped whether another cap than the limit held.  A
 * lost GPU or a limit set by somebody else fails with *reason filled. */
int limits_look(struct limits *limits, bool *capped, struct tuner_reason *reason);

/* Makes the next limits_look() ask, unless the driver is so slow that it has to rest. */
void limits_look_soon(struct limits *limits);

#endif
