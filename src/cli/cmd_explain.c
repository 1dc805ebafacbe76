/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune explain: why the choice for a job is what it is.  Gathers what the ledger has of the job
 * on one kind of GPU; decide/ explains, view/ and json/ tell.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "run/job/recur.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/page/page.h"
#include "show/text/view.h"
#include "tune/decide/explain.h"
#include "tune/learn/optimizer.h"

static struct settings {
    bool json;
    uint32_t batch_size; /* 0: not given */
    const char *job, *svg;
} settings;

static const struct option_row options[] = {
    {.name = "batch-size",
     .type = OPTION_WHOLE,
     .form = "B",
     .least = 1,
     .otherwise = "the cheapest in the ledger",
     .to = OPTION_TO(struct settings, batch_size),
     .help = "Batch size to explain"},
    JSON_ROW(struct settings, json),
    FILE_ROW("svg", struct settings, svg, "Write energy and time over the limit as a figure"),
    {0}};
static const struct option_row operands[] = {JOB_ROW(struct settings, job), {0}};

/* --- What the ledger has --- */

struct known {
    struct ledger *ledger;
    struct wt_trial *trials;
    size_t trial_count;
    struct ledger_profile *profiles;
    size_t profile_count;
    const struct ledger_profile *profile; /* the one that says which GPUs are meant */
    bool chooses;                         /* batch sizes were chosen on these GPUs */
    struct wt_beliefs beliefs;            /* of them */
    unsigned size_count;
    struct explain_size *sizes;
};

static void known_clear(struct known *known)
{
    free(known->trials);
    free(known->profiles);
    free(known->sizes);
    ledger_close(known->ledger);
}

static bool same_gpus(const struct wt_profile_key *a, const struct wt_profile_key *b)
{
    return strcmp(a->gpu_model, b->gpu_model) == 0 && a->gpu_count == b->gpu_count &&
           a->limit_min_mw == b->limit_min_mw && a->limit_max_mw == b->limit_max_mw;
}

/* The profile that was stored last, of that size if one is given. */
static int find_profile(struct known *known, struct wt_error *err)
{
    char job[80];
    for (size_t i = 0; i < known->profile_count; i++)
        if (!settings.batch_size || known->profiles[i].key.batch_size == settings.batch_size)
            known->profile = &known->profiles[i];
    text_escape_into(job, sizeof job, settings.job);
    if (known->profile)
        return 0;
    if (known->profile_count)
        return error_set(err, WT_E_NO_DATA, "the job %s has no profile of batch size %u", job,
                         (unsigned)settings.batch_size);
    return error_set(err, WT_E_NO_DATA,
                     "the job %s has no profile: a run that tunes power limits makes one", job);
}

/* What was learned of batch sizes on these GPUs, by the state that changed last. */
static int find_beliefs(struct known *known, struct wt_error *err)
{
    struct learn_state *states = NULL;
    struct wt_error read_err;
    size_t count = 0;
    int rc = ledger_states(known->ledger, settings.job, &states, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct wt_profile_key *key = &known->profile->key;
        if (strcmp(states[i].gpu_model, key->gpu_model) != 0 ||
            states[i].gpu_count != key->gpu_count)
            continue;
        if (optimizer_beliefs(&states[i], clock_wall_ms(), &known->beliefs, &read_err))
            log_warning("%s", read_err.text);
        else
            known->chooses = true;
    }
    free(states);
    return rc;
}

/* --- What is asked --- */

static const struct ledger_profile *profile_of(const struct known *known, uint32_t size)
{
    for (size_t i = 0; i < known->profile_count; i++)
        if (known->profiles[i].key.batch_size == size &&
            same_gpus(&known->profiles[i].key, &known->profile->key))
            return &known->profiles[i];
    return NULL;
}

static bool belongs(const struct known *known, const struct wt_trial *t, uint32_t size)
{
    const struct wt_profile_key *key = &known->profile->key;
    return t->outcome.ended && t->outcome.batch_size == size &&
           t->part.gpu_count == key->gpu_count && t->part.gpu_count &&
           strcmp(t->part.gpus[0].name, key->gpu_model) == 0;
}

