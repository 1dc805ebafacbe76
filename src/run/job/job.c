/* SPDX-License-Identifier: Apache-2.0
 *
 * One training command from start to booking.
 *
 * The order matters: what was left by a killed run is put back, the ledger is known to be writable,
 * then the command starts; limits come back before anything is booked; and whatever of ours fails
 * after the start, the command goes on.
 */
#include "run/job/job.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/book/run_hours.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/users.h"
#include "measure/meter/meter.h"
#include "measure/progress/channel.h"
#include "measure/progress/pattern.h"
#include "run/job/guard_process.h"
#include "run/job/sharing.h"
#include "run/process/stop.h"
#include "run/process/supervise.h"
#include "tune/act/journal.h"
#include "tune/decide/cost.h"

/* While slices are measured progress is read as often as counters; afterwards four times a second
 * is enough to see an epoch end.  Ticks of counters are aimed at to a fifth of a millisecond; under
 * a fast clock it is 2 ms of real time, or it would cost a core. */
static const int64_t POLL_PROFILING_NS = 25 * NS_PER_MS, POLL_HOLDING_NS = 250 * NS_PER_MS;
static const int64_t POLL_REAL_LEAST_NS = NS_PER_MS / 5, POLL_SCALED_LEAST_NS = 2 * NS_PER_MS;
/* Over many GPUs the errors of their sum grow more slowly than the sum: all together their counters
 * are read so many times a second while slices are measured, but each no more seldom than edges are
 * still learned for (measure/meter/edges.c). */
enum { READS_MOST = 80 };
static const int64_t POLL_PROFILING_MOST_NS = 100 * NS_PER_MS;
/* Listing processes takes the driver some 5 ms. */
static const int64_t SHARING_EVERY_NS = 2 * NS_PER_S;
/* A guard process that was ended is started again this often before tuning goes without limits. */
enum { GUARD_TRIES = 3 };
/* How busy the GPUs are is asked first after this, so that a short run knows it too, and then from
 * time to time: the driver tells the mean over up to a second. */
static const int64_t BUSY_FIRST_NS = NS_PER_S / 2, BUSY_EVERY_NS = 2 * NS_PER_S;
/* When there is no step after this long, the user is told how to report steps. */
static const int64_t NO_STEPS_AFTER_NS = 30 * NS_PER_S;

struct job {
    const struct job_options *options;
    struct sense *sense;
    const unsigned *devices;
    unsigned count, gpu_count; /* the GPUs come first */
    struct ledger *ledger;
    struct live_meter *watch;
    struct guard *guard;
    struct guard_process guard_process;
    struct tuner *tuner;
    struct channel *channel;
    struct pattern *pattern;
    pthread_mutex_t pattern_lock; /* it is fed by the supervising thread */
    struct supervised *command;
    struct sharing sharing;
    struct wt_progress progress;
    int64_t started_ns, ended_ns, sharing_ns;
    bool told_no_steps;
    struct run_hours *account; /* NULL: nothing is booked */
    int64_t busy_due_ns;
    struct run_target run_target;
    struct spending spending;
    struct grid_eta aware;
    bool over_budget; /* it is ended for that */
    struct stop stop; /* of a training that must not go on */
    bool by_us;       /* it got a signal from us */
    char **argv;
    char env_values[SUBSTITUTE_WORDS][SUBSTITUTE_ENV_SIZE];
    unsigned env_count;
    char folder[512];
    char env_channel[600];
    char not_tuned[128]; /* why; empty: it is tuned */
};

static void say_not_tuned(struct job *job, const char *why)
{
    snprintf(job->not_tuned, sizeof job->not_tuned, "%.127s", why);
    log_note("measured, not tuned: %s", why);
}

/* --- Profiles in the ledger --- */

static int load_profile(void *ctx, const struct wt_profile_key *key,
                        struct wt_profile_point points[], unsigned capacity, unsigned *count,
                        struct wt_error *err)
{
    return ledger_profile_get(((struct job *)ctx)->ledger, key, points, capacity, count, err);
}

