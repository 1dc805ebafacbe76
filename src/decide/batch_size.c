/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch size over the recurrences of a job: who runs which size, and what that teaches.
 */
#include "decide/batch_size.h"

#include <math.h>
#include <string.h>

/* A run that would not get through one epoch costs as if it had been stopped a hundred times: it is not
 * chosen again. */
static const double NOT_STARTED_FACTOR = 100;
/* More than mankind uses in a thousand years, and far below where a sum of squares would overflow. */
static const double COST_MOST_J = 1e24;
static const double BETA_MOST = 1e9;

struct thompson_options batch_size_usual(void)
{
    return (struct thompson_options){.explorations = 2};
}

int batch_size_init(struct batch_size *state, const struct batch_size_options *options, struct wt_error *err)
{
    unsigned default_index = BATCH_SIZES_MOST;
    if (options->count < 1 || options->count > BATCH_SIZES_MOST)
        return error_set(err, WT_E_RANGE, "there are 1 to %d batch sizes, not %u", BATCH_SIZES_MOST,
                         options->count);
    for (unsigned i = 0; i < options->count; i++) {
        if (options->sizes[i] <= (i ? options->sizes[i - 1] : 0))
            return error_set(err, WT_E_INVALID, "the batch sizes must rise");
        if (options->sizes[i] == options->default_size)
            default_index = i;
    }
    if (default_index == BATCH_SIZES_MOST)
        return error_set(err, WT_E_INVALID, "the default batch size %u is not among the sizes",
                         options->default_size);
    const struct thompson_options *thompson = &options->thompson;
    if (!(options->beta > 0 && (options->beta <= BETA_MOST || isinf(options->beta))))
        return error_set(err, WT_E_RANGE, "beta is above 0 and at most %g, or infinite", BETA_MOST);
    if (thompson->window > ARM_WINDOW_MOST || thompson->explorations < 1 ||
        !isfinite(thompson->prior_mean_j) || !isfinite(thompson->prior_precision) ||
        thompson->prior_precision < 0)
        return error_set(err, WT_E_RANGE,
                         "a window holds at most %d runs, and an arm is explored at least once",
                         ARM_WINDOW_MOST);
    memset(state, 0, sizeof *state);
    state->count = options->count;
    memcpy(state->sizes, options->sizes, options->count * sizeof options->sizes[0]);
    state->beta = options->beta;
    state->min_cost_j = INFINITY;
    state->thompson = *thompson;
    random_seed(&state->random, options->seed);
    pruning_init(&state->pruning, options->count, default_index);
    return 0;
}

/* --- Claims --------------------------------------------------------------------------------------------- */

static int failed(const struct batch_size *state, struct wt_error *err)
{
    if (state->pruning.stage == PRUNING_DEFAULT_FAILED)
        return error_set(err, WT_E_NO_DATA, "the default batch size %u did not reach the target",
                         state->sizes[state->pruning.start]);
    return error_set(err, WT_E_NO_DATA, "no batch size reached the target in round %d of pruning",
                     state->pruning.round + 1);
}

/* Gives the claim its next size. */
static void hand_out(struct batch_size *state, const struct random_normals *normals,
                     struct batch_size_claim *claim)
{
    bool waiting = false;
    for (unsigned i = 0; i < state->claim_count; i++)
        waiting |= state->claims[i].prunes && &state->claims[i] != claim;
    claim->prunes = state->pruning.stage == PRUNING_RUNS && !waiting;
    claim->tries++;
    claim->size = claim->prunes ? state->pruning.next
                  : waiting     ? state->pruning.best
                                : (unsigned char)thompson_choose(state->arms, state->pruning.left,
                                                                 &state->thompson, &state->random, normals);
}

static int64_t later(int64_t now_ms, int64_t hold_ms)
{
    int64_t sum_ms;
    return __builtin_add_overflow(now_ms, hold_ms, &sum_ms) ? INT64_MAX : sum_ms;
}

static struct batch_size_claim *find(struct batch_size *state, uint64_t id)
{
    for (unsigned i = 0; i < state->claim_count; i++)
        if (state->claims[i].id == id)
            return &state->claims[i];
    return NULL;
}

static void drop(struct batch_size *state, struct batch_size_claim *claim)
{
    struct batch_size_claim *end = &state->claims[state->claim_count--];
    memmove(claim, claim + 1, (size_t)(end - (claim + 1)) * sizeof *claim);
}

int batch_size_claim(struct batch_size *state, const struct random_normals *normals, int64_t now_ms,
                     int64_t hold_ms, struct batch_size_claim *claim, struct wt_error *err)
{
    if (state->pruning.stage > PRUNING_DONE)
        return failed(state, err);
    if (state->claim_count == BATCH_CLAIMS_MOST)
        return error_set(err, WT_E_BUSY, "%d recurrences of this job run already", BATCH_CLAIMS_MOST);
    struct batch_size_claim *fresh = &state->claims[state->claim_count++];
    *fresh = (struct batch_size_claim){.id = ++state->last_id, .lapses_ms = later(now_ms, hold_ms)};
    hand_out(state, normals, fresh);
    *claim = *fresh;
    return 0;
}

int batch_size_renew(struct batch_size *state, uint64_t id, int64_t now_ms, int64_t hold_ms,
                     struct wt_error *err)
{
    struct batch_size_claim *held = find(state, id);
    if (!held)
        return error_set(err, WT_E_NOT_FOUND, "there is no claim %llu: it lapsed", (unsigned long long)id);
    held->lapses_ms = later(now_ms, hold_ms);
    return 0;
}