/* A run that was not tuned to its end says nothing of which limit is chosen. */
static const struct wt_trial *last_tuned(const struct known *known, uint32_t size)
{
    const struct wt_trial *last = NULL;
    for (size_t i = 0; i < known->trial_count; i++)
        if (belongs(known, &known->trials[i], size) && known->trials[i].outcome.setting.value &&
            !known->trials[i].outcome.note[0] && !known->trials[i].outcome.not_started)
            last = &known->trials[i];
    return last;
}

static int fill_size(struct known *known, uint32_t batch_size, struct explain_size *size,
                     struct wt_error *err)
{
    const struct ledger_profile *profile = profile_of(known, batch_size);
    const struct wt_trial *last = last_tuned(known, batch_size);
    *size = (struct explain_size){.batch_size = batch_size,
                                  .limit_mw = last ? last->outcome.setting.value : 0,
                                  .steps_per_epoch = NAN};
    if (profile) {
        size->count = profile->count;
        memcpy(size->points, profile->points, sizeof size->points);
    }
    for (size_t i = 0; i < known->trial_count; i++) {
        const struct wt_trial *t = &known->trials[i];
        if (belongs(known, t, batch_size) && t->outcome.reached > 0 && t->outcome.epochs &&
            (!known->chooses || t->identity.state_id == known->beliefs.state_id))
            stats_add(&size->epochs, (double)t->outcome.epochs);
    }
    return ledger_steps_per_epoch(known->ledger, settings.job, batch_size, &size->steps_per_epoch,
                                  err);
}

/* The index of a size, which is added when it is new. */
static int size_index(struct known *known, uint32_t batch_size, unsigned *index,
                      struct wt_error *err)
{
    for (unsigned i = 0; i < known->size_count; i++)
        if (known->sizes[i].batch_size == batch_size) {
            *index = i;
            return 0;
        }
    *index = known->size_count++;
    return fill_size(known, batch_size, &known->sizes[*index], err);
}

/* The size that is believed to be cheapest, of those that have a profile here. */
static uint32_t cheapest(const struct known *known)
{
    const struct wt_belief *best = NULL;
    for (unsigned i = 0; known->chooses && i < known->beliefs.count; i++) {
        const struct wt_belief *b = &known->beliefs.sizes[i];
        if (b->left && b->runs && profile_of(known, b->batch_size) &&
            (!best || b->mean_j < best->mean_j))
            best = b;
    }
    return best ? best->batch_size : known->profile->key.batch_size;
}

static bool is_among(const struct wt_beliefs *beliefs, uint32_t size)
{
    for (unsigned i = 0; i < beliefs->count; i++)
        if (beliefs->sizes[i].batch_size == size)
            return true;
    return false;
}

static int ask(struct known *known, struct explain_question *question, struct wt_error *err)
{
    const struct wt_profile_key *key = &known->profile->key;
    /* A size that was run by itself, later, is not one of those that were chosen among. */
    known->chooses = known->chooses && is_among(&known->beliefs, key->batch_size);
    uint32_t chosen = settings.batch_size ? settings.batch_size : cheapest(known);
    uint32_t standard = known->chooses ? known->beliefs.identity.default_size : 0;
    known->sizes = calloc(known->beliefs.count + 2, sizeof *known->sizes);
    if (!known->sizes)
        return error_set(err, WT_E_NO_MEMORY, "explain the job: out of memory");
    *question = (struct explain_question){.gpu_count = key->gpu_count ? key->gpu_count : 1,
                                          .limit_min_mw = key->limit_min_mw,
                                          .limit_max_mw = key->limit_max_mw};
    int rc = size_index(known, chosen, &question->chosen, err);
    if (rc == 0)
        rc = size_index(known, standard ? standard : chosen, &question->standard, err);
    for (unsigned i = 0, other; rc == 0 && known->chooses && i < known->beliefs.count; i++)
        rc = size_index(known, known->beliefs.sizes[i].batch_size, &other, err);
    question->count = known->size_count;
    question->sizes = known->sizes;
    return rc;
}

