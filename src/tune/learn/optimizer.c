/* SPDX-License-Identifier: Apache-2.0
 *
 * Batch sizes over the recurrences of a job, among any number of processes.
 */
#include "tune/learn/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

_Static_assert((int)BATCH_SIZE_BYTES_MOST <= (int)LEARN_STATE_MOST, "a state fits into the ledger");
_Static_assert((int)BATCH_SIZES_MOST <= (int)WT_MAX_BATCH_SIZES,
               "beliefs have room for every size");

/* One change: the question to the state and its answer.  The answer is an error or not, and so is
 * the keeping of the change, independently. */
struct change {
    struct optimizer *batch;
    struct batch_size state;
    struct batch_size_claim claim;
    const struct batch_size_result *result;
    uint64_t id;
    int (*ask)(struct change *change, int64_t now_ms);
    int answer;
    double bound_j;
    struct wt_error err;
};

/* Bytes in, bytes out; an answer such as "no size reached the target" is kept, a failure is not. */
static int apply(void *ctx, unsigned char *bytes, size_t *length, struct wt_error *err)
{
    struct change *change = ctx;
    int64_t now_ms = clock_wall_ms();
    if (!*length && change->id)
        return error_set(err, WT_E_NOT_FOUND, "there is no claim %llu: it was forgotten",
                         (unsigned long long)change->id);
    int rc = *length ? batch_size_decode(bytes, *length, &change->state, err)
                     : batch_size_init(&change->state, &change->batch->sizes, err);
    if (rc == 0 && !*length && change->batch->past_count)
        batch_size_take_over(&change->state, change->batch->past, change->batch->past_count,
                             change->batch->epoch_cost_j, change->batch->max_epochs);
    if (rc == WT_E_PARSE)
        return error_set(err, WT_E_LEDGER,
                         "what the ledger has of the batch sizes is damaged: `wattune forget JOB "
                         "--batch-sizes` begins anew");
    if (rc < 0)
        return rc;
    if (change->id) /* a claim that lapsed goes on as long as nobody has missed it */
        batch_size_renew(&change->state, change->id, now_ms, change->batch->hold_ms, NULL);
    batch_size_lapse(&change->state, now_ms);
    change->answer = change->ask(change, now_ms);
    change->bound_j = batch_size_bound_j(&change->state);
    *length = batch_size_encode(&change->state, bytes);
    return 0;
}

static int run_change(struct optimizer *batch, struct change **out, struct optimizer_try *attempt,
                      struct wt_error *err)
{
    struct change *change = *out;
    int64_t state_id = 0;
    change->batch = batch;
    int rc = batch->store.change(batch->store.ctx, &batch->key, &batch->identity, apply, change,
                                 &state_id, err);
    if (rc == 0 && change->answer < 0) {
        rc = change->answer;
        if (rc == WT_E_NO_DATA && change->state.pruning.stage == PRUNING_DEFAULT_FAILED)
            error_set(&change->err, rc,
                      "the default batch size did not reach the target (it is %u)",
                      (unsigned)batch->sizes.default_size);
        if (err)
            *err = change->err;
    } else if (rc == 0) {
        rc = change->answer;
        if (attempt && change->claim.id)
            *attempt = (struct optimizer_try){
                .claim = change->claim.id,
                .state_id = state_id,
                .number = change->claim.tries,
                .size = change->state.sizes[change->claim.size],
                .bound_j = change->bound_j,
                .waiting = batch_size_waiting(&change->state, change->claim.size)};
        if (attempt)
            attempt->taken_over = change->state.taken_over;
    }
    free(change);
    *out = NULL;
    return rc;
}

static struct change *new_change(int (*ask)(struct change *, int64_t), uint64_t id,
                                 struct wt_error *err)
{
    struct change *change = calloc(1, sizeof *change);
    if (!change) {
        error_set(err, WT_E_NO_MEMORY, "choose a batch size: out of memory");
        return NULL;
    }
    change->ask = ask;
    change->id = id;
    return change;
}

static int ask_claim(struct change *change, int64_t now_ms)
{
    const struct random_normals *normals = &change->batch->normals;
    struct batch_size *state = &change->state;
    if (state->pruning.stage > PRUNING_DONE && state->claim_count == 0) {
        int rc = batch_size_init(state, &change->batch->sizes, &change->err);
        if (rc)
            return rc;
    }
    return batch_size_claim(state, normals, now_ms, change->batch->hold_ms, &change->claim,
                            &change->err);
}

