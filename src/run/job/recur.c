/* SPDX-License-Identifier: Apache-2.0
 *
 * A job that recurs.
 */
#include "run/job/recur.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "run/job/recur_try.h"
#include "run/process/signals.h"
#include "tune/decide/cost.h"
#include "tune/decide/learning_rate.h"
#include "tune/decide/power_limits.h"
#include "tune/decide/selector.h"
#include "tune/learn/optimizer.h"

/* --- Identity of the learned state --- */

void recur_identity(const struct recur_options *options, struct wt_identity *identity)
{
    const struct run_target_options *run_target = &options->job.run_target;
    const struct tuner_options *tuner = &options->job.tuner;
    *identity = (struct wt_identity){.at_least = run_target->target.at_least,
                                     .target = run_target->target.value,
                                     .max_epochs = run_target->max_epochs,
                                     .default_size = options->sizes.default_size,
                                     .size_count = options->sizes.count,
                                     .preference = tuner->preference,
                                     .limit_count = tuner->wanted_count,
                                     .profile_only = tuner->profile_only,
                                     .carbon_aware = options->job.grid != NULL,
                                     .observed = options->job.observe,
                                     .beta = options->sizes.beta,
                                     .window = options->sizes.thompson.window,
                                     .seed = options->sizes.seed,
                                     .learning_rate = fmax(options->learning_rate, 0)};
    memcpy(identity->metric, run_target->target.name, sizeof identity->metric);
    memcpy(identity->sizes, options->sizes.sizes, sizeof identity->sizes);
    memcpy(identity->limits_mw, tuner->wanted_mw, sizeof identity->limits_mw);
    snprintf(identity->optimizer, sizeof identity->optimizer, "%s",
             options->optimizer ? options->optimizer : "");
}

/* The job and its devices, as profiles are keyed: batch size 0. */
static void fill_key(struct recur *recur, struct wt_profile_key *key)
{
    struct wt_device gpus[WT_MAX_DEVICES];
    struct power_range range = {0, 0};
    *key = (struct wt_profile_key){0};
    memcpy(key->job, recur->options->job.tuner.key.job, sizeof key->job);
    for (unsigned i = 0; i < recur->count; i++) {
        const struct wt_device *device = sense_device(recur->sense, recur->devices[i]);
        if (device->kind == WT_DEVICE_GPU)
            gpus[key->gpu_count++] = *device;
    }
    if (key->gpu_count && power_limits_common(gpus, key->gpu_count, &range, NULL) == 0) {
        key->limit_min_mw = range.min_mw;
        key->limit_max_mw = range.max_mw;
    }
    /* Of different models the first one's name would do for any mixture. */
    for (unsigned i = 0; i < key->gpu_count; i++) {
        size_t length = strlen(key->gpu_model);
        if (i == 0 || strcmp(gpus[i].name, gpus[i - 1].name) != 0)
            snprintf(key->gpu_model + length, sizeof key->gpu_model - length, "%s%s",
                     length ? " + " : "", gpus[i].name);
    }
}

/* --- The budget --- */

/* How many epochs the run may take, by earlier runs of this batch size: those that reached a
 * target, or, without one, those that ended by themselves.  Without any, --max-epochs is the most.
 */
static void expect_epochs(struct recur *recur)
{
    struct spending_options *spending = &recur->job.spending;
    const struct run_target_options *run_target = &recur->job.run_target;
    const struct ledger_whole_runs of = {recur->job.tuner.key.batch_size, run_target->has_target,
                                         recur->job.state_id};
    struct ledger_epochs epochs = {0};
    spending->least_epochs = spending->earlier_runs = 0;
    spending->most_epochs = run_target->has_target ? run_target->max_epochs : 0;
    if (spending->budget.kind == BUDGET_NONE ||
        ledger_epochs_taken(recur->ledger, recur->job.job, &of, &epochs, NULL) || !epochs.runs)
        return;
    spending->earlier_runs = epochs.runs;
    spending->least_epochs = epochs.least;
    spending->most_epochs = epochs.most;
}

/* May another try begin, or another recurrence? */
static bool goes_on(struct recur *recur)
{
    const struct spending_options *spending = &recur->job.spending;
    int number = signals_waiting();
    char all[SPENDING_TEXT];
    if (number) {
        recur->result->end = RECUR_ASKED_TO_END;
        recur->result->exit_code = 128 + number;
    }
    if ((recur->result->end == RECUR_DONE || recur->result->end == RECUR_MISSED) &&
        spending->budget.kind != BUDGET_NONE && spending->before >= spending->budget.amount) {
        log_note("the budget of %s is used up: no further run starts",
                 spending_text(all, &spending->budget, spending->budget.amount));
        recur->result->end = RECUR_OVER_BUDGET;
    }
    return recur->result->end == RECUR_DONE || recur->result->end == RECUR_MISSED;
}

/* --- One recurrence --- */

