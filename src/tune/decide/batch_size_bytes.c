/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of the batch size as bytes, little-endian on every machine.  One description of the
 * layout both writes and reads, so that the two cannot differ; a state that was read is then
 * checked, since an impossible one must not be acted on.
 */
#include "tune/decide/batch_size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The last one is the version.  Version 2 is version 1 followed by the lessons of another GPU
 * model; a state without that is still written as version 1, so that older programs read it. */
enum { PLAIN = 1, CARRYING = 2 };
static const unsigned char MAGIC[8] = {'W', 'T', 'B', 'A', 'T', 'C', 'H', PLAIN};

struct codec {
    unsigned char *bytes;
    size_t at, length;
    bool writing, failed, carrying;
};

static uint64_t code(struct codec *codec, uint64_t value, unsigned width)
{
    if (codec->length - codec->at < width) {
        codec->failed = true;
        return 0;
    }
    unsigned char *bytes = codec->bytes + codec->at;
    codec->at += width;
    uint64_t read = 0;
    for (unsigned i = 0; i < width; i++) {
        if (codec->writing)
            bytes[i] = (unsigned char)(value >> 8 * i);
        read |= (uint64_t)bytes[i] << 8 * i;
    }
    return read;
}

static void code_double(struct codec *codec, double *value)
{
    uint64_t bits;
    memcpy(&bits, value, sizeof bits);
    bits = code(codec, bits, 8);
    memcpy(value, &bits, sizeof bits);
}

static void code_bool(struct codec *codec, bool *value)
{
    uint64_t byte = code(codec, *value, 1);
    *value = byte != 0;
    codec->failed |= byte > 1;
}

#define CODE(field, width) ((field) = (__typeof__(field))code(codec, (uint64_t)(field), width))

static void code_random(struct codec *codec, struct random *random)
{
    CODE(random->state_high, 8);
    CODE(random->state_low, 8);
    CODE(random->step_high, 8);
    CODE(random->step_low, 8);
    code_bool(codec, &random->has_half);
    CODE(random->half, 4);
}

static void code_pruning(struct codec *codec, struct pruning *pruning)
{
    CODE(pruning->stage, 1);
    CODE(pruning->round, 1);
    code_bool(codec, &pruning->upwards);
    CODE(pruning->start, 1);
    CODE(pruning->next, 1);
    CODE(pruning->best, 1);
    code_double(codec, &pruning->best_cost_j);
    CODE(pruning->left, 8);
    CODE(pruning->good, 8);
}

static void code_arm(struct codec *codec, struct arm *arm, unsigned window)
{
    CODE(arm->observed, 4);
    code_double(codec, &arm->mean_j);
    code_double(codec, &arm->squares);
    for (unsigned i = 0; i < window && i < arm->observed; i++)
        code_double(codec, &arm->recent_j[i]);
}

static void code_claim(struct codec *codec, struct batch_size_claim *claim)
{
    CODE(claim->id, 8);
    CODE(claim->lapses_ms, 8);
    CODE(claim->size, 1);
    code_bool(codec, &claim->prunes);
    CODE(claim->tries, 1);
    code_double(codec, &claim->spent_j);
}

static void code_carry(struct codec *codec, struct batch_size_carry *carry, unsigned sizes)
{
    CODE(carry->count, 2);
    codec->failed |= carry->count < 1 || carry->count > BATCH_PAST_MOST;
    CODE(carry->max_epochs, 4);
    code_double(codec, &carry->min_cost_j);
    for (unsigned i = 0; !codec->failed && i < sizes; i++)
        code_double(codec, &carry->epoch_cost_j[i]);
    for (unsigned i = 0; !codec->failed && i < carry->count; i++) {
        struct batch_size_carried *run = &carry->past[i];
        unsigned told = run->reached | (unsigned)run->believed << 1 | (unsigned)run->pruned << 2;
        CODE(run->size, 1);
        CODE(told, 1);
        CODE(run->epochs, 4);
        run->reached = told & 1;
        run->believed = told >> 1 & 1;
        run->pruned = told >> 2 & 1;
        codec->failed |= told > 7;
    }
}

static void code_state(struct codec *codec, struct batch_size *state)
{
    CODE(state->count, 1);
    codec->failed |= state->count < 1 || state->count > BATCH_SIZES_MOST;
    for (unsigned i = 0; !codec->failed && i < state->count; i++)
        CODE(state->sizes[i], 4);
    code_double(codec, &state->beta);
    code_double(codec, &state->min_cost_j);
    CODE(state->thompson.window, 1);
    CODE(state->thompson.explorations, 4);
    code_double(codec, &state->thompson.prior_mean_j);
    code_double(codec, &state->thompson.prior_precision);
    codec->failed |= state->thompson.window > ARM_WINDOW_MOST;
    code_random(codec, &state->random);
    code_pruning(codec, &state->pruning);
    for (unsigned i = 0; !codec->failed && i < state->count; i++)
        code_arm(codec, &state->arms[i], state->thompson.window);
    CODE(state->last_id, 8);
    CODE(state->claim_count, 1);
    codec->failed |= state->claim_count > BATCH_CLAIMS_MOST;
    for (unsigned i = 0; !codec->failed && i < state->claim_count; i++)
        code_claim(codec, &state->claims[i]);
    if (codec->carrying && !codec->failed)
        code_carry(codec, &state->carry, state->count);
}