static int gather(struct known *known, const struct setup *setup, struct explain_question *question,
                  struct wt_error *err)
{
    int rc = open_ledger(setup, true, &known->ledger, err);
    if (rc == 0)
        rc = ledger_job_trials(known->ledger, settings.job, &known->trials, &known->trial_count,
                               err);
    if (rc == 0)
        rc = ledger_profiles(known->ledger, settings.job, &known->profiles, &known->profile_count,
                             err);
    if (rc == 0)
        rc = find_profile(known, err);
    if (rc == 0)
        rc = find_beliefs(known, err);
    return rc ? rc : ask(known, question, err);
}

/* --- Telling --- */

/* The figure first: when it cannot be written nothing is printed that would look like success. */
static int write_figure(const struct wt_explanation *explanation, struct wt_error *err)
{
    struct buffer figure = {0};
    if (!settings.svg)
        return 0;
    page_explain_svg(&figure, explanation);
    int rc = figure.failed
                 ? error_set(err, WT_E_NO_MEMORY, "out of memory")
                 : file_write(settings.svg, buffer_text(&figure), figure.length, 0644, err);
    buffer_clear(&figure);
    return rc;
}

static int print_document(const struct wt_explanation *explanation)
{
    struct buffer sentences[VIEW_EXPLAIN_SENTENCES] = {{0}};
    const char *texts[VIEW_EXPLAIN_SENTENCES];
    struct wt_error err;
    for (unsigned i = 0; i < VIEW_EXPLAIN_SENTENCES; i++) {
        view_explain_sentence(&sentences[i], explanation, i);
        texts[i] = sentences[i].failed ? NULL : buffer_text(&sentences[i]);
    }
    struct json_doc *doc = json_explain_document(explanation, texts, VIEW_EXPLAIN_SENTENCES);
    int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
    json_doc_free(doc);
    for (unsigned i = 0; i < VIEW_EXPLAIN_SENTENCES; i++)
        buffer_clear(&sentences[i]);
    return rc ? command_failed(&err) : EXIT_DONE;
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct known known = {0};
    struct explain_question question;
    struct wt_explanation explanation;
    struct wt_error err;
    struct buffer page = {0};
    int rc = gather(&known, setup, &question, &err);
    if (rc == 0) {
        explain(&question, &explanation);
        const struct wt_trial *last = last_tuned(&known, explanation.chosen.batch_size);
        snprintf(explanation.job, sizeof explanation.job, "%s", settings.job);
        memcpy(explanation.gpu_model, known.profile->key.gpu_model, sizeof explanation.gpu_model);
        explanation.found_limit_mw = last ? last->outcome.savings.baseline.value : 0;
        rc = write_figure(&explanation, &err);
    }
    known_clear(&known);
    if (rc)
        return command_failed(&err);
    if (settings.json)
        return print_document(&explanation);
    view_explain(&page, &explanation, command_colour(setup));
    return command_print(&page);
}

const struct command command_explain = {
    .name = "explain",
    .summary = "explain the choice of a job's batch size and power limit",
    .description = "Fits the job's profile, its measurements at each power limit, to a model of a "
                   "GPU: static power, which does not depend on the clock; dynamic power, which "
                   "grows faster than the clock; and the share of a step that follows the clock. "
                   "The model explains the limit at which a step takes least energy, the distance "
                   "of the default - the default batch size at the highest limit - from the front "
                   "of the measured points, and the saving of the choice: by the number of "
                   "epochs, by the cost of an epoch at the batch size, and by the limit. These "
                   "three multiply, and their logarithms share out the points saved, so that they "
                   "add up to the whole. The limit's saving differs between the two batch sizes: "
                   "the mean over both orders of turning the two knobs is printed where both "
                   "could be measured.\n\n"
                   "Intervals are of 95 %, from the points and their errors; a sensor that reads "
                   "too much or too little as a whole is not in them. A number that the points do "
                   "not determine is unknown, and where the model does not describe the points, "
                   "the page says so and prints measurements only. Powers are those of one GPU; "
                   "in JSON they are sums over the run's GPUs, as energies are.\n\n"
                   "With several kinds of GPU the explanation is of the kind that was profiled "
                   "last. A job without a profile is an error.",
    .examples = "  wattune explain mlp\n  wattune explain mlp --batch-size 32 --json\n  wattune "
                "explain mlp --svg mlp.svg\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .operands = operands,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
