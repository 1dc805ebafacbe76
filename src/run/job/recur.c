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
#include "run/process/supervise.h"
#include "tune/decide/cost.h"
#include "tune/decide/learning_rate.h"
#include "tune/decide/power_limits.h"
#include "tune/decide/selector.h"
#include "tune/learn/optimizer.h"

enum { RENEWALS = 4 }; /* in the time that a claim is held */

struct recur {
    const struct recur_options *options;
    struct sense *sense;
    const unsigned *devices;
    unsigned count;
    struct ledger *ledger;
    struct recur_result *result;
    struct job_options job; /* of the try that runs */
    struct job_result *run;
    struct optimizer batch;
    struct batch_size_past *past; /* of other GPUs; batch.past */
    struct optimizer_try attempt;
    int64_t renew_ns; /* CLOCK_MONOTONIC: when to renew the claim next */
    bool lapsed, told_rate;
};

/* --- What was asked for --- */

static void put_preference(struct buffer *words, const struct tuner_options *tuner)
{
    const struct wt_preference *p = &tuner->preference;
    switch (p->selector) {
    case WT_SELECT_ENERGY:
        buffer_print(words, "least energy");
        break;
    case WT_SELECT_TIME:
        buffer_print(words, "least time");
        break;
    case WT_SELECT_MAX_SLOWDOWN:
        buffer_print(words, "eta %.12g, slowdown %.12g", p->eta, p->max_slowdown);
        break;
    case WT_SELECT_COST:
        buffer_print(words, "eta %.12g", p->eta);
        break;
    }
    for (unsigned i = 0; i < tuner->wanted_count; i++)
        buffer_print(words, i ? ",%g" : ", limits %g", tuner->wanted_mw[i] / 1000.0);
    if (tuner->profile_only)
        buffer_print(words, ", profile only");
}

