/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the choices of a job.
 */
#include "account/study/pareto.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/study/limit_profiles.h"
#include "base/text.h"
#include "tune/decide/profile.h"
#include "tune/decide/cost.h"
#include "tune/decide/expected.h"
#include "tune/learn/identity.h"
#include "tune/learn/optimizer.h"

/* The job as far as it is read before anything is computed. */
struct reading {
    struct ledger *ledger;
    const struct pareto_options *options;
    char job[80]; /* escaped */
    struct pareto *pareto;
    struct learn_state *states;
    struct ledger_profile *profiles;
    size_t state_count, profile_count;
    int64_t last_state_id; /* the state of the trial before, and whether it is for the target */
    bool last_is_for_target;
    uint32_t default_size;
    const struct wt_profile_key *gpus; /* of one of the profiles */
    unsigned size_count;
    struct expected_size sizes[WT_MAX_BATCH_SIZES]; /* rising; epochs is their sum at first */
};

/* Adds a name to a list in words that does not have it yet; leaves out a name that does not fit. */
static void add_name(char *list, size_t size, const char *name)
{
    char escaped[120];
    size_t length = strlen(list), width = strlen(text_escape_into(escaped, sizeof escaped, name));
    for (const char *at = list; (at = strstr(at, escaped)); at++)
        if ((at == list || at[-1] == ' ') && (at[width] == ',' || !at[width]))
            return;
    if (length + width + 3 < size)
        snprintf(list + length, size - length, "%s%s", length ? ", " : "", escaped);
}

/* --- The target --- */

static bool target_of(const struct learn_state *state, char words[WT_TARGET_LEN])
{
    struct target target = learn_identity_target(&state->identity);
    learn_target_words(&target, words);
    return !state->identity.opaque;
}

/* The target that is asked for, or that of the state that was changed last; and the default size
 * that it was run with. */
static int choose_target(struct reading *reading, struct wt_error *err)
{
    char wanted[WT_TARGET_LEN] = "", words[WT_TARGET_LEN],
         *target = reading->pareto->study.target_words;
    if (reading->options->target)
        learn_target_words(reading->options->target, wanted);
    for (size_t i = reading->state_count; i-- > 0;) {
        if (!target_of(&reading->states[i], words))
            continue;
        uint32_t default_size = reading->states[i].identity.default_size;
        if (!target[0] && (!wanted[0] || strcmp(words, wanted) == 0)) {
            memcpy(target, words, sizeof words);
            reading->default_size = default_size;
        } else if (strcmp(words, target) != 0) {
            add_name(reading->pareto->other_targets, sizeof reading->pareto->other_targets, words);
        }
    }
    if (target[0])
        return 0;
    if (reading->pareto->other_targets[0])
        return error_set(err, WT_E_INVALID, "the job %s was never run for %s; it was for %s",
                         reading->job, wanted, reading->pareto->other_targets);
    return error_set(
        err, WT_E_NOT_FOUND,
        "no batch sizes were chosen for the job %s, or they were forgotten: there is nothing to "
        "compare before `wattune run --batch-sizes`",
        reading->job);
}

static bool is_for_target(const struct reading *reading, int64_t state_id)
{
    char words[WT_TARGET_LEN];
    for (size_t i = 0; state_id && i < reading->state_count; i++)
        if (reading->states[i].id == state_id)
            return target_of(&reading->states[i], words) &&
                   strcmp(words, reading->pareto->study.target_words) == 0;
    return false;
}

/* --- The GPUs --- */

