/* SPDX-License-Identifier: Apache-2.0
 *
 * Gathers a job for its explanation.  One pass over the outlines of its trials fills an entry for
 * each batch size; profiles and beliefs choose among these.
 */
#include "account/study/explain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/study/limit_profiles.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "tune/decide/profile.h"
#include "tune/decide/explain.h"
#include "tune/learn/optimizer.h"

/* The trials of a batch size. */
struct ran {
    uint32_t batch_size;
    double steps_per_epoch;      /* least of all trials, whatever the GPU; NaN: unknown */
    struct stats epochs;         /* of runs on these GPUs that reached the target */
    uint32_t limit_mw, found_mw; /* of the last one tuned to its end; 0: unknown */
};

struct gathering {
    struct ledger *ledger;
    const char *job;
    uint32_t batch_size; /* asked for; 0: none */
    struct ledger_profile *profiles;
    size_t profile_count;
    const struct ledger_profile *profile; /* the one that says which GPUs are meant */
    bool chooses;                         /* batch sizes were chosen on these GPUs */
    struct wt_beliefs beliefs;            /* of them */
    struct ran *ran;
    size_t ran_count;
    struct explain_size *sizes;
    unsigned size_count;
};

static void gathering_free(struct gathering *g)
{
    if (!g)
        return;
    free(g->profiles);
    free(g->ran);
    free(g->sizes);
    free(g);
}

static int no_memory(struct wt_error *err)
{
    return error_set(err, WT_E_NO_MEMORY, "explain the job: out of memory");
}

/* --- Profiles and beliefs --- */

/* The profile that was stored last, of that size if one is given. */
static int find_profile(struct gathering *g, struct wt_error *err)
{
    char job[80];
    int rc = limit_profiles(g->ledger, g->job, &g->profiles, &g->profile_count, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < g->profile_count; i++)
        if (!g->batch_size || g->profiles[i].key.batch_size == g->batch_size)
            g->profile = &g->profiles[i];
    text_escape_into(job, sizeof job, g->job);
    if (g->profile)
        return 0;
    if (g->profile_count)
        return error_set(err, WT_E_NO_DATA, "the job %s has no profile of batch size %u", job,
                         (unsigned)g->batch_size);
    return error_set(err, WT_E_NO_DATA,
                     "the job %s has no profile: a run that tunes power limits makes one", job);
}

static const struct ledger_profile *profile_of(const struct gathering *g, uint32_t size)
{
    for (size_t i = 0; i < g->profile_count; i++)
        if (g->profiles[i].key.batch_size == size &&
            profile_same_gpus(&g->profiles[i].key, &g->profile->key))
            return &g->profiles[i];
    return NULL;
}

static bool is_among(const struct wt_beliefs *beliefs, uint32_t size)
{
    for (unsigned i = 0; i < beliefs->count; i++)
        if (beliefs->sizes[i].batch_size == size)
            return true;
    return false;
}

/* The beliefs on these GPUs, by the state that changed last.  A size that was run by itself, later,
 * is not one of those that were chosen among. */
static int find_beliefs(struct gathering *g, struct wt_error *err)
{
    const struct wt_profile_key *key = &g->profile->key;
    struct learn_state *states = NULL;
    struct wt_error state_err;
    size_t count = 0;
    int rc = ledger_states(g->ledger, g->job, &states, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (strcmp(states[i].gpu_model, key->gpu_model) != 0 ||
            states[i].gpu_count != key->gpu_count)
            continue;
        if (optimizer_beliefs(&states[i], clock_wall_ms(), &g->beliefs, &state_err))
            log_warning("%s", state_err.text);
        else
            g->chooses = true;
    }
    free(states);
    g->chooses = g->chooses && is_among(&g->beliefs, key->batch_size);
    return rc;
}

/* --- Trials --- */

/* The entry of a size; NULL when out of memory. */
static struct ran *ran_of(struct gathering *g, uint32_t batch_size)
{
    for (size_t i = 0; i < g->ran_count; i++)
        if (g->ran[i].batch_size == batch_size)
            return &g->ran[i];
    struct ran *more = reallocarray(g->ran, g->ran_count + 1, sizeof *more);
    if (!more)
        return NULL;
    g->ran = more;
    more[g->ran_count] = (struct ran){.batch_size = batch_size, .steps_per_epoch = NAN};
    return &more[g->ran_count++];
}