static void say_taken_over(const struct optimizer_try *attempt)
{
    if (attempt->taken_over)
        log_note("%u run%s on other GPUs count%s here, at the cost of their epochs on these",
                 attempt->taken_over, attempt->taken_over == 1 ? "" : "s",
                 attempt->taken_over == 1 ? "s" : "");
}

/* The cost of an epoch of the size, now that it ran: by its profile, or, where none was made, by
 * the run itself. */
static double shown_epoch_cost_j(struct recur *recur, const struct wt_trial *trial)
{
    double epoch_j = recur_epoch_cost_j(recur, trial->outcome.batch_size);
    return isfinite(epoch_j) || !trial->outcome.epochs
               ? epoch_j
               : trial->outcome.cost_j / (double)trial->outcome.epochs;
}

/* Runs the size that is claimed, or finds that it need not be run.  1: *outcome is for the beliefs;
 * 0: it was none. */
static int make_try(struct recur *recur, struct batch_size_result *outcome, struct wt_error *err)
{
    recur_try_prepare(recur);
    double epoch_j = recur_epoch_cost_j(recur, recur->attempt.size);
    if (isfinite(epoch_j) && batch_size_epochs_allowed(recur->attempt.bound_j, epoch_j,
                                                       recur->job.run_target.max_epochs) == 0) {
        log_note("not started: an epoch of batch size %u costs %.4g kJ, and a run may cost %.4g kJ",
                 (unsigned)recur->attempt.size, epoch_j / 1e3, recur->attempt.bound_j / 1e3);
        *outcome = (struct batch_size_result){.ran = false, .epoch_cost_j = epoch_j};
        int rc = recur_try_book_not_started(recur, epoch_j, err);
        return rc ? rc : 1;
    }
    expect_epochs(recur);
    int rc = recur_try_run(recur, err);
    if (rc)
        return rc;
    const struct wt_trial *trial = &recur->run->trial;
    *outcome = (struct batch_size_result){.ran = true,
                                          .cost_j = trial->outcome.cost_j,
                                          .reached = trial->outcome.reached > 0,
                                          .epoch_cost_j = shown_epoch_cost_j(recur, trial)};
    if (outcome->reached ||
        (!recur->run->failed && !recur->run->asked_to_end && !recur->run->over_budget)) {
        if (isfinite(trial->outcome.cost_j))
            return 1;
        log_warning("the cost of this run is unknown: nothing is learned from it");
        recur->result->end = outcome->reached ? recur->result->end : RECUR_MISSED;
    }
    return 0;
}

static int choose_and_run(struct recur *recur, struct wt_error *err)
{
    struct batch_size_result outcome = {0};
    int rc = optimizer_claim(&recur->batch, &recur->attempt, err);
    if (rc < 0)
        return rc;
    say_taken_over(&recur->attempt);
    recur->job.on_turn = recur_try_renew;
    recur->job.ctx = recur;
    for (;;) {
        rc = make_try(recur, &outcome, err);
        if (rc <= 0) {
            recur_try_give_back(recur);
            return rc;
        }
        rc = optimizer_report(&recur->batch, &recur->attempt, &outcome, err);
        if (rc == WT_E_NOT_FOUND) { /* the user was told when it lapsed, or the job was forgotten
                                       meanwhile */
            log_warning("%s: this run does not count", err->text);
            rc = 0;
        } else if (rc >= 0) {
            say_taken_over(&recur->attempt);
        }
        if (rc <= 0) {
            if (rc == 0 && !outcome.reached && recur->result->end == RECUR_DONE)
                recur->result->end = RECUR_MISSED;
            return rc;
        }
        if (!goes_on(recur)) {
            recur_try_give_back(recur);
            return 0;
        }
    }
}

/* --- Other GPUs --- */

/* The states of this job under the same options: the ids of those on other GPUs, and whether these
 * have one. */
static bool find_states(struct recur *recur, int64_t others[], unsigned capacity, unsigned *count)
{
    struct learn_state *states = NULL;
    size_t n = 0;
    bool own = false;
    *count = 0;
    if (ledger_states(recur->ledger, recur->batch.key.job, &states, &n, NULL))
        return true;
    for (size_t i = 0; i < n; i++) {
        if (!learn_identity_equal(&states[i].identity, &recur->batch.identity))
            continue;
        if (strcmp(states[i].gpu_model, recur->batch.key.gpu_model) != 0 && *count < capacity)
            others[(*count)++] = states[i].id;
        own |= strcmp(states[i].gpu_model, recur->batch.key.gpu_model) == 0;
    }
    free(states);
    return own;
}

struct past {
    int64_t others[16]; /* states of other GPUs */
    unsigned other_count;
    struct batch_size_past *runs;
    size_t count;
};

/* A run of another GPU that taught something, and counted epochs. */
static bool is_past(const struct wt_trial *t, const struct past *past)
{
    if (!optimizer_taught(t) || !t->outcome.epochs)
        return false;
    for (unsigned i = 0; i < past->other_count; i++)
        if (t->identity.state_id == past->others[i])
            return true;
    return false;
}