/* The GPUs that were profiled last, among those of the name that is asked for. */
static int choose_gpus(struct reading *reading, struct wt_error *err)
{
    const char *gpu = reading->options->gpu;
    char *others = reading->pareto->other_gpus;
    for (size_t i = reading->profile_count; i-- > 0;) {
        const struct wt_profile_key *key = &reading->profiles[i].key;
        if (!key->batch_size)
            continue;
        if (!reading->gpus && (!gpu || strcasestr(key->gpu_model, gpu))) {
            reading->gpus = key;
        } else if (!reading->gpus || strcmp(reading->gpus->gpu_model, key->gpu_model) != 0 ||
                   reading->gpus->gpu_count != key->gpu_count) {
            char words[WT_NAME_LEN + 16];
            snprintf(words, sizeof words, "%u x %s", key->gpu_count, key->gpu_model);
            add_name(others, sizeof reading->pareto->other_gpus, words);
        }
    }
    if (reading->gpus)
        return 0;
    if (others[0])
        return error_set(
            err, WT_E_INVALID,
            "no batch size of the job %s was profiled on a GPU called \"%.40s\"; on %s they were",
            reading->job, gpu, others);
    return error_set(
        err, WT_E_NOT_FOUND,
        "no batch size of the job %s has a profile of power limits: run it without --observe, "
        "with a sign of its steps",
        reading->job);
}

/* --- The batch sizes --- */

/* The entry of a size, in rising order; NULL when there is no room. */
static struct expected_size *entry_of(struct reading *reading, uint32_t batch_size)
{
    struct expected_size *sizes = reading->sizes;
    unsigned at = 0;
    while (at < reading->size_count && sizes[at].batch_size < batch_size)
        at++;
    if (at < reading->size_count && sizes[at].batch_size == batch_size)
        return &sizes[at];
    if (reading->size_count == WT_MAX_BATCH_SIZES)
        return NULL;
    memmove(&sizes[at + 1], &sizes[at], (reading->size_count++ - at) * sizeof sizes[0]);
    sizes[at] = (struct expected_size){.batch_size = batch_size, .steps_per_epoch = NAN};
    return &sizes[at];
}

static int count_run(void *ctx, const struct wt_trial *trial, bool on_gpus, struct wt_error *err)
{
    (void)on_gpus;
    struct reading *reading = ctx;
    const struct wt_trial_outcome *outcome = &trial->outcome;
    if (trial->identity.state_id != reading->last_state_id) {
        reading->last_state_id = trial->identity.state_id;
        reading->last_is_for_target = is_for_target(reading, trial->identity.state_id);
    }
    if (!outcome->batch_size || !reading->last_is_for_target)
        return 0;
    struct expected_size *size = entry_of(reading, outcome->batch_size);
    if (!size)
        return error_set(err, WT_E_RANGE, "the job %s has more than %d batch sizes", reading->job,
                         WT_MAX_BATCH_SIZES);
    if (!optimizer_taught(trial))
        return 0;
    size->runs++;
    size->reached += outcome->reached > 0;
    size->epochs += outcome->reached > 0 ? (double)outcome->epochs : 0;
    return 0;
}

static int take_steps(void *ctx, uint32_t batch_size, double steps, struct wt_error *err)
{
    (void)err;
    struct reading *reading = ctx;
    for (unsigned i = 0; i < reading->size_count; i++)
        if (reading->sizes[i].batch_size == batch_size)
            reading->sizes[i].steps_per_epoch = steps;
    return 0;
}

static void complete(struct reading *reading, struct expected_size *size)
{
    size->epochs = size->reached ? size->epochs / size->reached : (double)NAN;
    for (size_t i = 0; i < reading->profile_count; i++) {
        const struct ledger_profile *profile = &reading->profiles[i];
        if (profile->key.batch_size == size->batch_size &&
            profile_same_gpus(&profile->key, reading->gpus)) {
            size->points = profile->points;
            size->point_count = profile->count;
        }
    }
}

/* --- The result --- */

static void leave_out(struct wt_study *study, const struct expected_size *size,
                      enum wt_left_why why)
{
    study->left_out[study->left_count++] =
        (struct wt_left_out){size->batch_size, size->runs, size->reached, why};
}