static int save_profile(void *ctx, const struct wt_profile_key *key,
                        const struct wt_profile_point points[], unsigned count,
                        struct wt_error *err)
{
    return ledger_profile_put(((struct job *)ctx)->ledger, key, points, count, 0, err);
}

/* --- Limits that were left --- */

/* --- Before the command --- */

static int start_progress(struct job *job, struct wt_error *err)
{
    const struct job_options *options = job->options;
    if (options->use_channel) {
        uid_t uid = getuid();
        gid_t gid;
        char name[64], home[256];
        users_sudo_caller(&uid, &gid, name, home);
        int rc = channel_create(&job->channel, uid, err);
        if (rc)
            return rc;
        snprintf(job->env_channel, sizeof job->env_channel, "WATTUNE_CHANNEL=%s",
                 channel_path(job->channel));
    }
    if (!options->step_pattern && !options->metric_pattern && !options->epoch_pattern)
        return 0;
    struct pattern_options patterns = {
        .step = options->step_pattern,
        .metric = options->metric_pattern,
        .epoch = options->epoch_pattern,
        .metric_name = options->run_target.has_target ? options->run_target.target.name : "metric"};
    return pattern_new(&job->pattern, &patterns, err);
}

/* The reason not to tune that is known before the start; NULL when there is none. */
static const char *known_reason(struct job *job, char text[128])
{
    uint32_t pid;
    unsigned index;
    if (job->options->observe)
        return "--observe never writes to a device";
    if (job->gpu_count == 0)
        return "there is no GPU";
    if (!sense_driver(job->sense))
        return live_meter_device(job->watch, 0)->replayed
                   ? "this is a recording, not a device"
                   : "power limits of these GPUs cannot be set";
    if (!job->options->use_channel && !job->options->step_pattern)
        return "without steps there is nothing to compare limits by (--progress)";
    if (!job->options->shared && sharing_stranger(&job->sharing, job->watch, &pid, &index)) {
        snprintf(text, 128,
                 "GPU %u is shared: process %u uses it too (--shared tunes all the same)", index,
                 pid);
        return text;
    }
    return NULL;
}

/* What tuning has to do without on this machine; it goes on all the same. */
static void say_blind_spots(const struct job *job)
{
    for (unsigned i = 0; i < job->gpu_count; i++) {
        struct wt_state state;
        uint32_t pids[1];
        unsigned count, index = live_meter_device(job->watch, i)->index;
        if (!job->options->shared &&
            live_meter_processes(job->watch, i, pids, 1, &count) == WT_E_NOT_SUPPORTED)
            log_note("GPU %u does not tell which processes use it: that nobody else does is taken "
                     "on trust",
                     index);
        if (live_meter_state(job->watch, i, WT_STATE_THROTTLE, &state) == WT_E_NOT_SUPPORTED)
            log_note("GPU %u does not tell what lowers its clock: a slice that heat slows down is "
                     "not seen as such",
                     index);
    }
}

static void start_tuner(struct job *job)
{
    char text[128], holder[80];
    struct wt_error err;
    const char *reason = known_reason(job, text);
    if (reason) {
        say_not_tuned(job, reason);
        return;
    }
    say_blind_spots(job);
    struct tuner_options tuner = job->options->tuner;
    if (job->options->grid) {
        grid_eta_begin(&job->aware, job->options->grid, tuner.preference.eta);
        tuner.eta_now = grid_eta_eta;
        tuner.ctx = &job->aware;
    }
    struct tuner_store store = {job, job->ledger ? load_profile : NULL,
                                job->ledger ? save_profile : NULL};
    snprintf(holder, sizeof holder, "wattune run (pid %ld)", (long)getpid());
    int rc = journal_default_folder(job->folder, sizeof job->folder, &err);
    if (rc == 0)
        rc = guard_new(&guard_nvml, sense_driver(job->sense), job->folder, holder, &job->guard,
                       &err);
    if (rc == 0)
        rc = tuner_new(&tuner, job->watch, job->guard, &store, &job->tuner, &err);
    if (rc == 0) {
        rc = guard_process_start(&job->guard_process, &job->options->sense, job->folder,
                                 job->devices, job->gpu_count, &err);
        if (rc)
            job->tuner = tuner_free(job->tuner);
    }
    if (rc)
        say_not_tuned(job, err.text);
}

