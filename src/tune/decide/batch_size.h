/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch size over the recurrences of a job: pruning exploration, then Thompson sampling (Zeus
 * section 4), with early stop and retries, for any number of recurrences at once.
 *
 *     batch_size_claim()      begins a recurrence and gives its size
 *     batch_size_report()     takes the cost of a run and whether it reached the target; where it
 *                             did not, the recurrence goes on with another size, at most
 *                             BATCH_TRIES_MOST tries in all
 *     batch_size_lapse()      drops claims that were not renewed in time, as if never made
 *
 * A recurrence is held under a claim from its first try to its last.  Pruning tries one size after
 * the other; while it waits for a size, other recurrences run the best size known so far, and their
 * results are remembered but do not decide the pruning.  A lapsed claim gives its size back, so
 * that a trial that was lost does not block pruning for ever.
 *
 * A job that is new on a GPU model begins with the lessons of other models: batch_size_take_over().
 *
 * The state is one plain struct without pointers.  `now` is an argument: milliseconds of the wall
 * clock of the state's keeper.
 */
#ifndef WATTUNE_TUNE_DECIDE_BATCH_SIZE_H
#define WATTUNE_TUNE_DECIDE_BATCH_SIZE_H

#include <stddef.h>

#include "base/error.h"
#include "tune/decide/pruning.h"
#include "tune/decide/random.h"
#include "tune/decide/thompson.h"

/* A past of 1000 runs is years of a nightly job, and takes 6 KB of the state. */
enum {
    BATCH_SIZES_MOST = PRUNING_SIZES_MOST,
    BATCH_CLAIMS_MOST = 64,
    BATCH_TRIES_MOST = 20,
    BATCH_PAST_MOST = 1000
};

/* More than mankind uses in a thousand years, and far below where a sum of squares would overflow.
 */
#define BATCH_COST_MOST_J 1e24