/* The default size at its highest limit; of one that is left out its numbers are not known. */
static int find_standard(struct reading *reading, struct wt_error *err)
{
    struct pareto *pareto = reading->pareto;
    uint32_t wanted =
        reading->options->default_size ? reading->options->default_size : reading->default_size;
    const struct expected_size *size = NULL;
    char names[200] = "";
    for (unsigned i = 0; i < reading->size_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", (unsigned)reading->sizes[i].batch_size);
        add_name(names, sizeof names, name);
        if (reading->sizes[i].batch_size == wanted)
            size = &reading->sizes[i];
    }
    if (!size && reading->options->default_size)
        return error_set(err, WT_E_INVALID,
                         "the default batch size %u is not among those of the job %s for %s: %s",
                         (unsigned)wanted, reading->job, pareto->study.target_words, names);
    if (!size)
        return 0;
    pareto->study.standard =
        (struct wt_point){.batch_size = wanted,
                          .epochs = size->reached == size->runs ? size->epochs : (double)NAN,
                          .time_s = NAN,
                          .energy_j = NAN,
                          .cost_j = NAN};
    for (unsigned i = pareto->point_count; i-- > 0;)
        if (pareto->points[i].batch_size == wanted)
            pareto->study.standard = pareto->points[i];
    return 0;
}

static int work_out(struct reading *reading, struct wt_error *err)
{
    struct pareto *pareto = reading->pareto;
    struct wt_study *study = &pareto->study;
    struct target target = {.value = NAN};
    snprintf(study->job, sizeof study->job, "%s", reading->options->job);
    snprintf(study->gpu_model, sizeof study->gpu_model, "%s", reading->gpus->gpu_model);
    study->gpu_count = reading->gpus->gpu_count;
    study->eta = reading->options->eta;
    target_parse(study->target_words, &target, NULL);
    study->target = target.value;
    study->max_power_w = reading->gpus->limit_max_mw
                             ? cost_max_power_w(reading->gpus->limit_max_mw, study->gpu_count)
                             : (double)NAN;
    for (unsigned i = 0; i < reading->size_count; i++) {
        struct expected_size *size = &reading->sizes[i];
        complete(reading, size);
        enum wt_left_why why = expected_left_out(size);
        if (why != WT_LEFT_NOT)
            leave_out(study, size, why);
        pareto->point_count += expected_points(size, study->eta, study->max_power_w,
                                               pareto->points + pareto->point_count);
    }
    expected_mark_front(pareto->points, pareto->point_count);
    const struct wt_point *cheapest = expected_cheapest(pareto->points, pareto->point_count);
    if (cheapest)
        study->optimum = *cheapest;
    return find_standard(reading, err);
}

static int read_job(struct reading *reading, struct wt_error *err)
{
    struct ledger *ledger = reading->ledger;
    const char *job = reading->options->job;
    int rc = ledger_job_check(ledger, job, err);
    if (rc == 0)
        rc = ledger_states(ledger, job, &reading->states, &reading->state_count, err);
    if (rc == 0)
        rc = limit_profiles(ledger, job, &reading->profiles, &reading->profile_count, err);
    if (rc == 0)
        rc = choose_target(reading, err);
    if (rc == 0)
        rc = choose_gpus(reading, err);
    if (rc == 0)
        rc = ledger_each_outline(ledger, job, NULL, count_run, reading, err);
    if (rc == 0)
        rc = ledger_each_steps_per_epoch(ledger, job, take_steps, reading, err);
    return rc ? rc : work_out(reading, err);
}

int pareto_read(struct ledger *ledger, const struct pareto_options *options, struct pareto **pareto,
                struct wt_error *err)
{
    struct reading *reading = calloc(1, sizeof *reading);
    struct pareto *read = calloc(1, sizeof *read);
    int rc = reading && read ? ledger_view_begin(ledger, err)
                             : error_set(err, WT_E_NO_MEMORY, "read the job: out of memory");
    if (rc == 0) {
        *reading = (struct reading){.ledger = ledger, .options = options, .pareto = read};
        text_escape_into(reading->job, sizeof reading->job, options->job);
        rc = read_job(reading, err);
        ledger_view_end(ledger);
        free(reading->states);
        free(reading->profiles);
    }
    free(reading);
    if (rc)
        free(read);
    else
        *pareto = read;
    return rc;
}