/* --- While it runs --- */

static void on_output(void *ctx, unsigned stream, const char *bytes, size_t length)
{
    struct job *job = ctx;
    pthread_mutex_lock(&job->pattern_lock);
    pattern_feed(job->pattern, stream, bytes, length, clock_now_ns());
    pthread_mutex_unlock(&job->pattern_lock);
}

/* Steps come from the pattern when there is one for them, else from the channel; epochs and metrics
 * likewise. */
static void read_progress(struct job *job)
{
    struct wt_progress channel = {.metric = NAN}, pattern = {.metric = NAN};
    struct wt_error err;
    if (job->channel) {
        channel = job->progress;
        if (channel_read(job->channel, &channel, &err)) {
            log_warning("%s; its steps are not seen any more", err.text);
            job->channel = channel_close(job->channel);
            channel = job->progress;
        }
    }
    if (job->pattern) {
        pthread_mutex_lock(&job->pattern_lock);
        pattern_read(job->pattern, &pattern);
        pthread_mutex_unlock(&job->pattern_lock);
    }
    struct wt_progress now = job->options->step_pattern ? pattern : channel;
    if (job->pattern && (job->options->metric_pattern || job->options->epoch_pattern)) {
        now.epochs = pattern.epochs;
        now.epoch_t_ns = pattern.epoch_t_ns;
        now.metric = pattern.metric;
        memcpy(now.metric_name, pattern.metric_name, sizeof now.metric_name);
    }
    job->progress = now;
}

static void live_meter_sharing(struct job *job)
{
    int64_t now_ns = clock_monotonic_ns();
    uint32_t pid;
    unsigned index;
    if (job->options->shared || now_ns - job->sharing_ns < SHARING_EVERY_NS)
        return;
    job->sharing_ns = now_ns;
    if (sharing_stranger(&job->sharing, job->watch, &pid, &index)) {
        char why[128];
        snprintf(why, sizeof why,
                 "GPU %u is shared: process %u uses it too (--shared tunes all the same)", index,
                 pid);
        tuner_stop(job->tuner, why);
    }
}

static void replace_guard_process(struct job *job)
{
    struct wt_error err;
    log_warning("the guard process was ended; a new one takes its place");
    int rc = WT_E_IO;
    for (unsigned i = 0; rc && i < GUARD_TRIES;
         i++) { /* whatever ended the last one may end this one as it starts */
        guard_process_end(&job->guard_process);
        rc = guard_process_start(&job->guard_process, &job->options->sense, job->folder,
                                 job->devices, job->gpu_count, &err);
    }
    if (rc) /* no limit without a guard process */
        tuner_stop(job->tuner, err.text);
    supervise_set_helper(job->command, job->guard_process.pid);
}

static int64_t poll_gap_ns(const struct job *job)
{
    int64_t many_ns = job->gpu_count * NS_PER_S / READS_MOST;
    int64_t profiling_ns = many_ns > POLL_PROFILING_NS ? many_ns : POLL_PROFILING_NS;
    profiling_ns = profiling_ns < POLL_PROFILING_MOST_NS ? profiling_ns : POLL_PROFILING_MOST_NS;
    return job->tuner && tuner_is_profiling(job->tuner) ? profiling_ns : POLL_HOLDING_NS;
}

static void poll_tuner(struct job *job)
{
    live_meter_sharing(job);
    tuner_poll(job->tuner, &job->progress);
    live_meter_set_gap(job->watch, poll_gap_ns(job));
    if (job->progress.steps == 0 && !job->told_no_steps &&
        clock_now_ns() - job->started_ns > NO_STEPS_AFTER_NS) {
        job->told_no_steps = true;
        log_note("no sign of steps so far, so nothing is tuned yet: call wt_step() once a step, or "
                 "tell what a step prints "
                 "with --progress pattern:REGEX");
    }
}

