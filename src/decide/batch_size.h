/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch size over the recurrences of a job: pruning exploration, then Thompson sampling (Zeus section 4),
 * with early stop and retries, for any number of recurrences at once.
 *
 *     batch_size_claim()      a recurrence begins: which size to run
 *     batch_size_report()     what that run cost, and whether it reached the target; when it did not, the
 *                             recurrence goes on with another size, at most BATCH_TRIES_MOST tries in all
 *     batch_size_lapse()      claims that were not renewed in time: their runs count as never made
 *
 * A recurrence is held under a claim from its first try to its last.  Pruning tries one size after the other;
 * while it waits for a size, other recurrences run the best size known so far, and what they give is
 * remembered but does not decide what is pruned.  A lapsed claim gives its size back, so that a trial that
 * was lost does not block pruning for ever.
 *
 * The state is one plain struct without pointers.  `now` is an argument: milliseconds of the wall clock of
 * whoever keeps the state.
 */
#ifndef WATTUNE_DECIDE_BATCH_SIZE_H
#define WATTUNE_DECIDE_BATCH_SIZE_H

#include <stddef.h>

#include "base/error.h"
#include "decide/pruning.h"
#include "decide/random.h"
#include "decide/thompson.h"

enum { BATCH_SIZES_MOST = PRUNING_SIZES_MOST, BATCH_CLAIMS_MOST = 64, BATCH_TRIES_MOST = 20 };

struct batch_size_options {
    unsigned count;
    uint32_t sizes[BATCH_SIZES_MOST]; /* rising */
    uint32_t default_size;            /* one of them */
    double beta; /* a run may cost so many times the cheapest recurrence; INFINITY: anything */
    struct thompson_options thompson;
    uint64_t seed;
};

struct batch_size_claim {
    uint64_t id; /* 1, 2, ... within the state */
    int64_t lapses_ms;
    unsigned char size;  /* index of the size that runs */
    bool prunes;         /* it is the one that pruning waits for */
    unsigned char tries; /* begun in this recurrence, this one included */
    double spent_j;      /* by the tries before */
};

struct batch_size {
    unsigned count;
    uint32_t sizes[BATCH_SIZES_MOST];
    double beta;
    double min_cost_j; /* the cheapest recurrence that reached the target, retries included; or INFINITY */
    struct thompson_options thompson;
    struct random random;
    struct pruning pruning;
    struct arm arms[BATCH_SIZES_MOST];
    uint64_t last_id;
    unsigned claim_count;
    struct batch_size_claim claims[BATCH_CLAIMS_MOST]; /* in the order of their ids */
};

/* Two explorations, nothing known before, all costs count: the defaults of the paper. */
struct thompson_options batch_size_usual(void);

/* WT_E_INVALID, WT_E_RANGE: sizes that do not rise or are too many, a default that is not among them, beta or
 * window out of range. */
int batch_size_init(struct batch_size *state, const struct batch_size_options *options, struct wt_error *err);

/* Begins a recurrence.  *claim is a copy; the claim lapses hold_ms from now.  WT_E_NO_DATA: pruning ended
 * without a size, see batch_size_report(); WT_E_BUSY: too many at once. */
int batch_size_claim(struct batch_size *state, const struct random_normals *normals, int64_t now_ms,
                     int64_t hold_ms, struct batch_size_claim *claim, struct wt_error *err);

struct batch_size_result {
    bool ran;      /* false: not even one epoch fitted, and it was not started */
    double cost_j; /* when it ran */
    bool reached;
};

/* The end of a claim's try.  Returns 1 when the recurrence goes on: *claim is its next try; 0 when it is
 * over. WT_E_NOT_FOUND: no such claim (it lapsed), and nothing was taken.  WT_E_NO_DATA: the default size did
 * not reach the target in the first run, or no size did in a round; the state stays there. */
int batch_size_report(struct batch_size *state, const struct random_normals *normals, uint64_t id,
                      const struct batch_size_result *result, struct batch_size_claim *claim,
                      struct wt_error *err);

/* Holds the claim on until hold_ms from now.  WT_E_NOT_FOUND: it lapsed. */
int batch_size_renew(struct batch_size *state, uint64_t id, int64_t now_ms, int64_t hold_ms,
                     struct wt_error *err);

/* Drops the claims whose time is over; returns how many. */
unsigned batch_size_lapse(struct batch_size *state, int64_t now_ms);

/* What a run may cost: beta x the cheapest recurrence; INFINITY before one reached the target. */
double batch_size_bound_j(const struct batch_size *state);

/* How many epochs fit into the bound, at most max_epochs: known before an epoch, not noticed after it. */
unsigned batch_size_epochs_allowed(double bound_j, double epoch_cost_j, unsigned max_epochs);

/* The same for a run on its way, whose epochs need not all have cost the same: whether one more fits. */
bool batch_size_epoch_fits(double bound_j, double spent_j, double epoch_cost_j);

/* --- Another GPU model ---------------------------------------------------------------------------------- */

struct batch_size_past { /* one run, in the order in which they ended */
    uint32_t size;
    unsigned epochs;
    bool reached;
};

/* What another GPU model taught, for a state that has not begun.  Epochs carry over, what an epoch costs does
 * not: each run counts as its epochs x epoch_cost_j of its size here (one entry a size of the state; NaN: not
 * profiled here yet).  Goes as far as the history reaches: pruning asks for its sizes in its own order and is
 * given their runs, and the first size of which there is none, or no profile, is the one that is handed out
 * next.  A run that was stopped early there is of use only if it would have been stopped as early here.
 * Returns how many runs were taken over. */
unsigned batch_size_take_over(struct batch_size *state, const struct batch_size_past past[], size_t count,
                              const double epoch_cost_j[], unsigned max_epochs);

/* --- Keeping the state ---------------------------------------------------------------------------------- */

/* No encoded state is longer. */
enum {
    BATCH_SIZE_BYTES_MOST = 1024 + BATCH_SIZES_MOST * (24 + 8 * ARM_WINDOW_MOST) + BATCH_CLAIMS_MOST * 32
};

/* Writes the state in a form that is the same on every machine; returns its length. */
size_t batch_size_encode(const struct batch_size *state, unsigned char bytes[BATCH_SIZE_BYTES_MOST]);

/* Reads it back: goes on exactly where the encoded one stood.  WT_E_VERSION: of a newer version; WT_E_PARSE:
 * not a state, or one that cannot be. */
int batch_size_decode(const unsigned char bytes[], size_t length, struct batch_size *state,
                      struct wt_error *err);

#endif