static int take(void *ctx, const struct wt_trial *t, bool on_gpus, struct wt_error *err)
{
    struct gathering *g = ctx;
    const struct wt_trial_outcome *outcome = &t->outcome;
    struct ran *ran = ran_of(g, outcome->batch_size);
    if (!ran)
        return no_memory(err);
    /* A trial that ended inside an epoch counts some steps too many, so the least is told. */
    if (outcome->steps && outcome->epochs && outcome->batch_size)
        ran->steps_per_epoch =
            fmin(ran->steps_per_epoch, (double)outcome->steps / (double)outcome->epochs);
    if (!outcome->ended || !on_gpus)
        return 0;
    /* A run that was not tuned to its end tells nothing of the limit that is chosen. */
    if (outcome->setting.value && outcome->setting.knob == WT_KNOB_POWER_LIMIT &&
        !outcome->note[0] && !outcome->not_started) {
        const struct wt_setting *found = &outcome->savings.baseline;
        ran->limit_mw = outcome->setting.value;
        ran->found_mw = found->knob == WT_KNOB_POWER_LIMIT ? found->value : 0;
    }
    if (outcome->reached > 0 && outcome->epochs &&
        (!g->chooses || t->identity.state_id == g->beliefs.state_id))
        stats_add(&ran->epochs, (double)outcome->epochs);
    return 0;
}

/* --- The question --- */

static int fill_size(struct gathering *g, uint32_t batch_size, struct explain_size *size,
                     struct wt_error *err)
{
    const struct ledger_profile *profile = profile_of(g, batch_size);
    const struct ran *ran = ran_of(g, batch_size);
    if (!ran)
        return no_memory(err);
    *size = (struct explain_size){.batch_size = batch_size,
                                  .limit_mw = ran->limit_mw,
                                  .epochs = ran->epochs,
                                  .steps_per_epoch = ran->steps_per_epoch};
    if (profile) {
        size->count = profile->count;
        memcpy(size->points, profile->points, sizeof size->points);
    }
    return 0;
}

/* The index of a size, which is added when it is new. */
static int size_index(struct gathering *g, uint32_t batch_size, unsigned *index,
                      struct wt_error *err)
{
    for (unsigned i = 0; i < g->size_count; i++)
        if (g->sizes[i].batch_size == batch_size) {
            *index = i;
            return 0;
        }
    *index = g->size_count++;
    return fill_size(g, batch_size, &g->sizes[*index], err);
}

/* The size that is believed to be cheapest, of those that have a profile here. */
static uint32_t cheapest(const struct gathering *g)
{
    const struct wt_belief *best = NULL;
    for (unsigned i = 0; g->chooses && i < g->beliefs.count; i++) {
        const struct wt_belief *b = &g->beliefs.sizes[i];
        if (b->left && b->runs && profile_of(g, b->batch_size) &&
            (!best || b->mean_j < best->mean_j))
            best = b;
    }
    return best ? best->batch_size : g->profile->key.batch_size;
}

static int ask(struct gathering *g, struct explain_question *question, struct wt_error *err)
{
    const struct wt_profile_key *key = &g->profile->key;
    uint32_t chosen = g->batch_size ? g->batch_size : cheapest(g);
    uint32_t standard = g->chooses ? g->beliefs.identity.default_size : 0;
    g->sizes = calloc(g->beliefs.count + 2, sizeof *g->sizes);
    if (!g->sizes)
        return no_memory(err);
    *question = (struct explain_question){.gpu_count = key->gpu_count ? key->gpu_count : 1,
                                          .limit_min_mw = key->limit_min_mw,
                                          .limit_max_mw = key->limit_max_mw};
    int rc = size_index(g, chosen, &question->chosen, err);
    if (rc == 0)
        rc = size_index(g, standard ? standard : chosen, &question->standard, err);
    for (unsigned i = 0, other; rc == 0 && g->chooses && i < g->beliefs.count; i++)
        rc = size_index(g, g->beliefs.sizes[i].batch_size, &other, err);
    question->count = g->size_count;
    question->sizes = g->sizes;
    return rc;
}

static int gather(struct gathering *g, struct explain_question *question, struct wt_error *err)
{
    int rc = ledger_job_check(g->ledger, g->job, err);
    if (rc == 0)
        rc = find_profile(g, err);
    if (rc == 0)
        rc = find_beliefs(g, err);
    if (rc == 0)
        rc = ledger_each_outline(g->ledger, g->job, &g->profile->key, take, g, err);
    return rc ? rc : ask(g, question, err);
}

int explain_job(struct ledger *ledger, const char *job, uint32_t batch_size,
                struct wt_explanation *explanation, struct wt_error *err)
{
    struct explain_question question;
    struct gathering *g = calloc(1, sizeof *g);
    if (!g)
        return no_memory(err);
    *g = (struct gathering){.ledger = ledger, .job = job, .batch_size = batch_size};
    int rc = ledger_view_begin(ledger, err);
    if (rc == 0)
        rc = gather(g, &question, err);
    ledger_view_end(ledger);
    if (rc == 0) {
        explain(&question, explanation);
        snprintf(explanation->job, sizeof explanation->job, "%s", job);
        memcpy(explanation->gpu_model, g->profile->key.gpu_model, sizeof explanation->gpu_model);
        const struct ran *ran = ran_of(g, explanation->chosen.batch_size);
        explanation->found_limit_mw = ran ? ran->found_mw : 0;
    }
    gathering_free(g);
    return rc;
}