unsigned batch_size_lapse(struct batch_size *state, int64_t now_ms)
{
    unsigned before = state->claim_count;
    for (unsigned i = state->claim_count; i-- > 0;)
        if (state->claims[i].lapses_ms <= now_ms)
            drop(state, &state->claims[i]);
    return before - state->claim_count;
}

int batch_size_report(struct batch_size *state, const struct random_normals *normals, uint64_t id,
                      const struct batch_size_result *result, struct batch_size_claim *claim,
                      struct wt_error *err)
{
    struct batch_size_claim *held = find(state, id);
    if (!held)
        return error_set(err, WT_E_NOT_FOUND, "there is no claim %llu: it lapsed", (unsigned long long)id);
    bool reached = result->ran && result->reached;
    if (result->ran && !(result->cost_j >= 0 && result->cost_j <= COST_MOST_J))
        return error_set(err, WT_E_INVALID, "a run costs %g J, which cannot be", result->cost_j);
    if (!result->ran && isinf(batch_size_bound_j(state)))
        return error_set(err, WT_E_INVALID, "a run was not started although nothing bounds its cost");
    double cost_j = result->ran ? result->cost_j : NOT_STARTED_FACTOR * batch_size_bound_j(state);
    arm_add(&state->arms[held->size], &state->thompson, cost_j);
    held->spent_j += result->ran ? result->cost_j : 0;
    if (reached)
        state->min_cost_j = fmin(state->min_cost_j, held->spent_j);
    if (held->prunes) {
        held->prunes = false;
        pruning_add(&state->pruning, cost_j, reached);
    }
    if (reached || held->tries == BATCH_TRIES_MOST || state->pruning.stage > PRUNING_DONE) {
        drop(state, held);
        return state->pruning.stage > PRUNING_DONE ? failed(state, err) : 0;
    }
    hand_out(state, normals, held);
    *claim = *held;
    return 1;
}

/* --- Early stop ----------------------------------------------------------------------------------------- */

double batch_size_bound_j(const struct batch_size *state)
{
    return isinf(state->min_cost_j) ? (double)INFINITY : state->beta * state->min_cost_j;
}

unsigned batch_size_epochs_allowed(double bound_j, double epoch_cost_j, unsigned max_epochs)
{
    double epochs = floor(bound_j / epoch_cost_j);
    if (!(epochs < max_epochs)) /* also when an epoch costs nothing */
        return max_epochs;
    if (fma(epochs, epoch_cost_j, -bound_j) > 0) /* the quotient was rounded up to a whole number */
        epochs--;
    return (unsigned)epochs;
}

bool batch_size_epoch_fits(double bound_j, double spent_j, double epoch_cost_j)
{
    return spent_j + epoch_cost_j <= bound_j;
}

/* --- Another GPU model ---------------------------------------------------------------------------------- */

enum { PAST_MOST = 4096 };

/* The first run of a size that is not taken yet, `count` when there is none. */
static size_t next_past(const struct batch_size_past past[], size_t count, const bool taken[], uint32_t size)
{
    size_t i = 0;
    while (i < count && (taken[i] || past[i].size != size))
        i++;
    return i;
}

/* A run that did not reach its target tells something only if it would have ended as early here; and the size
 * that a round begins with is given another chance, since the job would end with it. */
static bool usable(const struct batch_size *state, const struct batch_size_past *past, double epoch_cost_j,
                   unsigned max_epochs)
{
    if (!isfinite(epoch_cost_j) || !past->epochs)
        return false;
    return past->reached ||
           (state->pruning.good &&
            past->epochs >= batch_size_epochs_allowed(batch_size_bound_j(state), epoch_cost_j, max_epochs));
}

static void take(struct batch_size *state, unsigned size, double cost_j, bool reached)
{
    arm_add(&state->arms[size], &state->thompson, cost_j);
    if (reached)
        state->min_cost_j = fmin(state->min_cost_j, cost_j);
}

unsigned batch_size_take_over(struct batch_size *state, const struct batch_size_past past[], size_t count,
                              const double epoch_cost_j[], unsigned max_epochs)
{
    bool taken[PAST_MOST] = {false};
    unsigned total = 0;
    if (count > PAST_MOST) { /* the oldest tell least */
        past += count - PAST_MOST;
        count = PAST_MOST;
    }
    for (; state->pruning.stage == PRUNING_RUNS; total++) {
        unsigned size = state->pruning.next;
        size_t i = next_past(past, count, taken, state->sizes[size]);
        if (i == count || !usable(state, &past[i], epoch_cost_j[size], max_epochs))
            break;
        double cost_j = past[i].epochs * epoch_cost_j[size];
        taken[i] = true;
        take(state, size, cost_j, past[i].reached);
        pruning_add(&state->pruning, cost_j, past[i].reached);
    }
    for (size_t i = 0; i < count; i++)
        for (unsigned size = 0; size < state->count; size++)
            if (!taken[i] && past[i].size == state->sizes[size] && past[i].reached &&
                usable(state, &past[i], epoch_cost_j[size], max_epochs)) {
                take(state, size, past[i].epochs * epoch_cost_j[size], true);
                total++;
            }
    return total;
}