struct batch_size_options {
    unsigned count;
    uint32_t sizes[BATCH_SIZES_MOST]; /* rising */
    uint32_t default_size;            /* one of them */
    double
        beta; /* bound of a run's cost, as a multiple of the cheapest recurrence; INFINITY: none */
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

/* The lessons of another GPU model, as long as they are of use: see batch_size_take_over(). */
struct batch_size_carried {
    unsigned char size; /* index */
    bool reached;
    bool believed; /* the arm has it */
    bool pruned;   /* pruning has it */
    uint32_t epochs;
};

struct batch_size_carry {
    unsigned count; /* 0: nothing is carried over, or all of it was */
    unsigned max_epochs;
    double min_cost_j; /* the cheapest run of them that counts, as min_cost_j below; or INFINITY */
    double epoch_cost_j[BATCH_SIZES_MOST]; /* of each size on these GPUs; 0: not known yet */
    struct batch_size_carried past[BATCH_PAST_MOST]; /* in the order in which they ended */
};

struct batch_size {
    unsigned count;
    uint32_t sizes[BATCH_SIZES_MOST];
    double beta;
    double min_cost_j; /* the cheapest recurrence that reached the target here, retries included; or
                          INFINITY */
    struct thompson_options thompson;
    struct random random;
    struct pruning pruning;
    struct arm arms[BATCH_SIZES_MOST];
    uint64_t last_id;
    unsigned claim_count;
    struct batch_size_claim claims[BATCH_CLAIMS_MOST]; /* in the order of their ids */
    struct batch_size_carry carry;
    unsigned taken_over; /* runs of another GPU model that came to count since the state was made or
                            read; for messages, not kept */
};

/* Two explorations, nothing known before, all costs count: the defaults of the paper. */
struct thompson_options batch_size_usual(void);

/* WT_E_INVALID, WT_E_RANGE: sizes that do not rise or are too many, a default that is not among
 * them, beta or window out of range. */
int batch_size_init(struct batch_size *state, const struct batch_size_options *options,
                    struct wt_error *err);

/* Begins a recurrence.  *claim is a copy; the claim lapses hold_ms from now.  WT_E_NO_DATA: pruning
 * ended without a size, see batch_size_report(); WT_E_BUSY: too many at once. */
int batch_size_claim(struct batch_size *state, const struct random_normals *normals, int64_t now_ms,
                     int64_t hold_ms, struct batch_size_claim *claim, struct wt_error *err);

struct batch_size_result {
    bool ran;      /* false: not even one epoch fitted, and it was not started */
    double cost_j; /* when it ran */
    bool reached;
    double epoch_cost_j; /* what an epoch of the size costs here, as far as is known now; 0 or NaN:
                            not known */
};

/* Ends a claim's try.  Returns 1 when the recurrence goes on: *claim is its next try; 0 when it is
 * over.  WT_E_NOT_FOUND: no such claim (it lapsed); the result is not taken.  WT_E_NO_DATA: the
 * default size did not reach the target in the first run, or no size did in a round; the state
 * stays there. */
int batch_size_report(struct batch_size *state, const struct random_normals *normals, uint64_t id,
                      const struct batch_size_result *result, struct batch_size_claim *claim,
                      struct wt_error *err);

/* Holds the claim on until hold_ms from now.  WT_E_NOT_FOUND: it lapsed. */
int batch_size_renew(struct batch_size *state, uint64_t id, int64_t now_ms, int64_t hold_ms,
                     struct wt_error *err);

/* Drops the claims whose time is over; returns how many. */
unsigned batch_size_lapse(struct batch_size *state, int64_t now_ms);

/* The cost bound of a run: beta x the cheapest recurrence; INFINITY before one reached the target.
 * Until one has done so here, the cost of those on another GPU model, as it would be here, bounds
 * pruning; no longer, for epochs times their cost leave out the rest of a run, and no run may be
 * stopped for that for ever. */
double batch_size_bound_j(const struct batch_size *state);

/* The number of epochs that fit into the bound, at most max_epochs: known before an epoch, not
 * noticed after it. */
unsigned batch_size_epochs_allowed(double bound_j, double epoch_cost_j, unsigned max_epochs);

/* The same for a run on its way, whose epochs need not all have cost the same: true when one more
 * fits. */
bool batch_size_epoch_fits(double bound_j, double spent_j, double epoch_cost_j);

/* --- Another GPU model --- */

struct batch_size_past { /* one run, in the order in which they ended */
    uint32_t size;
    unsigned epochs;
    bool reached;
};

/* Takes over the lessons of another GPU model into a state that has not begun.  Epochs carry over,
 * their cost does not: each run counts as its epochs x epoch_cost_j of its size here (one entry a
 * size of the state; NaN: not profiled here yet).  Pruning asks for its sizes in its own order and
 * is given their runs, as far as the history reaches.  The first size without a run, or without a
 * known cost of an epoch, is handed out next; its run is pruning's, and when its report tells the
 * cost of an epoch, the history goes on from there.  So each size runs at most once for its
 * profile, and no size of the history is explored again.
 *
 * A run that did not reach the target there is of use only if it would have ended as early here: it
 * had max_epochs, or as many as the bound leaves it here.
 *
 * The past is part of the state until pruning is done; of more than BATCH_PAST_MOST runs the last
 * ones count. */
void batch_size_take_over(struct batch_size *state, const struct batch_size_past past[],
                          size_t count, const double epoch_cost_j[], unsigned max_epochs);

/* The number of runs of this size that reached the target and wait for the cost of an epoch here.
 */
unsigned batch_size_waiting(const struct batch_size *state, unsigned size);

/* --- Keeping the state --- */

/* No encoded state is longer. */
enum {
    BATCH_SIZE_BYTES_MOST = 1024 + BATCH_SIZES_MOST * (32 + 8 * ARM_WINDOW_MOST) +
                            BATCH_CLAIMS_MOST * 32 + BATCH_PAST_MOST * 6
};

/* Writes the state in a form that is the same on every machine; returns its length. */
size_t batch_size_encode(const struct batch_size *state,
                         unsigned char bytes[BATCH_SIZE_BYTES_MOST]);

/* Reads it back: the state goes on exactly where the encoded one stood.  WT_E_VERSION: of a newer
 * version; WT_E_PARSE: not a state, or an impossible one. */
int batch_size_decode(const unsigned char bytes[], size_t length, struct batch_size *state,
                      struct wt_error *err);

#endif
