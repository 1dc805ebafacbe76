/* SPDX-License-Identifier: Apache-2.0
 *
 * One try of a recurring job.
 */
#include "run/job/recur_try.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/job/tuner_words.h"
#include "tune/decide/cost.h"
#include "tune/decide/learning_rate.h"
#include "tune/decide/profile.h"
#include "tune/decide/selector.h"

enum { RENEWALS = 4 }; /* in the time that a claim is held */

/* --- The claim --- */

void recur_try_renew(void *ctx)
{
    struct recur *recur = ctx;
    struct wt_error err;
    if (recur->lapsed || clock_monotonic_ns() < recur->renew_ns)
        return;
    recur->renew_ns = clock_monotonic_ns() + recur->batch.hold_ms * NS_PER_MS / RENEWALS;
    int rc = optimizer_renew(&recur->batch, &recur->attempt, &err);
    recur->lapsed = rc == WT_E_NOT_FOUND;
    if (rc)
        log_warning("%s%s", err.text, recur->lapsed ? "; this run will not count" : "");
}

void recur_try_give_back(struct recur *recur)
{
    struct wt_error err;
    int rc = optimizer_give_back(&recur->batch, &recur->attempt, &err);
    if (rc && rc != WT_E_NOT_FOUND)
        log_warning("%s", err.text);
}

/* --- Learning rate and cost --- */

double recur_try_rate(struct recur *recur, uint32_t size)
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

double recur_epoch_cost_j(struct recur *recur, uint32_t size)
{
    const struct job_options *job = &recur->job;
    struct wt_profile_key key = recur->batch.key;
    struct wt_profile_point points[WT_MAX_LIMITS];
    struct wt_decision decision;
    unsigned count = 0;
    double steps = NAN;
    key.batch_size = size;
    if (ledger_steps_per_epoch(recur->ledger, key.job, size, &steps, NULL) || !isfinite(steps) ||
        ledger_profile_get(recur->ledger, &key, points, WT_MAX_LIMITS, &count, NULL))
        return NAN;
    count = profile_keep_knob(points, count, WT_KNOB_POWER_LIMIT); /* the knob that a run turns */
    if (!count || selector_choose(points, count, NULL, &job->tuner.preference,
                                  job->run_target.max_power_w, &decision, NULL))
        return NAN;
    return steps * cost_per_step_j(job->run_target.eta, job->run_target.max_power_w,
                                   &points[decision.point]);
}

void recur_try_prepare(struct recur *recur)
{
    const struct optimizer_try *attempt = &recur->attempt;
    recur->job.try_number = attempt->number;
    recur->job.state_id = recur->result->state_id = attempt->state_id;
    recur->job.tuner.key.batch_size = recur->job.values.batch_size = attempt->size;
    recur->job.values.learning_rate = recur_try_rate(recur, attempt->size);
    recur->job.run_target.bound_j = attempt->bound_j;
    recur->renew_ns = clock_monotonic_ns() + recur->batch.hold_ms * NS_PER_MS / RENEWALS;
    recur->lapsed = false;
    if (isfinite(attempt->bound_j))
        log_note("batch size %u; the run may cost %.4g kJ", (unsigned)attempt->size,
                 attempt->bound_j / 1e3);
    else
        log_note("batch size %u", (unsigned)attempt->size);
    if (attempt->waiting)
        log_note("%u run%s of it on other GPUs count%s once this one has shown the cost of an "
                 "epoch here",
                 attempt->waiting, attempt->waiting == 1 ? "" : "s",
                 attempt->waiting == 1 ? "s" : "");
}

/* --- The run --- */

static int keep(struct recur *recur, const struct wt_trial *trial, struct wt_error *err)
{
    struct recur_result *result = recur->result;
    struct wt_trial *more = reallocarray(result->tries, result->count + 1, sizeof *more);
    if (!more)
        return error_set(err, WT_E_NO_MEMORY, "keep the trial: out of memory");
    result->tries = more;
    more[result->count++] = *trial;
    return 0;
}

int recur_try_book_not_started(struct recur *recur, double epoch_j, struct wt_error *err)
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
    char size[48] = "", limit[48] = "", setting[TUNER_WORDS_SETTING], energy[48] = "unknown energy";
    if (recur->options->recurrences == 1 && !recur->options->chooses)
        return;
    if (t->outcome.batch_size)
        snprintf(size, sizeof size, "batch size %u, ", (unsigned)t->outcome.batch_size);
    if (t->outcome.setting.value)
        snprintf(limit, sizeof limit, "%s, ", tuner_words_setting(t->outcome.setting, setting));
    if (isfinite(t->part.energy_j))
        snprintf(energy, sizeof energy, "%.4g kJ", t->part.energy_j / 1e3);
    log_note("recurrence %u, try %u: %s%s%llu epochs, %s in %.4g s%s", t->identity.recurrence,
             t->identity.try_number, size, limit, (unsigned long long)t->outcome.epochs, energy,
             t->outcome.time_s,
             t->outcome.reached > 0    ? ": target reached"
             : t->outcome.reached == 0 ? ": target not reached"
                                       : "");
}

/* Takes the run off the budget. */
static void spend(struct recur *recur)
{
    struct spending_options *spending = &recur->job.spending;
    spending->before += recur->run->spent;
    if (recur->run->over_budget) /* the booking may be a hair less than the reading that ended it */
        spending->before = fmax(spending->before, spending->budget.amount);
    spending->warned = recur->run->budget_warned;
}

int recur_try_run(struct recur *recur, struct wt_error *err)
{
    struct recur_result *result = recur->result;
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