void recur_words(const struct recur_options *options, char text[WT_OPTIONS_LEN])
{
    const struct run_target_options *run_target = &options->job.run_target;
    struct buffer words = {0};
    char target[WT_TARGET_LEN];
    options_target_words(&run_target->target, target);
    buffer_print(&words, "%s in %u epochs, default %u of ", target, run_target->max_epochs,
                 (unsigned)options->sizes.default_size);
    for (unsigned i = 0; i < options->sizes.count; i++)
        buffer_print(&words, i ? ",%u" : "%u", (unsigned)options->sizes.sizes[i]);
    buffer_print(&words, ", ");
    put_preference(&words, &options->job.tuner);
    if (options->job.grid)
        buffer_print(&words, ", carbon-aware");
    buffer_print(&words, "%s, beta %.12g, window %u, seed %llu",
                 options->job.observe ? ", observed" : "", options->sizes.beta,
                 options->sizes.thompson.window, (unsigned long long)options->sizes.seed);
    if (options->learning_rate > 0)
        buffer_print(&words, ", lr %.12g %s", options->learning_rate,
                     options->optimizer ? options->optimizer : "");
    snprintf(text, WT_OPTIONS_LEN, "%s", buffer_text(&words));
    buffer_clear(&words);
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

/* --- One try --- */

static void renew(void *ctx)
{
    struct recur *recur = ctx;
    struct wt_error err;
    if (recur->lapsed || clock_monotonic_ns() < recur->renew_ns)
        return;
    recur->renew_ns = clock_monotonic_ns() + recur->batch.hold_ms * NS_PER_MS / RENEWALS;
    int rc = optimizer_renew(&recur->batch, &recur->attempt, &err);
    recur->lapsed = rc == WT_E_NOT_FOUND;
    if (rc)
        log_warning("%s%s", err.text,
                    recur->lapsed ? "; what this run teaches is not counted" : "");
}

/* The rate that suits the size, given the one that suits the default. */
static double rate_for(struct recur *recur, uint32_t size)
{
    const struct recur_options *options = recur->options;
    double rate = options->learning_rate;
    struct wt_error err;
    if (!options->chooses || !(rate > 0))
        return rate;
    if (!options->optimizer)
        error_set(&err, WT_E_NOT_SUPPORTED,
                  "without --optimizer the learning rate stays %g at every batch size", rate);
    else if (learning_rate_scale(options->optimizer, rate, options->sizes.default_size, size, &rate,
                                 &err) == 0)
        return rate;
    if (!recur->told_rate)
        log_note("%s", err.text);
    recur->told_rate = true;
    return options->learning_rate;
}

/* What an epoch of this size costs by what the ledger has of it: its steps at the limit that would
 * be chosen.  NaN: not known. */
static double known_epoch_cost_j(struct recur *recur, uint32_t size)
{
    const struct job_options *job = &recur->job;
    struct wt_profile_key key = recur->batch.key;
    struct wt_profile_point points[WT_MAX_LIMITS];
    struct wt_decision decision;
    unsigned count = 0;
    double steps = NAN;
    key.batch_size = size;
    if (ledger_steps_per_epoch(recur->ledger, key.job, size, &steps, NULL) || !isfinite(steps) ||
        ledger_profile_get(recur->ledger, &key, points, WT_MAX_LIMITS, &count, NULL) || !count ||
        selector_choose(points, count, NULL, &job->tuner.preference, job->run_target.max_power_w,
                        &decision, NULL))
        return NAN;
    return steps * cost_per_step_j(job->run_target.eta, job->run_target.max_power_w,
                                   &points[decision.point]);
}

static int keep(struct recur *recur, const struct wt_trial *trial, struct wt_error *err)
{
    struct recur_result *result = recur->result;
    struct wt_trial *more = reallocarray(result->tries, result->count + 1, sizeof *more);
    if (!more)
        return error_set(err, WT_E_NO_MEMORY, "keep what was measured: out of memory");
    result->tries = more;
    more[result->count++] = *trial;
    return 0;
}

/* A try that does not start, since not even one epoch fits: it took nothing. */
static int book_not_started(struct recur *recur, double epoch_j, struct wt_error *err)
{
    struct wt_trial trial;
    struct wt_error book_err;
    job_begin_trial(&recur->job, recur->sense, recur->devices, recur->count, &trial);
    if (ledger_trial_begin(recur->ledger, &trial, &trial.identity.id, &trial.identity.recurrence,
                           &book_err) == 0) {
        trial.outcome.ended = trial.outcome.not_started = true;
        trial.outcome.time_s = trial.part.energy_j = trial.part.energy_error_j =
            trial.outcome.cost_j = 0;
        trial.outcome.reached = 0;
        trial.outcome.exit_code = -1;
        snprintf(trial.outcome.note, sizeof trial.outcome.note,
                 "not started: an epoch costs %.4g kJ, and a run may cost %.4g kJ", epoch_j / 1e3,
                 recur->attempt.bound_j / 1e3);
        if (ledger_trial_end(recur->ledger, &trial, NULL, &book_err) == 0) {
            recur->job.recurrence = trial.identity.recurrence;
            return keep(recur, &trial, err);
        }
    }
    log_error("this try is not booked: %s", book_err.text);
    recur->result->booked = false;
    return 0;
}

/* Says in a line how a try went; the table comes at the end. */
static void say_try(const struct recur *recur)
{
    const struct wt_trial *t = &recur->run->trial;
    char size[48] = "", limit[48] = "", energy[48] = "unknown energy";
    if (recur->options->recurrences == 1 && !recur->options->chooses)
        return;
    if (t->outcome.batch_size)
        snprintf(size, sizeof size, "batch size %u, ", (unsigned)t->outcome.batch_size);
    if (t->outcome.setting.value)
        snprintf(limit, sizeof limit, "%g W, ", t->outcome.setting.value / 1000.0);
    if (isfinite(t->part.energy_j))
        snprintf(energy, sizeof energy, "%.4g kJ", t->part.energy_j / 1e3);
    log_note("recurrence %u, try %u: %s%s%llu epochs, %s in %.4g s%s", t->identity.recurrence,
             t->identity.try_number, size, limit, (unsigned long long)t->outcome.epochs, energy,
             t->outcome.time_s,
             t->outcome.reached > 0    ? ": target reached"
             : t->outcome.reached == 0 ? ": target not reached"
                                       : "");
}

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

/* What the run took from the budget. */
static void spend(struct recur *recur)
{
    struct spending_options *spending = &recur->job.spending;
    spending->before += recur->run->spent;
    if (recur->run->over_budget) /* what is booked may be a hair less than what was seen */
        spending->before = fmax(spending->before, spending->budget.amount);
    spending->warned = recur->run->budget_warned;
}

/* Runs the command once.  `recur->job` says with what. */
static int run_once(struct recur *recur, struct wt_error *err)
{
    struct recur_result *result = recur->result;
    expect_epochs(recur);
    *recur->run = (struct job_result){0};
    int rc = job_run(&recur->job, recur->sense, recur->devices, recur->count, recur->ledger,
                     recur->run, err);
    result->exit_code = recur->run->exit_code;
    if (rc)
        return rc;
    result->booked = result->booked && recur->run->booked;
    result->interrupted = recur->run->interrupted;
    recur->job.recurrence = recur->run->trial.identity.recurrence;
    say_try(recur);
    spend(recur);
    bool has_budget = recur->job.spending.budget.kind != BUDGET_NONE;
    if (recur->run->asked_to_end) {
        result->end = RECUR_ASKED_TO_END;
        if (!result->exit_code &&
            (recur->options->recurrences > 1 || recur->job.run_target.has_target || has_budget))
            result->exit_code = 128 + recur->run->asked_to_end;
    } else if (recur->run->failed) {
        result->end = RECUR_COMMAND_FAILED;
    } else if (recur->run->over_budget && recur->run->trial.outcome.reached <= 0) {
        result->end = RECUR_OVER_BUDGET;
    }
    return keep(recur, &recur->run->trial, err);
}

/* May another try begin, or another recurrence? */
static bool goes_on(struct recur *recur)
{
    const struct spending_options *spending = &recur->job.spending;
    int number = supervise_waiting_signal();
    char all[SPENDING_TEXT];
    if (number) {
        recur->result->end = RECUR_ASKED_TO_END;
        recur->result->exit_code = 128 + number;
    }
    if ((recur->result->end == RECUR_DONE || recur->result->end == RECUR_MISSED) &&
        spending->budget.kind != BUDGET_NONE && spending->before >= spending->budget.amount) {
        log_note("the budget of %s is used up: nothing more is started",
                 spending_text(all, &spending->budget, spending->budget.amount));
        recur->result->end = RECUR_OVER_BUDGET;
    }
    return recur->result->end == RECUR_DONE || recur->result->end == RECUR_MISSED;
}

/* --- One recurrence --- */

static void prepare_try(struct recur *recur)
{
    const struct optimizer_try *attempt = &recur->attempt;
    recur->job.try_number = attempt->number;
    recur->job.state_id = recur->result->state_id = attempt->state_id;
    recur->job.tuner.key.batch_size = recur->job.values.batch_size = attempt->size;
    recur->job.values.learning_rate = rate_for(recur, attempt->size);
    recur->job.run_target.bound_j = attempt->bound_j;
    recur->renew_ns = clock_monotonic_ns() + recur->batch.hold_ms * NS_PER_MS / RENEWALS;
    recur->lapsed = false;
    if (isfinite(attempt->bound_j))
        log_note("batch size %u; the run may cost %.4g kJ", (unsigned)attempt->size,
                 attempt->bound_j / 1e3);
    else
        log_note("batch size %u", (unsigned)attempt->size);
    if (attempt->waiting)
        log_note(
            "%u run%s of it on other GPUs count%s once this one has shown what an epoch costs here",
            attempt->waiting, attempt->waiting == 1 ? "" : "s", attempt->waiting == 1 ? "s" : "");
}

static void say_taken_over(const struct optimizer_try *attempt)
{
    if (attempt->taken_over)
        log_note("%u run%s on other GPUs count%s here, at what their epochs cost on these",
                 attempt->taken_over, attempt->taken_over == 1 ? "" : "s",
                 attempt->taken_over == 1 ? "s" : "");
}

/* What an epoch of the size costs, now that it ran: by its profile, or, where none was made, by
 * what the run took. */
static double shown_epoch_cost_j(struct recur *recur, const struct wt_trial *trial)
{
    double epoch_j = known_epoch_cost_j(recur, trial->outcome.batch_size);
    return isfinite(epoch_j) || !trial->outcome.epochs
               ? epoch_j
               : trial->outcome.cost_j / (double)trial->outcome.epochs;
}

/* Runs the size that is claimed, or finds that it need not be run.  1: *outcome is for the beliefs;
 * 0: it was none. */
static int make_try(struct recur *recur, struct batch_size_result *outcome, struct wt_error *err)
{
    prepare_try(recur);
    double epoch_j = known_epoch_cost_j(recur, recur->attempt.size);
    if (isfinite(epoch_j) && batch_size_epochs_allowed(recur->attempt.bound_j, epoch_j,
                                                       recur->job.run_target.max_epochs) == 0) {
        log_note("not started: an epoch of batch size %u costs %.4g kJ, and a run may cost %.4g kJ",
                 (unsigned)recur->attempt.size, epoch_j / 1e3, recur->attempt.bound_j / 1e3);
        *outcome = (struct batch_size_result){.ran = false, .epoch_cost_j = epoch_j};
        int rc = book_not_started(recur, epoch_j, err);
        return rc ? rc : 1;
    }
    int rc = run_once(recur, err);
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
        log_warning("what this run cost is not known: nothing is learned from it");
        recur->result->end = outcome->reached ? recur->result->end : RECUR_MISSED;
    }
    return 0;
}