static void ask_to_stop(struct job *job)
{
    struct wt_error err;
    if (job->channel && channel_request_stop(job->channel, &err))
        log_warning("%s", err.text);
}

/* It must not go on: what follows when it does comes from turn to turn (go_on_stopping). */
static void begin_stopping(struct job *job)
{
    bool listens = job->channel && !job->options->step_pattern && job->progress.steps > 0;
    ask_to_stop(job);
    stop_begin(&job->stop, clock_monotonic_ns(),
               (int64_t)(job->options->run_target.grace_s * (double)NS_PER_S), listens,
               job->progress.steps);
}

static void go_on_stopping(struct job *job)
{
    if (job->stop.stage == STOP_NOT)
        return;
    enum stop_stage next = stop_next(&job->stop, clock_monotonic_ns(), job->progress.steps);
    if (next == STOP_NOT)
        return;
    job->by_us = true;
    supervise_signal_group(job->command, next == STOP_TERMINATED ? SIGTERM : SIGKILL);
    if (next == STOP_KILLED)
        log_note("the command did not end within %g s: it was killed",
                 job->options->run_target.grace_s);
}

/* Power limits are being tried. */
static bool is_profiling(const struct job *job)
{
    return job->tuner && tuner_is_profiling(job->tuner) && job->progress.steps > 0;
}

static void poll_goal(struct job *job)
{
    struct wt_profile_point point;
    bool holds = job->tuner && tuner_holds(job->tuner, &point),
         was_open = job->run_target.state == RUN_TARGET_OPEN;
    enum run_target_state state =
        run_target_poll(&job->run_target, &job->progress, is_profiling(job), holds ? &point : NULL);
    if (was_open && state == RUN_TARGET_REACHED)
        ask_to_stop(job);
    else if (was_open && state == RUN_TARGET_MISSED && job->stop.stage == STOP_NOT)
        begin_stopping(job);
}

static void poll_budget(struct job *job)
{
    const struct budget_amount *budget = &job->options->spending.budget;
    char all[SPENDING_TEXT], used[SPENDING_TEXT];
    if (job->stop.stage != STOP_NOT ||
        !spending_poll(&job->spending, &job->progress, is_profiling(job)))
        return;
    job->over_budget = true;
    log_note("stopped: the budget of %s is used up (%s)",
             spending_text(all, budget, budget->amount),
             spending_text(used, budget, job->spending.budget.used));
    begin_stopping(job);
}

static void ask_busy(struct job *job, int64_t now_ns)
{
    struct wt_state state;
    if (now_ns < job->busy_due_ns)
        return;
    job->busy_due_ns = now_ns + BUSY_EVERY_NS;
    for (unsigned i = 0; i < job->gpu_count; i++)
        if (live_meter_state(job->watch, i, WT_STATE_UTILIZATION, &state) == 0 &&
            (state.known & WT_STATE_UTILIZATION))
            run_hours_busy(job->account, i, now_ns, state.utilization_percent / 100.0);
}

