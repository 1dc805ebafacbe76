/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch size over the recurrences of a job: handing out sizes, and learning from their runs.
 */
#include "tune/decide/batch_size.h"

#include <math.h>
#include <string.h>

/* A run that would not get through one epoch costs as if it had been stopped a hundred times: it is
 * not chosen again. */
static const double NOT_STARTED_FACTOR = 100;
static const double BETA_MOST = 1e9;

struct thompson_options batch_size_usual(void)
{
    return (struct thompson_options){.explorations = 2};
}

int batch_size_init(struct batch_size *state, const struct batch_size_options *options,
                    struct wt_error *err)
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

/* --- Another GPU model --- */

/* A cost as far as the caller knows it: 0 when not at all. */
static double known_cost(double cost_j)
{
    return cost_j > 0 && cost_j <= BATCH_COST_MOST_J ? cost_j : 0;
}

static bool is_pruning_claimed(const struct batch_size *state)
{
    for (unsigned i = 0; i < state->claim_count; i++)
        if (state->claims[i].prunes)
            return true;
    return false;
}

/* A run that did not reach its target tells something only if it would have ended as early here;
 * and the size that a round begins with is given another chance, since the job would end with it.
 */
static bool ended_as_early(const struct batch_size *state, const struct batch_size_carried *run)
{
    double epoch_j = state->carry.epoch_cost_j[run->size];
    unsigned max_epochs = state->carry.max_epochs;
    if (!state->pruning.good)
        return false;
    return run->epochs >= max_epochs ||
           (epoch_j > 0 && run->epochs >= batch_size_epochs_allowed(batch_size_bound_j(state),
                                                                    epoch_j, max_epochs));
}

/* The arm believes a run, once.  The cost of a size that failed may not be known here: such a size
 * is no arm. */
static void believe(struct batch_size *state, struct batch_size_carried *run)
{
    double epoch_j = state->carry.epoch_cost_j[run->size];
    if (run->believed || !(epoch_j > 0))
        return;
    run->believed = true;
    arm_add(&state->arms[run->size], &state->thompson, run->epochs * epoch_j);
    if (run->reached)
        state->carry.min_cost_j = fmin(state->carry.min_cost_j, run->epochs * epoch_j);
}

/* The first run of the size that pruning asks for that tells something and was not given to it yet;
 * NULL when there is none, or its cost is not known. */
static struct batch_size_carried *next_run(struct batch_size *state)
{
    for (unsigned i = 0; i < state->carry.count; i++) {
        struct batch_size_carried *run = &state->carry.past[i];
        if (run->size != state->pruning.next || run->pruned)
            continue;
        if (run->reached)
            return state->carry.epoch_cost_j[run->size] > 0 ? run : NULL;
        if (ended_as_early(state, run))
            return run;
    }
    return NULL;
}

/* Goes on with the history as far as present knowledge reaches. */
static void carry_on(struct batch_size *state)
{
    struct batch_size_carry *carry = &state->carry;
    struct batch_size_carried *run;
    while (state->pruning.stage == PRUNING_RUNS && !is_pruning_claimed(state) &&
           (run = next_run(state))) {
        state->taken_over += !run->believed;
        run->pruned = true;
        believe(state, run);
        pruning_add(&state->pruning, run->epochs * carry->epoch_cost_j[run->size], run->reached);
    }
    for (unsigned i = 0; i < carry->count; i++)
        if (carry->past[i].reached && !carry->past[i].believed) {
            believe(state, &carry->past[i]);
            state->taken_over += carry->past[i].believed;
        }
    if (state->pruning.stage !=
        PRUNING_RUNS) /* every arm has run here, or all of its past counts */
        memset(carry, 0, sizeof *carry);
}

void batch_size_take_over(struct batch_size *state, const struct batch_size_past past[],
                          size_t count, const double epoch_cost_j[], unsigned max_epochs)
{
    struct batch_size_carry *carry = &state->carry;
    memset(carry, 0, sizeof *carry);
    carry->max_epochs = max_epochs;
    carry->min_cost_j = INFINITY;
    for (unsigned size = 0; size < state->count; size++)
        carry->epoch_cost_j[size] = known_cost(epoch_cost_j[size]);
    for (size_t i = count > BATCH_PAST_MOST ? count - BATCH_PAST_MOST : 0; i < count; i++)
        for (unsigned size = 0; size < state->count; size++)
            if (past[i].size == state->sizes[size] && past[i].epochs)
                carry->past[carry->count++] =
                    (struct batch_size_carried){.size = (unsigned char)size,
                                                .reached = past[i].reached,
                                                .epochs = past[i].epochs};
    if (carry->count)
        carry_on(state);
    else
        memset(carry, 0, sizeof *carry);
}

unsigned batch_size_waiting(const struct batch_size *state, unsigned size)
{
    unsigned waiting = 0;
    for (unsigned i = 0; i < state->carry.count; i++)
        waiting += state->carry.past[i].size == size && state->carry.past[i].reached &&
                   !state->carry.past[i].believed;
    return waiting;
}

/* --- Claims --- */

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
                  : waiting
                      ? state->pruning.best
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
        return error_set(err, WT_E_BUSY, "%d recurrences of this job run already",
                         BATCH_CLAIMS_MOST);
    if (state->carry.count) /* a size that was run for it may have been given back since */
        carry_on(state);
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
        return error_set(err, WT_E_NOT_FOUND, "there is no claim %llu: it lapsed",
                         (unsigned long long)id);
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
        return error_set(err, WT_E_NOT_FOUND, "there is no claim %llu: it lapsed",
                         (unsigned long long)id);
    bool reached = result->ran && result->reached;
    if (result->ran && !(result->cost_j >= 0 && result->cost_j <= BATCH_COST_MOST_J))
        return error_set(err, WT_E_INVALID, "a run costs %g J, which cannot be", result->cost_j);
    if (!result->ran && isinf(batch_size_bound_j(state)))
        return error_set(err, WT_E_INVALID,
                         "a run was not started although nothing bounds its cost");
    double cost_j = result->ran ? result->cost_j : NOT_STARTED_FACTOR * batch_size_bound_j(state);
    arm_add(&state->arms[held->size], &state->thompson, cost_j);
    held->spent_j += result->ran ? result->cost_j : 0;
    if (reached)
        state->min_cost_j = fmin(state->min_cost_j, held->spent_j);
    if (held->prunes) {
        held->prunes = false;
        pruning_add(&state->pruning, cost_j, reached);
    }
    if (state->carry.count) {
        if (known_cost(result->epoch_cost_j) > 0)
            state->carry.epoch_cost_j[held->size] = result->epoch_cost_j;
        carry_on(state);
    }
    if (reached || held->tries == BATCH_TRIES_MOST || state->pruning.stage > PRUNING_DONE) {
        drop(state, held);
        return state->pruning.stage > PRUNING_DONE ? failed(state, err) : 0;
    }
    hand_out(state, normals, held);
    *claim = *held;
    return 1;
}

/* --- Early stop --- */

double batch_size_bound_j(const struct batch_size *state)
{
    double min_cost_j = isinf(state->min_cost_j) && state->carry.count ? state->carry.min_cost_j
                                                                       : state->min_cost_j;
    return isinf(min_cost_j) ? (double)INFINITY : state->beta * min_cost_j;
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
