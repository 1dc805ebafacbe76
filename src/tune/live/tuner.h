/* SPDX-License-Identifier: Apache-2.0
 *
 * The tuner: profiles power limits while the training runs, then sets the best (Zeus's just-in-time
 * profiling).  It joins what the boxes give: energy from the watch, steps from progress, the next
 * slice from decide/plan, the limit through act/guard.  It stores nothing itself: profiles go
 * through its caller's ops table.  It never waits: whoever owns it calls tuner_poll() a few times a
 * second.
 */
#ifndef WATTUNE_TUNE_LIVE_TUNER_H
#define WATTUNE_TUNE_LIVE_TUNER_H

#include "flow/profile.h"
#include "flow/progress.h"
#include "measure/meter/meter.h"
#include "tune/act/guard.h"

struct tuner_store { /* where profiles live; both return 0 or WT_E_* */
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
    bool profile_only;     /* run on at the limit found; only say what the optimum would give */
    unsigned wanted_count; /* 0: the automatic grid */
    uint32_t wanted_mw[WT_MAX_LIMITS];
    struct wt_profile_key key; /* job and batch size; the rest is filled from the devices */
    /* NULL: the preference's eta, for good.  Else asked at every turn: limits are chosen by what it
     * says, again whenever that changes, and *why says in words what it goes by. */
    double (*eta_now)(void *ctx, char why[TUNER_WHY]);
    void *ctx;
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
    bool owes;         /* a limit could not be put back: somebody else has to */
    char why_not[128]; /* why nothing was tuned, or tuning ended; empty: it was */
};

struct tuner;

/* Takes the leases of the watch's devices and loads what is known.  `guard` and `watch` are
 * borrowed.  Fails (WT_E_RANGE, WT_E_BUSY, WT_E_NOT_SUPPORTED, ...) when these devices cannot be
 * tuned; the caller then runs without a tuner. */
int tuner_new(const struct tuner_options *options, struct live_meter *watch, struct guard *guard,
              const struct tuner_store *store, struct tuner **out, struct wt_error *err);
struct tuner *tuner_free(struct tuner *tuner); /* takes NULL, returns NULL */

/* Goes on with what is new, and tries again to put limits back that could not be.  progress->t_ns
 * is on the clock of base/clock.h. */
void tuner_poll(struct tuner *tuner, const struct wt_progress *progress);

/* Ends tuning early, for the reason given: the limit found comes back, measuring by others goes on.
 */
void tuner_stop(struct tuner *tuner, const char *why);

/* The training has ended: restores the limits and tells what was learned.  Call once. */
void tuner_finish(struct tuner *tuner, struct tuner_result *result);

/* True, and in *point what a step takes at the chosen limit as far as it was measured, while that
 * limit holds. */
bool tuner_holds(const struct tuner *tuner, struct wt_profile_point *point);

/* True while slices are measured: the watch should read often. */
bool tuner_is_profiling(const struct tuner *tuner);

#endif
