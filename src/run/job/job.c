/* SPDX-License-Identifier: Apache-2.0
 *
 * One training command from start to booking.
 *
 * The order matters: limits that a killed run has left are restored by the caller, the ledger is
 * known to be writable, then the command starts; limits come back before anything is booked; and
 * a failure of ours after the start never ends the command.
 */
#include "run/job/job.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/job/run_books.h"
#include "run/job/run_ending.h"
#include "run/job/run_progress.h"
#include "run/job/run_trial.h"
#include "run/job/run_tuning.h"
#include "run/process/signals.h"
#include "run/process/supervise.h"
#include "tune/decide/cost.h"

/* While slices are measured progress is read as often as counters; afterwards four times a second
 * is enough to see an epoch end.  Ticks of counters are aimed at to a fifth of a millisecond; under
 * a fast clock it is 2 ms of real time, or it would cost a core. */
static const int64_t POLL_PROFILING_NS = 25 * NS_PER_MS, POLL_HOLDING_NS = 250 * NS_PER_MS;
static const int64_t POLL_REAL_LEAST_NS = NS_PER_MS / 5, POLL_SCALED_LEAST_NS = 2 * NS_PER_MS;
/* Over many GPUs the errors of their sum grow more slowly than the sum: all together their counters
 * are read this many times a second while slices are measured, but each no more seldom than edges
 * are still learned for (measure/meter/edges.c). */
enum { READS_MOST = 80 };
static const int64_t POLL_PROFILING_MOST_NS = 100 * NS_PER_MS;

/* The variables of a command: the caller's, the values', the channel. */
enum { CALLERS_MOST = 10, VARIABLES = CALLERS_MOST + SUBSTITUTE_WORDS + 2 };

struct job {
    const struct job_options *options;
    struct sense *sense;
    const unsigned *devices; /* GPUs come first */
    unsigned count;
    struct live_meter *meter;
    struct run_progress progress;
    struct run_tuning tuning;
    struct run_ending ending;
    struct run_books books;
    struct supervised *command;
    int64_t started_ns, ended_ns;
};

/* --- Before the command --- */

static int open_parts(struct job *job, struct ledger *ledger, struct wt_error *err)
{
    const struct job_options *options = job->options;
    const struct run_progress_ways ways = {
        .channel = options->use_channel,
        .step_pattern = options->step_pattern,
        .metric_pattern = options->metric_pattern,
        .epoch_pattern = options->epoch_pattern,
        .metric_name = options->run_target.has_target ? options->run_target.target.name : "metric"};
    int rc = live_meter_new(job->sense, job->devices, job->count, &job->meter, err);
    if (rc == 0)
        live_meter_on_event(job->meter, live_meter_log_event, NULL);
    if (rc == 0)
        rc = run_progress_open(&job->progress, &ways, err);
    if (rc)
        return rc;
    const char *remark;
    for (unsigned i = 0; (remark = sense_remark(job->sense, i)); i++)
        log_warning("%s", remark);
    run_tuning_begin(&job->tuning, options, job->sense, job->devices, job->meter, ledger);
    job->books = (struct run_books){.ledger = ledger,
                                    .factors = options->factors,
                                    .meter = job->meter,
                                    .node_gpus = sense_gpu_count(job->sense)};
    return 0;
}

/* The trial is there from before its command starts, which is told its recurrence. */
static void begin_parts(struct job *job, struct job_result *result)
{
    const struct job_options *options = job->options;
    struct wt_trial *trial = &result->trial;
    if (options->tuner.search)
        run_tuning_start(&job->tuning);
    job_begin_trial(options, job->sense, job->devices, job->count, trial);
    run_books_begin(&job->books, trial);
    live_meter_begin(job->meter);
    job->started_ns = clock_now_ns();
    run_books_start(&job->books, trial, job->started_ns);
    run_target_begin(&job->ending.target, &options->run_target, job->meter, job->started_ns);
    spending_begin(&job->ending.spending, &options->spending, job->meter, options->factors,
                   sense_gpu_count(job->sense), trial, job->started_ns);
}