static void poll_account(struct job *job)
{
    int64_t now_ns = clock_now_ns();
    double so_far_j[WT_MAX_DEVICES];
    ask_busy(job, now_ns);
    if (now_ns < run_hours_hour_ends_ns(job->account))
        return;
    for (unsigned i = 0; i < job->count; i++)
        if (live_meter_so_far(job->watch, i, &so_far_j[i]))
            so_far_j[i] = NAN;
    run_hours_hour(job->account, now_ns, so_far_j);
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

/* Two rhythms: counters are read when their edges are due, which over many GPUs is hundreds of
 * times a second; progress and the tuner are looked at far more seldom. */
static void supervise_until_end(struct job *job)
{
    int64_t poll_ns = clock_now_ns(), live_meter_ns;
    live_meter_until(job->watch, command_has_ended, job);
    while (
        live_meter_ns = live_meter_next_ns(job->watch),
        supervise_wait(job->command, wake_ns(live_meter_ns < poll_ns ? live_meter_ns : poll_ns))) {
        live_meter_poll(job->watch);
        if (job->tuner && supervise_helper_ended(job->command))
            replace_guard_process(job);
        if (clock_now_ns() < poll_ns)
            continue;
        if (job->channel || job->pattern)
            read_progress(job);
        if (job->tuner)
            poll_tuner(job);
        if (job->options->run_target.has_target && !job->over_budget)
            poll_goal(job);
        if (job->options->spending.budget.kind != BUDGET_NONE)
            poll_budget(job);
        go_on_stopping(job);
        if (job->account)
            poll_account(job);
        if (job->options->on_turn)
            job->options->on_turn(job->options->ctx);
        poll_ns = clock_now_ns() + poll_gap_ns(job);
    }
}

/* --- Afterwards --- */

static void finish_tuner(struct job *job, struct job_result *result)
{
    result->tuned.savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN};
    if (job->tuner) {
        tuner_finish(job->tuner, &result->tuned);
        if (job->progress.steps == 0)
            say_not_tuned(job, "there was no sign of steps (wt_step, or --progress pattern:REGEX)");
        else if (result->tuned.why_not[0])
            snprintf(job->not_tuned, sizeof job->not_tuned, "%s", result->tuned.why_not);
    }
    job->tuner = tuner_free(job->tuner);
    job->guard = guard_close(job->guard);
    if (result->tuned.owes)
        guard_process_leave(&job->guard_process);
    else
        guard_process_end(&job->guard_process);
}

static double unknown_or(double value, bool known)
{
    return known ? value : NAN;
}

/* What all devices of a kind used; NaN when there is none, or one of them is unknown. */
static double sum_of_kind(const struct job *job, const struct job_result *result,
                          enum wt_device_kind kind)
{
    struct wt_measurement of_kind[WT_MAX_DEVICES] = {0};
    unsigned n = 0;
    for (unsigned i = 0; i < job->count; i++)
        if (live_meter_device(job->watch, i)->kind == kind)
            of_kind[n++] = result->devices[i];
    struct wt_measurement sum = meter_sum(of_kind, n);
    return unknown_or((double)sum.energy_mj / 1000, n > 0 && sum.source != WT_SOURCE_NONE);
}

static double sensor_error(const struct job *job, const struct job_result *result)
{
    struct wt_device gpus[WT_MAX_DEVICES];
    for (unsigned i = 0; i < job->gpu_count; i++)
        gpus[i] = *live_meter_device(job->watch, i);
    return meter_sensor_error(result->devices, gpus, job->gpu_count);
}

/* What ended it first, then why it was not tuned, as far as there is room. */
static void put_note(const struct job *job, char note[128])
{
    const struct budget_amount *budget = &job->options->spending.budget;
    char amount[SPENDING_TEXT];
    memcpy(note, job->not_tuned, sizeof job->not_tuned);
    if (!job->over_budget)
        return;
    int n = snprintf(note, 128, "Ended by the budget of %s%s",
                     spending_text(amount, budget, budget->amount),
                     job->not_tuned[0] ? "; not tuned: " : "");
    snprintf(note + n, 128 - (size_t)n, "%s", job->not_tuned);
}

static void fill_trial(const struct job *job, struct job_result *result)
{
    struct wt_trial *trial = &result->trial;
    struct wt_measurement sum = meter_sum(result->devices, job->gpu_count);
    bool known = sum.source != WT_SOURCE_NONE;
    trial->outcome.ended = true;
    trial->outcome.time_s = (double)(job->ended_ns - job->started_ns) / (double)NS_PER_S;
    trial->part.energy_j = unknown_or((double)sum.energy_mj / 1000, known);
    trial->part.energy_error_j = unknown_or((double)sum.energy_error_mj / 1000, known);
    trial->part.source = sum.source;
    trial->part.sensor_error_fraction = sensor_error(job, result);
    trial->outcome.steps = job->progress.steps;
    trial->outcome.epochs = job->progress.epochs;
    trial->outcome.metric = job->progress.epochs ? job->progress.metric : NAN;
    trial->outcome.exit_code = job->by_us && result->exit_code > 128 ? -1 : result->exit_code;
    if (job->options->run_target.has_target &&
        (!job->over_budget || job->run_target.state == RUN_TARGET_REACHED))
        trial->outcome.reached = job->run_target.state == RUN_TARGET_REACHED;
    trial->outcome.early_stopped = job->stop.stage != STOP_NOT;
    trial->outcome.setting.value = result->tuned.limit_mw;
    trial->outcome.savings = result->tuned.savings;
    trial->profile.count = result->tuned.point_count;
    memcpy(trial->profile.points, result->tuned.points, sizeof trial->profile.points);
    put_note(job, trial->outcome.note);
    trial->part.cpu_energy_j = sum_of_kind(job, result, WT_DEVICE_CPU);
    trial->part.dram_energy_j = sum_of_kind(job, result, WT_DEVICE_DRAM);
    trial->outcome.cost_j = cost_j(cost_eta(&job->options->tuner.preference),
                                   job_max_power_w(job->sense, job->devices, job->count),
                                   trial->part.energy_j, trial->outcome.time_s);
}

