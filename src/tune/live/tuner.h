/* SPDX-License-Identifier: Apache-2.0
 *
 * The tuner: profiles power limits while the training runs, then sets the best (Zeus's just-in-time
 * profiling).  It joins four parts: energy from the live meter, steps from progress, the next slice
 * from decide/plan, the limit through act/guard.  It stores nothing itself: profiles go through its
 * caller's ops table (in memory: tune/live/profile_store.h).  It prints nothing: its news are
 * events (tune/live/event.h).  It never waits: its owner calls tuner_poll() a few times a second.
 */
#ifndef WATTUNE_TUNE_LIVE_TUNER_H
#define WATTUNE_TUNE_LIVE_TUNER_H

#include "flow/profile.h"
#include "flow/progress.h"
#include "measure/meter/meter.h"
#include "tune/act/guard.h"
#include "tune/live/event.h"

struct tuner_store { /* the place of profiles; both return 0 or WT_E_* */
    void *ctx;
    int (*load)(void *ctx, const struct wt_profile_key *key, struct wt_profile_point points[],
                unsigned capacity, unsigned *count, struct wt_error *err);
    int (*save)(void *ctx, const struct wt_profile_key *key, const struct wt_profile_point points[],
                unsigned count, struct wt_error *err);
};

enum { TUNER_WHY = 96 };

struct tuner_options {
    struct wt_preference preference;
    const char *search;    /* a name of decide/power_search */
    bool baseline;         /* slices at the starting limit that prove the savings */
    bool profile_only;     /* run on at the limit found, and tell which one would be the best */
    unsigned wanted_count; /* 0: the automatic grid */
    uint32_t wanted_mw[WT_MAX_LIMITS];
    struct wt_profile_key key; /* job and batch size; the devices give the rest */
    /* NULL: the preference's eta, for good.  Else asked at every turn: its answer chooses the
     * limit, again whenever it changes, and *why gets its grounds in words, for the event. */
    double (*eta_now)(void *ctx, char why[TUNER_WHY]);
    void *ctx;
    struct tuner_listener listener; /* of events */
};

struct tuner_result {
    uint32_t limit_mw; /* in force after profiling, or found where none was chosen; 0: unknown */
    bool profiled;     /* the profile is complete */
    bool reused;       /* limits of it came from the store */
    unsigned point_count;
    struct wt_profile_point points[WT_MAX_LIMITS]; /* highest limit first */
    bool decided;
    struct wt_decision decision;
    struct wt_savings savings;
    bool owes;                  /* a limit is still to be put back, by somebody else */
    struct tuner_reason reason; /* of the end of tuning; TUNER_WENT_WELL: tuned to the end */
};

struct tuner;

/* Takes the leases of the meter's GPUs and loads the stored profile.  `guard` and `meter` are
 * borrowed; the caller frees *out with tuner_free().  Fails (WT_E_RANGE, WT_E_BUSY,
 * WT_E_NOT_SUPPORTED, ...) when these GPUs cannot be tuned; the caller then runs without a tuner.
 */
int tuner_new(const struct tuner_options *options, struct live_meter *meter, struct guard *guard,
              const struct tuner_store *store, struct tuner **out, struct wt_error *err);
struct tuner *tuner_free(struct tuner *tuner); /* takes NULL, returns NULL */

/* Takes a turn with the newest progress, and tries again to put limits back that could not be.
 * progress->t_ns is on the clock of base/clock.h. */
void tuner_poll(struct tuner *tuner, const struct wt_progress *progress);

/* Ends tuning early, for the owner's reason (copied): the limit found comes back, and the owner
 * goes on measuring. */
void tuner_stop(struct tuner *tuner, const struct wt_error *reason);

/* Restores the limits at the training's end and fills *result.  Call once. */
void tuner_finish(struct tuner *tuner, struct tuner_result *result);

/* True while the chosen limit holds: *point gets the cost of a step there, as far as measured. */
bool tuner_holds(const struct tuner *tuner, struct wt_profile_point *point);

/* True while slices are measured: the meter should read often. */
bool tuner_is_profiling(const struct tuner *tuner);

#endif