int optimizer_claim(struct optimizer *batch, struct optimizer_try *attempt, struct wt_error *err)
{
    struct change *change = new_change(ask_claim, 0, err);
    return change ? run_change(batch, &change, attempt, err) : WT_E_NO_MEMORY;
}

static int ask_report(struct change *change, int64_t now_ms)
{
    int rc = batch_size_report(&change->state, &change->batch->normals, change->id, change->result,
                               &change->claim, &change->err);
    return rc > 0 && batch_size_renew(&change->state, change->id, now_ms, change->batch->hold_ms,
                                      NULL)
               ? WT_E_NOT_FOUND
               : rc;
}

int optimizer_report(struct optimizer *batch, struct optimizer_try *attempt,
                     const struct batch_size_result *result, struct wt_error *err)
{
    struct change *change = new_change(ask_report, attempt->claim, err);
    if (!change)
        return WT_E_NO_MEMORY;
    change->result = result;
    return run_change(batch, &change, attempt, err);
}

static int ask_renew(struct change *change, int64_t now_ms)
{
    return batch_size_renew(&change->state, change->id, now_ms, change->batch->hold_ms,
                            &change->err);
}

int optimizer_renew(struct optimizer *batch, const struct optimizer_try *attempt,
                    struct wt_error *err)
{
    struct change *change = new_change(ask_renew, attempt->claim, err);
    return change ? run_change(batch, &change, NULL, err) : WT_E_NO_MEMORY;
}

static int ask_give_back(struct change *change, int64_t now_ms)
{
    int rc = batch_size_renew(&change->state, change->id, now_ms, 0, &change->err);
    batch_size_lapse(&change->state, now_ms);
    return rc;
}

int optimizer_give_back(struct optimizer *batch, const struct optimizer_try *attempt,
                        struct wt_error *err)
{
    struct change *change = new_change(ask_give_back, attempt->claim, err);
    return change ? run_change(batch, &change, NULL, err) : WT_E_NO_MEMORY;
}

bool optimizer_taught(const struct wt_trial *trial)
{
    return trial->outcome.ended && !trial->outcome.not_started &&
           (trial->outcome.reached > 0 ||
            (trial->outcome.reached == 0 && trial->outcome.exit_code <= 0));
}

/* --- Beliefs --- */

static void tell_sizes(const struct batch_size *state, struct wt_beliefs *beliefs)
{
    beliefs->count = state->count;
    for (unsigned i = 0; i < state->count; i++) {
        struct belief belief = {NAN, NAN};
        if (state->arms[i].observed)
            belief = arm_belief(&state->arms[i], &state->thompson);
        beliefs->sizes[i] = (struct wt_belief){.batch_size = state->sizes[i],
                                               .runs = state->arms[i].observed,
                                               .mean_j = belief.mean_j,
                                               .sd_j = belief.sd_j,
                                               .left = state->pruning.left >> i & 1};
    }
}

/* The size that a claim on a copy gets would be run next. */
static void tell_next(struct batch_size *copy, int64_t now_ms, struct wt_beliefs *beliefs)
{
    struct random_normals normals;
    struct batch_size_claim claim;
    random_normals_init(&normals);
    if (batch_size_claim(copy, &normals, now_ms, 1, &claim, NULL) == 0)
        beliefs->next = copy->sizes[claim.size];
}

int optimizer_beliefs(const struct learn_state *kept, int64_t now_ms, struct wt_beliefs *beliefs,
                      struct wt_error *err)
{
    struct batch_size *state = calloc(1, sizeof *state);
    if (!state)
        return error_set(err, WT_E_NO_MEMORY, "read the beliefs: out of memory");
    int rc = batch_size_decode(kept->bytes, kept->length, state, err);
    if (rc == 0) {
        *beliefs = (struct wt_beliefs){.state_id = kept->id, .gpu_count = kept->gpu_count};
        memcpy(beliefs->gpu_model, kept->gpu_model, sizeof beliefs->gpu_model);
        beliefs->identity = kept->identity;
        batch_size_lapse(state, now_ms);
        beliefs->running = state->claim_count;
        for (unsigned i = 0; i < state->count; i++)
            beliefs->waiting += batch_size_waiting(state, i);
        beliefs->exploring = state->pruning.stage == PRUNING_RUNS;
        beliefs->failed = state->pruning.stage > PRUNING_DONE;
        beliefs->bound_j = batch_size_bound_j(state);
        tell_sizes(state, beliefs);
        tell_next(state, now_ms, beliefs);
    }
    free(state);
    return rc;
}
