/* SPDX-License-Identifier: Apache-2.0
 *
 * Events: the tuner's news, typed.  The tuner itself is silent: its owner prints, counts or raises
 * them.  Pointers in an event are borrowed for the length of the call.
 */
#ifndef WATTUNE_TUNE_LIVE_EVENT_H
#define WATTUNE_TUNE_LIVE_EVENT_H

#include <stddef.h>

#include "base/error.h"
#include "flow/profile.h"

/* The reason why tuning ended, or why a profile is not whole. */
enum tuner_why {
    TUNER_WENT_WELL,
    TUNER_NOT_SET,           /* a setting could not be made: gpu, setting, error */
    TUNER_FOREIGN_SETTING,   /* somebody else has set gpu to setting */
    TUNER_GPU_LOST,          /* gpu */
    TUNER_COUNTER_STOPPED,   /* the energy counter of gpu stands still */
    TUNER_POWER_STOPPED,     /* the power readings of gpu, which has no counter, stand still */
    TUNER_ENERGY_UNKNOWN,    /* slice after slice has no energy */
    TUNER_SEARCH_FAILED,     /* the search or the choice refused its input: error */
    TUNER_STOPPED_BY_OWNER,  /* tuner_stop(): error */
    TUNER_ENDED_UNPROFILED,  /* the training ended before the first limit was profiled */
    TUNER_ENDED_IN_PROFILING /* the training ended before all limits were profiled */
};

struct tuner_reason {
    enum tuner_why why;
    unsigned gpu; /* index of the GPU meant */
    struct wt_setting setting;
    struct wt_error error; /* code 0 where the reason is none of a call */
};

enum tuner_event_kind {
    TUNER_SET,              /* setting is in force on all GPUs */
    TUNER_SLICE_DONE,       /* point: a slice of the profile */
    TUNER_PROFILE_DONE,     /* point: the best of `count`; applied: it will be set; reused */
    TUNER_STORED_DIFFERS,   /* the stored profile does not fit this run: measuring anew */
    TUNER_NOT_LOADED,       /* error: the store does not answer: measuring anew */
    TUNER_NOT_SAVED,        /* error */
    TUNER_DRIFTED,          /* point against before: profiling again */
    TUNER_ETA_CHANGED,      /* eta_words; point is the choice now, before the one until now */
    TUNER_STOPPED,          /* reason: no further tuning */
    TUNER_RESTORED,         /* gpu; applied: after failures that were told */
    TUNER_LEFT_TO_OTHERS,   /* gpu: somebody else has changed it: left as it is */
    TUNER_RESTORE_FAILED,   /* gpu, error: tried again while the run lasts */
    TUNER_RESTORE_GIVEN_UP, /* gpu, error, at the end of the run; applied: it may be over soon */
    TUNER_EVENTS,
};

struct tuner_event {
    enum tuner_event_kind kind;
    unsigned gpu, count;
    bool applied; /* as the kind says */
    bool reused;  /* limits of the profile came from the store */
    struct wt_setting setting;
    struct wt_profile_point point, before;
    const char *eta_words; /* from tuner_options.eta_now() */
    const struct wt_error *error;
    const struct tuner_reason *reason;
};

struct tuner_listener {
    void (*hear)(void *ctx, const struct tuner_event *event); /* NULL: nobody listens */
    void *ctx;
};

static inline void tuner_tell(const struct tuner_listener *listener,
                              const struct tuner_event *event)
{
    if (listener->hear)
        listener->hear(listener->ctx, event);
}

#endif
