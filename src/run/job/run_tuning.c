/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning of a run.
 */
#include "run/job/run_tuning.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/job/tuner_words.h"
#include "tune/act/journal.h"
#include "tune/act/sensed.h"

/* Listing processes takes the driver some 5 ms. */
static const int64_t SHARING_EVERY_NS = 2 * NS_PER_S;
/* A guard process that was ended is started again this often before tuning goes without limits. */
enum { GUARD_TRIES = 3 };
/* When there is no step after this long, the user is told how to report steps. */
static const int64_t NO_STEPS_AFTER_NS = 30 * NS_PER_S;

static void say_not_tuned(struct run_tuning *tuning, const char *why)
{
    snprintf(tuning->not_tuned, sizeof tuning->not_tuned, "%.127s", why);
    log_note("measured, not tuned: %s", why);
}

/* --- Profiles in the ledger --- */

static int load_profile(void *ctx, const struct wt_profile_key *key,
                        struct wt_profile_point points[], unsigned capacity, unsigned *count,
                        struct wt_error *err)
{
    return ledger_profile_get(((struct run_tuning *)ctx)->ledger, key, points, capacity, count,
                              err);
}

static int save_profile(void *ctx, const struct wt_profile_key *key,
                        const struct wt_profile_point points[], unsigned count,
                        struct wt_error *err)
{
    return ledger_profile_put(((struct run_tuning *)ctx)->ledger, key, points, count, 0, err);
}

/* --- Before the command --- */

void run_tuning_begin(struct run_tuning *tuning, const struct job_options *options,
                      struct sense *sense, const unsigned gpus[], struct live_meter *meter,
                      struct ledger *ledger)
{
    *tuning = (struct run_tuning){.options = options,
                                  .sense = sense,
                                  .gpus = gpus,
                                  .gpu_count = live_meter_gpu_count(meter),
                                  .meter = meter,
                                  .ledger = ledger,
                                  .guard_process = {.child = {.fd = -1}, .fd = -1},
                                  .started_ns = clock_now_ns()};
    sharing_begin(&tuning->sharing, meter);
}

/* A stranger on one of the GPUs, in words; false when there is none. */
static bool find_stranger(const struct run_tuning *tuning, char text[128])
{
    uint32_t pid;
    unsigned index;
    if (!sharing_stranger(&tuning->sharing, tuning->meter, &pid, &index))
        return false;
    snprintf(text, 128, "GPU %u is shared: process %u uses it too (--shared tunes all the same)",
             index, pid);
    return true;
}

/* The reason not to tune that is known before the start; NULL when there is none. */
static const char *known_reason(const struct run_tuning *tuning, char text[128])
{
    const struct job_options *options = tuning->options;
    if (options->observe)
        return "--observe never writes to a device";
    if (tuning->gpu_count == 0)
        return "there is no GPU";
    if (!sensed_can_set(tuning->sense))
        return live_meter_device(tuning->meter, 0)->replayed
                   ? "this is a recording, not a device"
                   : "power limits of these GPUs cannot be set";
    if (!options->use_channel && !options->step_pattern)
        return "without steps there is nothing to compare limits by (--progress)";
    return !options->shared && find_stranger(tuning, text) ? text : NULL;
}

/* Knowledge that tuning has to do without on this machine; it goes on all the same. */
static void say_blind_spots(const struct run_tuning *tuning)
{
    for (unsigned i = 0; i < tuning->gpu_count; i++) {
        struct wt_state state;
        uint32_t pids[1];
        unsigned count, index = live_meter_device(tuning->meter, i)->index;
        if (!tuning->options->shared &&
            live_meter_processes(tuning->meter, i, pids, 1, &count) == WT_E_NOT_SUPPORTED)
            log_note("GPU %u does not tell which processes use it; assuming that no other does",
                     index);
        if (live_meter_state(tuning->meter, i, WT_STATE_THROTTLE, &state) == WT_E_NOT_SUPPORTED)
            log_note("GPU %u does not tell what lowers its clock; a slice that heat slows down "
                     "goes unnoticed",
                     index);
    }
}

static int start_guard_process(struct run_tuning *tuning, struct wt_error *err)
{
    return guard_process_start(&tuning->guard_process, &tuning->options->sense, tuning->folder,
                               tuning->gpus, tuning->gpu_count, err);
}