static void give_back(struct recur *recur)
{
    struct wt_error err;
    int rc = optimizer_give_back(&recur->batch, &recur->attempt, &err);
    if (rc && rc != WT_E_NOT_FOUND)
        log_warning("%s", err.text);
}

static int choose_and_run(struct recur *recur, struct wt_error *err)
{
    struct batch_size_result outcome = {0};
    int rc = optimizer_claim(&recur->batch, &recur->attempt, err);
    if (rc < 0)
        return rc;
    say_taken_over(&recur->attempt);
    recur->job.on_turn = renew;
    recur->job.ctx = recur;
    for (;;) {
        rc = make_try(recur, &outcome, err);
        if (rc <= 0) {
            give_back(recur);
            return rc;
        }
        rc = optimizer_report(&recur->batch, &recur->attempt, &outcome, err);
        if (rc == WT_E_NOT_FOUND) { /* it was said when it was noticed, or the job was forgotten
                                       meanwhile */
            log_warning("%s: what this run taught is not counted", err->text);
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
            give_back(recur);
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
        if (strcmp(states[i].options, recur->batch.options) != 0)
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
 * known.  What cannot be read is not taken over. */
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
        batch->epoch_cost_j[i] = known_epoch_cost_j(recur, batch->sizes.sizes[i]);
}

static int run_plainly(struct recur *recur, struct wt_error *err)
{
    recur->job.values.learning_rate = rate_for(recur, 0);
    int rc = run_once(recur, err);
    if (rc == 0 && recur->run->trial.outcome.reached == 0 && recur->result->end == RECUR_DONE)
        recur->result->end = RECUR_MISSED;
    return rc;
}

/* --- All of them --- */

/* A training that does not look at what was chosen would be the same at every size. */
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
    recur_words(options, recur->batch.options);
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
    supervise_hold_signals(); /* around all of them: a signal between two ends the rest */
    for (unsigned i = 0; rc == 0 && i < options->recurrences && goes_on(recur); i++) {
        recur->job.recurrence = 0;
        rc = options->chooses ? choose_and_run(recur, err) : run_plainly(recur, err);
    }
    supervise_allow_signals();
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