double job_max_power_w(const struct sense *sense, const unsigned devices[], unsigned count)
{
    uint32_t most_mw = 0;
    unsigned gpus = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct wt_device *device = sense_device(sense, devices[i]);
        if (device->kind != WT_DEVICE_GPU)
            continue;
        gpus++;
        most_mw = device->limit_max_mw > most_mw ? device->limit_max_mw : most_mw;
    }
    return most_mw ? cost_max_power_w(most_mw, gpus) : (double)NAN;
}

void job_begin_trial(const struct job_options *options, const struct sense *sense,
                     const unsigned devices[], unsigned count, struct wt_trial *trial)
{
    *trial = (struct wt_trial){.identity.try_number = options->try_number ? options->try_number : 1,
                               .identity.recurrence = options->recurrence,
                               .identity.started_ms = clock_wall_ms(),
                               .outcome.reached = -1,
                               .part.source = WT_SOURCE_NONE,
                               .outcome.batch_size = options->tuner.key.batch_size,
                               .identity.state_id = options->state_id};
    snprintf(trial->identity.job, sizeof trial->identity.job, "%s", options->job);
    snprintf(trial->identity.phase, sizeof trial->identity.phase, "%s", options->phase);
    snprintf(trial->identity.project, sizeof trial->identity.project, "%s",
             options->project ? options->project : "");
    trial->outcome.time_s = trial->part.energy_j = trial->part.energy_error_j =
        trial->part.sensor_error_fraction = NAN;
    trial->part.cpu_energy_j = trial->part.dram_energy_j = trial->outcome.cost_j =
        trial->outcome.metric = trial->part.busy_s = NAN;
    trial->carbon = (struct wt_carbon){NAN, NAN, "", NAN, NAN, NAN, NAN, ""};
    snprintf(trial->identity.user, sizeof trial->identity.user, "%s",
             options->user ? options->user : "");
    snprintf(trial->identity.node, sizeof trial->identity.node, "%s",
             options->node ? options->node : "");
    trial->outcome.savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN};
    for (unsigned i = 0; i < count; i++) {
        const struct wt_device *device = sense_device(sense, devices[i]);
        if (device->kind != WT_DEVICE_GPU)
            continue;
        unsigned n = trial->part.gpu_count++;
        trial->part.gpus[n].index = device->index;
        memcpy(trial->part.gpus[n].uuid, device->uuid, sizeof device->uuid);
        memcpy(trial->part.gpus[n].name, device->name, sizeof device->name);
    }
}

/* The trial is there from before its command starts, which is told its recurrence. */
static void begin_trial(struct job *job, struct job_result *result)
{
    struct wt_trial *trial = &result->trial;
    struct wt_error err;
    job_begin_trial(job->options, job->sense, job->devices, job->count, trial);
    if (!job->ledger)
        return;
    result->booked = ledger_trial_begin(job->ledger, trial, &trial->identity.id,
                                        &trial->identity.recurrence, &err) == 0;
    if (!result->booked)
        log_error("this run is not booked: %s", err.text);
}