static int start_tuner(struct run_tuning *tuning, struct wt_error *err)
{
    char holder[80];
    struct tuner_options options = tuning->options->tuner;
    if (tuning->options->grid) {
        grid_eta_begin(&tuning->grid, tuning->options->grid, options.preference.eta);
        options.eta_now = grid_eta_eta;
        options.ctx = &tuning->grid;
    }
    options.listener.hear = tuner_words_print;
    struct tuner_store store = {tuning, tuning->ledger ? load_profile : NULL,
                                tuning->ledger ? save_profile : NULL};
    snprintf(holder, sizeof holder, "wattune run (pid %ld)", (long)getpid());
    int rc = journal_default_folder(tuning->folder, sizeof tuning->folder, err);
    if (rc == 0)
        rc = guard_new(sensed_finder(tuning->sense), tuning->folder, holder, &tuning->guard, err);
    if (rc == 0)
        rc = tuner_new(&options, tuning->meter, tuning->guard, &store, &tuning->tuner, err);
    return rc;
}

void run_tuning_start(struct run_tuning *tuning)
{
    char text[128];
    struct wt_error err;
    const char *reason = known_reason(tuning, text);
    if (reason) {
        say_not_tuned(tuning, reason);
        return;
    }
    say_blind_spots(tuning);
    int rc = start_tuner(tuning, &err);
    if (rc == 0 && (rc = start_guard_process(tuning, &err)))
        tuning->tuner = tuner_free(tuning->tuner);
    if (rc)
        say_not_tuned(tuning, err.text);
}

/* --- While it runs --- */

static void look_for_strangers(struct run_tuning *tuning)
{
    int64_t now_ns = clock_monotonic_ns();
    char words[128];
    if (tuning->options->shared || now_ns - tuning->sharing_ns < SHARING_EVERY_NS)
        return;
    tuning->sharing_ns = now_ns;
    if (find_stranger(tuning, words)) {
        struct wt_error why;
        error_set(&why, WT_E_BUSY, "%s", words);
        tuner_stop(tuning->tuner, &why);
    }
}

void run_tuning_poll(struct run_tuning *tuning, const struct wt_progress *progress)
{
    if (!tuning->tuner)
        return;
    look_for_strangers(tuning);
    tuner_poll(tuning->tuner, progress);
    if (progress->steps == 0 && !tuning->told_no_steps &&
        clock_now_ns() - tuning->started_ns > NO_STEPS_AFTER_NS) {
        tuning->told_no_steps = true;
        log_note("no sign of steps so far, so nothing is tuned yet: call wt_step() once a step, or "
                 "describe the line that a step prints with --progress pattern:REGEX");
    }
}

/* Whatever ended the last guard process may end a new one as it starts.  Without one no limit is
 * set. */
static void replace_guard_process(struct run_tuning *tuning, struct supervised *command)
{
    struct wt_error err;
    int rc = WT_E_IO;
    log_warning("the guard process has ended; starting another");
    supervise_set_helper(command, NULL);
    for (unsigned i = 0; rc && i < GUARD_TRIES; i++) {
        guard_process_end(&tuning->guard_process);
        rc = start_guard_process(tuning, &err);
    }
    if (rc)
        tuner_stop(tuning->tuner, &err);
    else
        supervise_set_helper(command, &tuning->guard_process.child);
}

void run_tuning_keep_guarded(struct run_tuning *tuning, struct supervised *command)
{
    if (tuning->tuner && supervise_helper_ended(command))
        replace_guard_process(tuning, command);
}

bool run_tuning_is_profiling(const struct run_tuning *tuning)
{
    return tuning->tuner && tuner_is_profiling(tuning->tuner);
}

bool run_tuning_holds(const struct run_tuning *tuning, struct wt_profile_point *point)
{
    return tuning->tuner && tuner_holds(tuning->tuner, point);
}

/* --- Afterwards --- */

static void finish_tuner(struct run_tuning *tuning, const struct wt_progress *progress,
                         struct tuner_result *result)
{
    tuner_finish(tuning->tuner, result);
    if (progress->steps == 0)
        say_not_tuned(tuning, "there was no sign of steps (wt_step, or --progress pattern:REGEX)");
    else if (result->reason.why != TUNER_WENT_WELL)
        tuner_words_reason(&result->reason, tuning->not_tuned, sizeof tuning->not_tuned);
}

void run_tuning_finish(struct run_tuning *tuning, struct supervised *command,
                       const struct wt_progress *progress, struct tuner_result *result)
{
    result->savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN};
    if (tuning->tuner)
        finish_tuner(tuning, progress, result);
    tuning->tuner = tuner_free(tuning->tuner);
    tuning->guard = guard_close(tuning->guard);
    supervise_set_helper(command, NULL);
    if (result->owes)
        guard_process_leave(&tuning->guard_process);
    else
        guard_process_end(&tuning->guard_process);
}

void run_tuning_close(struct run_tuning *tuning)
{
    tuning->tuner = tuner_free(tuning->tuner);
    guard_process_end(&tuning->guard_process);
    tuning->guard = guard_close(tuning->guard);
}