static int start(struct job *job, char *const *argv,
                 char values[SUBSTITUTE_WORDS][SUBSTITUTE_ENV_SIZE], unsigned value_count,
                 int *exit_code, struct wt_error *err)
{
    const char *env[VARIABLES];
    unsigned n = 0;
    for (const char *const *e = job->options->env; e && *e && n < CALLERS_MOST; e++)
        env[n++] = *e;
    for (unsigned i = 0; i < value_count; i++)
        env[n++] = values[i];
    if (job->progress.channel)
        env[n++] = job->progress.env_channel;
    env[n] = NULL;
    struct supervise_options options = {.argv = argv,
                                        .env = env,
                                        .relay = job->progress.pattern != NULL,
                                        .on_output = run_progress_see,
                                        .ctx = &job->progress,
                                        .adopt = true};
    if (job->tuning.tuner)
        options.helper = &job->tuning.guard_process.child;
    return supervise_start(&options, &job->command, exit_code, err);
}

/* Starts the command with the values of its recurrence in arguments and environment. */
static int start_command(struct job *job, struct job_result *result, struct wt_error *err)
{
    struct substitute_values values = job->options->values;
    char texts[SUBSTITUTE_WORDS][SUBSTITUTE_ENV_SIZE];
    unsigned recurrence = result->trial.identity.recurrence;
    char **argv = NULL;
    if (!job->options->replace)
        return start(job, job->options->argv, texts, 0, &result->exit_code, err);
    values.recurrence = recurrence ? recurrence : 1;
    values.seed += values.recurrence - 1;
    int rc = substitute_argv(job->options->argv, &values, &argv, err);
    if (rc == 0)
        rc = start(job, argv, texts, substitute_env(&values, texts), &result->exit_code, err);
    free(argv);
    return rc;
}

/* --- While it runs --- */

static int64_t poll_gap_ns(const struct job *job)
{
    int64_t many_ns = live_meter_gpu_count(job->meter) * NS_PER_S / READS_MOST;
    int64_t profiling_ns = many_ns > POLL_PROFILING_NS ? many_ns : POLL_PROFILING_NS;
    profiling_ns = profiling_ns < POLL_PROFILING_MOST_NS ? profiling_ns : POLL_PROFILING_MOST_NS;
    return run_tuning_is_profiling(&job->tuning) ? profiling_ns : POLL_HOLDING_NS;
}

/* CLOCK_MONOTONIC of the moment `at_ns`, in real time not sooner than a little from now. */
static int64_t wake_ns(int64_t at_ns)
{
    int64_t wait_ns = (int64_t)((double)(at_ns - clock_now_ns()) / clock_scale());
    int64_t least_ns = clock_scale() > 1 ? POLL_SCALED_LEAST_NS : POLL_REAL_LEAST_NS;
    return clock_monotonic_ns() + (wait_ns > least_ns ? wait_ns : least_ns);
}

static bool command_has_ended(void *ctx)
{
    return supervise_has_ended(((struct job *)ctx)->command);
}

static void poll_parts(struct job *job)
{
    if (job->progress.channel || job->progress.pattern)
        run_progress_read(&job->progress);
    if (job->tuning.tuner) {
        run_tuning_poll(&job->tuning, &job->progress.now);
        live_meter_set_gap(job->meter, poll_gap_ns(job));
    }
    run_ending_poll(&job->ending, &job->progress, &job->tuning, job->command);
    run_books_poll(&job->books);
    if (job->options->on_turn)
        job->options->on_turn(job->options->ctx);
}

/* Two rhythms: counters are read when their edges are due, which over many GPUs is hundreds of
 * times a second; progress and the tuner are looked at far more seldom. */
static void supervise_until_end(struct job *job)
{
    int64_t poll_ns = clock_now_ns(), meter_ns;
    live_meter_until(job->meter, command_has_ended, job);
    while (meter_ns = live_meter_next_ns(job->meter),
           supervise_wait(job->command, wake_ns(meter_ns < poll_ns ? meter_ns : poll_ns))) {
        live_meter_poll(job->meter);
        run_tuning_keep_guarded(&job->tuning, job->command);
        if (clock_now_ns() < poll_ns)
            continue;
        poll_parts(job);
        poll_ns = clock_now_ns() + poll_gap_ns(job);
    }
}