/* The command could not be started: there was no trial. */
static void cancel_trial(struct job *job, struct job_result *result)
{
    struct wt_error err;
    if (result->booked && ledger_trial_cancel(job->ledger, &result->trial, &err))
        log_error("%s", err.text);
    result->booked = false;
}

static int fill_in_values(struct job *job, const struct wt_trial *trial, struct wt_error *err)
{
    struct substitute_values values = job->options->values;
    if (!job->options->replace)
        return 0;
    values.recurrence = trial->identity.recurrence ? trial->identity.recurrence : 1;
    values.seed += values.recurrence - 1;
    job->env_count = substitute_env(&values, job->env_values);
    return substitute_argv(job->options->argv, &values, &job->argv, err);
}

/* The hours of the run and what they stand for. */
static void fill_hours(struct job *job, struct job_result *result, struct ledger_hour **hours,
                       size_t *count)
{
    struct wt_error err;
    if (run_hours_end(job->account, job->ended_ns, result->devices, hours, count, &err)) {
        log_error("%s", err.text);
        return;
    }
    result->trial.part.busy_s = run_hours_busy_s(job->account);
    if (job->options->factors)
        booking_fill(job->options->factors, sense_gpu_count(job->sense), *hours, *count,
                     &result->trial);
}

static void book(struct job *job, struct job_result *result)
{
    struct ledger_device_energy energies[WT_MAX_DEVICES] = {0};
    struct ledger_used used = {.devices = energies, .device_count = job->count};
    struct ledger_hour *hours = NULL;
    int64_t now_ms = clock_wall_ms();
    struct wt_error err;
    if (!result->booked)
        return;
    for (unsigned i = 0; i < job->count; i++) {
        const struct wt_device *device = live_meter_device(job->watch, i);
        const struct wt_measurement *m = &result->devices[i];
        energies[i] =
            (struct ledger_device_energy){.kind = device->kind,
                                          .index = device->index,
                                          .energy_j = (double)m->energy_mj / 1000,
                                          .energy_error_j = (double)m->energy_error_mj / 1000,
                                          .source = m->source,
                                          .begin_ms = result->trial.identity.started_ms,
                                          .end_ms = now_ms};
        memcpy(energies[i].uuid, device->uuid, sizeof device->uuid);
        memcpy(energies[i].name, device->name, sizeof device->name);
    }
    if (job->account)
        fill_hours(job, result, &hours, &used.hour_count);
    used.hours = hours;
    if (ledger_trial_end(job->ledger, &result->trial, &used, &err)) {
        log_error("this run is not booked: %s", err.text);
        result->booked = false;
    }
}

static void clean_up(struct job *job)
{
    supervise_free(job->command);
    pthread_mutex_destroy(&job->pattern_lock);
    pattern_free(job->pattern);
    channel_close(job->channel);
    tuner_free(job->tuner);
    guard_process_end(&job->guard_process);
    guard_close(job->guard);
    live_meter_free(job->watch);
    run_hours_free(job->account);
    free(job->argv);
    supervise_allow_signals();
}

/* Starts the command; its environment is the caller's and the channel's path. */
static int start_command(struct job *job, struct job_result *result, struct wt_error *err)
{
    const char *env[16];
    unsigned n = 0;
    for (const char *const *e = job->options->env; e && *e && n < 10;
         e++) /* room is left for five of ours */
        env[n++] = *e;
    for (unsigned i = 0; i < job->env_count; i++)
        env[n++] = job->env_values[i];
    if (job->channel)
        env[n++] = job->env_channel;
    env[n] = NULL;
    struct supervise_options options = {.argv = job->argv ? job->argv : job->options->argv,
                                        .env = env,
                                        .relay = job->pattern != NULL,
                                        .on_output = on_output,
                                        .ctx = job,
                                        .helper = job->guard_process.pid};
    return supervise_start(&options, &job->command, &result->exit_code, err);
}

static void say_left_running(const struct job *job)
{
    unsigned left = supervise_left_running(job->command);
    if (left)
        log_note(
            "%u process%s of the command still run%s: what they use from here on is not measured",
            left, left == 1 ? "" : "es", left == 1 ? "s" : "");
}