static int take_past(void *ctx, const struct wt_trial *t, bool on_gpus, struct wt_error *err)
{
    (void)on_gpus;
    struct past *past = ctx;
    if (!is_past(t, past))
        return 0;
    bool full = (past->count & (past->count - 1)) == 0; /* it grows by doubling */
    struct batch_size_past *more =
        full ? reallocarray(past->runs, past->count ? 2 * past->count : 1, sizeof *more)
             : past->runs;
    if (!more)
        return error_set(err, WT_E_NO_MEMORY, "read the job's runs: out of memory");
    past->runs = more;
    more[past->count++] = (struct batch_size_past){.size = t->outcome.batch_size,
                                                   .epochs = (unsigned)t->outcome.epochs,
                                                   .reached = t->outcome.reached > 0};
    return 0;
}

/* How many epochs a size takes is the same on any GPU, what an epoch costs is not: a job that is
 * new on these GPUs begins with the runs of others, which count as soon as the epochs' cost here is
 * known.  A run that cannot be read is left out. */
static void learn_from_others(struct recur *recur)
{
    struct past past = {0};
    struct optimizer *batch = &recur->batch;
    if (find_states(recur, past.others, 16, &past.other_count) || !past.other_count)
        return;
    int rc = ledger_each_outline(recur->ledger, batch->key.job, NULL, take_past, &past, NULL);
    if (rc)
        past.count = 0;
    batch->past = recur->past = past.runs;
    batch->past_count = past.count;
    batch->max_epochs = recur->job.run_target.max_epochs;
    for (unsigned i = 0; batch->past_count && i < batch->sizes.count; i++)
        batch->epoch_cost_j[i] = recur_epoch_cost_j(recur, batch->sizes.sizes[i]);
}

static int run_plainly(struct recur *recur, struct wt_error *err)
{
    recur->job.values.learning_rate = recur_try_rate(recur, 0);
    expect_epochs(recur);
    int rc = recur_try_run(recur, err);
    if (rc == 0 && recur->run->trial.outcome.reached == 0 && recur->result->end == RECUR_DONE)
        recur->result->end = RECUR_MISSED;
    return rc;
}

/* --- All of them --- */

/* A training that ignores the chosen size would be the same at every size. */
static void say_if_unused(const struct job_options *job)
{
    for (char *const *word = job->argv; *word; word++)
        if (strstr(*word, "{batch_size}"))
            return;
    log_note("no argument of the command has {batch_size}: it has to take its batch size from "
             "WATTUNE_BATCH_SIZE");
}

static int prepare(struct recur *recur, struct wt_error *err)
{
    const struct recur_options *options = recur->options;
    recur->job = options->job;
    recur->job.run_target.eta = cost_eta(&options->job.tuner.preference);
    recur->job.run_target.max_power_w = job_max_power_w(recur->sense, recur->devices, recur->count);
    recur->job.run_target.bound_j = INFINITY;
    if (!options->chooses)
        return 0;
    recur->batch = (struct optimizer){.store = ledger_learn_store(recur->ledger),
                                      .sizes = options->sizes,
                                      .hold_ms = options->hold_ms};
    recur_identity(options, &recur->batch.identity);
    fill_key(recur, &recur->batch.key);
    random_normals_init(&recur->batch.normals);
    if (recur->batch.key.gpu_count == 0)
        return error_set(err, WT_E_NO_DEVICE,
                         "batch sizes are compared by the cost of GPUs, and there is none");
    say_if_unused(&recur->job);
    learn_from_others(recur);
    return 0;
}

int recur_run(const struct recur_options *options, struct sense *sense, const unsigned devices[],
              unsigned count, struct ledger *ledger, struct recur_result *result,
              struct wt_error *err)
{
    *result = (struct recur_result){.booked = true};
    struct recur *recur = calloc(1, sizeof *recur);
    struct job_result *run = calloc(1, sizeof *run);
    int rc = recur && run ? 0 : error_set(err, WT_E_NO_MEMORY, "start the run: out of memory");
    if (rc == 0) {
        *recur = (struct recur){.options = options,
                                .sense = sense,
                                .devices = devices,
                                .count = count,
                                .ledger = ledger,
                                .result = result,
                                .run = run};
        rc = prepare(recur, err);
    }
    signals_hold(); /* around all of them: a signal between two ends the rest */
    for (unsigned i = 0; rc == 0 && i < options->recurrences && goes_on(recur); i++) {
        recur->job.recurrence = 0;
        rc = options->chooses ? choose_and_run(recur, err) : run_plainly(recur, err);
    }
    signals_allow();
    if (recur)
        free(recur->past);
    free(run);
    free(recur);
    return rc;
}

void recur_clear(struct recur_result *result)
{
    free(result->tries);
    *result = (struct recur_result){0};
}