/* --- Afterwards --- */

/* Whether the command failed, was ended by us, or by somebody who wants all of it to end. */
static void take_end(const struct job *job, struct job_result *result)
{
    result->exit_code = supervise_exit_code(job->command);
    result->interrupted = supervise_was_interrupted(job->command);
    result->asked_to_end = result->interrupted ? SIGINT : supervise_asked_to_end(job->command);
    result->failed =
        result->exit_code != 0 && !run_ending_has_begun(&job->ending) && !result->asked_to_end;
}

static void fill_trial(const struct job *job, struct job_result *result)
{
    struct wt_trial *trial = &result->trial;
    run_trial_fill_outcome(&job->ending, &job->progress.now, &result->tuned, job->tuning.not_tuned,
                           result->exit_code, trial);
    run_trial_fill_energy(job->meter, result->devices, &trial->part);
    trial->outcome.time_s = (double)(job->ended_ns - job->started_ns) / (double)NS_PER_S;
    trial->outcome.cost_j = cost_j(cost_eta(&job->options->tuner.preference),
                                   job_max_power_w(job->sense, job->devices, job->count),
                                   trial->part.energy_j, trial->outcome.time_s);
}

static void take_spending(const struct job *job, struct job_result *result)
{
    result->over_budget = job->ending.over_budget;
    result->budget_warned = job->ending.spending.budget.warned;
    result->spent = spending_end(&job->ending.spending, &result->trial);
}

static void say_left_running(const struct job *job)
{
    unsigned left = supervise_left_running(job->command);
    if (left)
        log_note("%u process%s of the command still run%s; their energy from here on is not "
                 "measured",
                 left, left == 1 ? "" : "es", left == 1 ? "s" : "");
}

static void close_parts(struct job *job)
{
    supervise_free(job->command);
    run_progress_close(&job->progress);
    run_tuning_close(&job->tuning);
    run_books_close(&job->books);
    live_meter_free(job->meter);
}

/* --- The story --- */

static void finish(struct job *job, struct job_result *result)
{
    const struct wt_progress *progress = &job->progress.now;
    job->ended_ns = clock_from_monotonic_ns(supervise_ended_ns(job->command));
    live_meter_end(job->meter, job->ended_ns, result->devices);
    run_progress_end(&job->progress);
    take_end(job, result);
    run_ending_finish(&job->ending, progress, job->command);
    run_tuning_finish(&job->tuning, job->command, progress, &result->tuned);
    fill_trial(job, result);
    run_books_end(&job->books, job->ended_ns, result->devices, &result->trial);
    take_spending(job, result);
    say_left_running(job);
}

int job_run(const struct job_options *options, struct sense *sense, const unsigned devices[],
            unsigned count, struct ledger *ledger, struct job_result *result, struct wt_error *err)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return error_set(err, WT_E_NO_MEMORY, "start the run: out of memory");
    *job = (struct job){.options = options, .sense = sense, .devices = devices, .count = count};
    *result = (struct job_result){0};
    signals_hold();
    int rc = open_parts(job, ledger, err);
    if (rc == 0) {
        begin_parts(job, result);
        rc = start_command(job, result, err);
        if (rc)
            run_books_cancel(&job->books, &result->trial);
    }
    if (rc == 0) {
        supervise_until_end(job);
        finish(job, result);
    }
    result->booked = job->books.booked;
    close_parts(job);
    signals_allow();
    free(job);
    return rc;
}

int job_measure(char *const *argv, const char *const *env, struct sense *sense,
                const unsigned devices[], unsigned count, struct job_result *result,
                struct wt_error *err)
{
    /* No search: no tuner, no guard, no guard process.  No ledger: no books. */
    const struct job_options options = {
        .argv = argv, .env = env, .job = "", .phase = "", .observe = true};
    return job_run(&options, sense, devices, count, NULL, result, err);
}