size_t batch_size_encode(const struct batch_size *state, unsigned char bytes[BATCH_SIZE_BYTES_MOST])
{
    struct codec codec = {.bytes = bytes,
                          .length = BATCH_SIZE_BYTES_MOST,
                          .writing = true,
                          .carrying = state->carry.count > 0};
    memcpy(bytes, MAGIC, sizeof MAGIC);
    if (codec.carrying)
        bytes[sizeof MAGIC - 1] = CARRYING;
    codec.at = sizeof MAGIC;
    code_state(&codec, (struct batch_size *)state); /* writing leaves every field as it is */
    return codec.at;
}

/* --- Impossible states --- */

static bool is_cost(double cost_j)
{
    return cost_j >= 0 && isfinite(cost_j);
}

static bool good_options(const struct batch_size *s)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->sizes[i] <= (i ? s->sizes[i - 1] : 0))
            return false;
    const struct thompson_options *t = &s->thompson;
    return s->beta > 0 && s->min_cost_j >= 0 && t->explorations >= 1 && isfinite(t->prior_mean_j) &&
           isfinite(t->prior_precision) && t->prior_precision >= 0 && (s->random.step_low & 1);
}

static bool good_pruning(const struct pruning *p, unsigned count)
{
    uint64_t all = 0;
    for (unsigned i = 0; i < count; i++)
        all |= UINT64_C(1) << i;
    if (p->stage > PRUNING_NONE_REACHED || p->round > PRUNING_ROUNDS || p->start >= count ||
        p->next >= count || p->best >= count || !(p->best_cost_j >= 0) || (p->left & ~all) ||
        (p->good & ~p->left) || !(p->left >> p->best & 1) ||
        (p->stage == PRUNING_DONE) != (p->round == PRUNING_ROUNDS))
        return false;
    return p->stage != PRUNING_RUNS || ((p->left >> p->next & 1) && (p->left >> p->start & 1));
}

static bool good_arms(const struct batch_size *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct arm *arm = &s->arms[i];
        if (!isfinite(arm->mean_j) || !(arm->squares >= 0) || !isfinite(arm->squares))
            return false;
        for (unsigned k = 0; k < s->thompson.window && k < arm->observed; k++)
            if (!is_cost(arm->recent_j[k]))
                return false;
    }
    return true;
}

static bool good_claims(const struct batch_size *s)
{
    unsigned pruners = 0;
    for (unsigned i = 0; i < s->claim_count; i++) {
        const struct batch_size_claim *c = &s->claims[i];
        pruners += c->prunes;
        if (c->id <= (i ? s->claims[i - 1].id : 0) || c->id > s->last_id || c->size >= s->count ||
            c->tries < 1 || c->tries > BATCH_TRIES_MOST || !is_cost(c->spent_j) ||
            (c->prunes && (s->pruning.stage != PRUNING_RUNS || c->size != s->pruning.next)))
            return false;
    }
    return pruners <= 1;
}

static bool good_carry(const struct batch_size *s)
{
    const struct batch_size_carry *carry = &s->carry;
    for (unsigned i = 0; carry->count && i < s->count; i++)
        if (!is_cost(carry->epoch_cost_j[i]) || carry->epoch_cost_j[i] > BATCH_COST_MOST_J)
            return false;
    for (unsigned i = 0; i < carry->count; i++)
        if (carry->past[i].size >= s->count || carry->past[i].epochs < 1)
            return false;
    return !carry->count || (carry->min_cost_j >= 0 && s->pruning.stage == PRUNING_RUNS);
}

int batch_size_decode(const unsigned char bytes[], size_t length, struct batch_size *state,
                      struct wt_error *err)
{
    if (length < sizeof MAGIC || memcmp(bytes, MAGIC, sizeof MAGIC - 1) != 0)
        return error_set(err, WT_E_PARSE, "this is no state of a batch size");
    unsigned version = bytes[sizeof MAGIC - 1];
    if (version != PLAIN && version != CARRYING)
        return error_set(
            err, WT_E_VERSION,
            "the state of the batch size is of version %u, and %d is the last one known", version,
            CARRYING);
    struct batch_size *read = calloc(1, sizeof *read);
    if (!read)
        return error_set(err, WT_E_NO_MEMORY, "out of memory");
    struct codec codec = {.bytes = (unsigned char *)bytes,
                          .at = sizeof MAGIC,
                          .length = length, /* not written to */
                          .carrying = version == CARRYING};
    code_state(&codec, read);
    bool good = !codec.failed && codec.at == length && good_options(read) &&
                good_pruning(&read->pruning, read->count) && good_arms(read) && good_claims(read) &&
                good_carry(read);
    if (good)
        *state = *read;
    free(read);
    return good ? 0 : error_set(err, WT_E_PARSE, "the state of the batch size is damaged");
}