/* What its end says: whether it failed, was ended by us or by somebody who wants all of it to end.
 */
static void end_of_command(struct job *job, struct job_result *result)
{
    run_target_end(&job->run_target, &job->progress);
    result->exit_code = supervise_exit_code(job->command);
    result->interrupted = supervise_was_interrupted(job->command);
    result->asked_to_end = result->interrupted ? SIGINT : supervise_asked_to_end(job->command);
    result->failed = result->exit_code != 0 && job->stop.stage == STOP_NOT && !result->asked_to_end;
    if (job->stop.stage != STOP_NOT)
        supervise_end_group(job->command,
                            (int64_t)(job->options->run_target.grace_s * (double)NS_PER_S));
}

/* Without it the run is booked all the same, as a whole. */
static void start_account(struct job *job, const struct job_result *result)
{
    struct wt_device devices[WT_MAX_DEVICES];
    struct wt_error err;
    if (!result->booked)
        return;
    for (unsigned i = 0; i < job->count; i++)
        devices[i] = *live_meter_device(job->watch, i);
    job->busy_due_ns = job->started_ns + BUSY_FIRST_NS;
    if (run_hours_new(devices, job->count, result->trial.identity.started_ms, job->started_ns,
                      &job->account, &err))
        log_error("%s", err.text);
}

int job_run(const struct job_options *options, struct sense *sense, const unsigned devices[],
            unsigned count, struct ledger *ledger, struct job_result *result, struct wt_error *err)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return error_set(err, WT_E_NO_MEMORY, "start the run: out of memory");
    *job = (struct job){.options = options,
                        .sense = sense,
                        .devices = devices,
                        .count = count,
                        .ledger = ledger,
                        .guard_process = {0, -1}};
    *result = (struct job_result){0};
    pthread_mutex_init(&job->pattern_lock, NULL);
    supervise_hold_signals();
    int rc = live_meter_new(sense, devices, count, &job->watch, err);
    if (rc == 0) {
        live_meter_on_event(job->watch, live_meter_log_event, NULL);
        job->gpu_count = live_meter_gpu_count(job->watch);
    }
    if (rc == 0)
        rc = start_progress(job, err);
    const char *remark;
    for (unsigned i = 0; rc == 0 && (remark = sense_remark(sense, i)); i++)
        log_warning("%s", remark);
    if (rc == 0) {
        sharing_begin(&job->sharing, job->watch);
        if (options->tuner.search)
            start_tuner(job);
        begin_trial(job, result);
        rc = fill_in_values(job, &result->trial, err);
        live_meter_begin(job->watch);
        job->started_ns = clock_now_ns();
        start_account(job, result);
        run_target_begin(&job->run_target, &options->run_target, job->watch, job->started_ns);
        spending_begin(&job->spending, &options->spending, job->watch, options->factors,
                       sense_gpu_count(sense), &result->trial, job->started_ns);
        if (rc == 0)
            rc = start_command(job, result, err);
        if (rc)
            cancel_trial(job, result);
    }
    if (rc == 0) {
        supervise_until_end(job);
        job->ended_ns = clock_from_monotonic_ns(supervise_ended_ns(job->command));
        live_meter_end(job->watch, job->ended_ns, result->devices);
        if (job->pattern)
            pattern_finish(job->pattern);
        read_progress(job);
        end_of_command(job, result);
        finish_tuner(job, result);
        fill_trial(job, result);
        book(job, result);
        result->over_budget = job->over_budget;
        result->budget_warned = job->spending.budget.warned;
        result->spent = spending_end(&job->spending, &result->trial);
        say_left_running(job);
    }
    clean_up(job);
    free(job);
    return rc;
}

int job_measure(char *const *argv, const char *const *env, struct sense *sense,
                const unsigned devices[], unsigned count, struct job_result *result,
                struct wt_error *err)
{
    /* No search: no tuner, no guard, no guard process. */
    struct job_options options = {
        .argv = argv, .env = env, .job = "", .phase = "", .observe = true};
    return job_run(&options, sense, devices, count, NULL, result, err);
}
