/* SPDX-License-Identifier: Apache-2.0
 *
 * The tuner's events in words.
 */
#include "run/job/tuner_words.h"

#include <stdio.h>

#include "base/log.h"

char *tuner_words_reason(const struct tuner_reason *reason, char text[], size_t size)
{
    text[0] = '\0';
    switch (reason->why) {
    case TUNER_WENT_WELL:
        break;
    case TUNER_NOT_SET:
        snprintf(text, size, "%s%s",
                 reason->error.code == WT_E_NO_PERMISSION
                     ? "setting a power limit needs root or CAP_SYS_ADMIN: "
                     : "",
                 reason->error.text);
        break;
    case TUNER_FOREIGN_SETTING:
        snprintf(text, size, "somebody else has set the power limit of GPU %u to %g W", reason->gpu,
                 reason->setting.value / 1000.0);
        break;
    case TUNER_GPU_LOST:
        snprintf(text, size, "GPU %u is lost", reason->gpu);
        break;
    case TUNER_COUNTER_STOPPED:
        snprintf(text, size, "the energy counter of GPU %u has stopped", reason->gpu);
        break;
    case TUNER_POWER_STOPPED:
        snprintf(text, size, "the power readings of GPU %u stand still", reason->gpu);
        break;
    case TUNER_ENERGY_UNKNOWN:
        snprintf(text, size, "the energy of the GPUs cannot be read");
        break;
    case TUNER_SEARCH_FAILED:
    case TUNER_STOPPED_BY_OWNER:
        snprintf(text, size, "%s", reason->error.text);
        break;
    case TUNER_ENDED_UNPROFILED:
        snprintf(text, size, "the training ended before the first limit was profiled");
        break;
    case TUNER_ENDED_IN_PROFILING:
        snprintf(text, size, "the training ended before all limits were profiled");
        break;
    }
    return text;
}

/* --- One function an event --- */

static void say_set(const struct tuner_event *event)
{
    log_detail("power limit %g W", event->setting.value / 1000.0);
}

static void say_slice(const struct tuner_event *event)
{
    const struct wt_profile_point *point = &event->point;
    log_detail("%g W: %.4g J and %.4g ms a step over %llu steps%s", point->setting.value / 1000.0,
               point->energy_per_step_j, point->time_per_step_s * 1000,
               (unsigned long long)point->steps, point->throttled ? ", throttled" : "");
}

static void say_profile(const struct tuner_event *event)
{
    log_note("profiled %u limits; %s %g W: %.4g J and %.4g ms a step", event->count,
             event->applied ? "now at" : "the best would be", event->point.setting.value / 1000.0,
             event->point.energy_per_step_j, event->point.time_per_step_s * 1000);
}

static void say_stored_differs(const struct tuner_event *event)
{
    (void)event;
    log_note("the profile in the ledger does not fit this run: measured anew");
}

static void say_not_loaded(const struct tuner_event *event)
{
    log_warning("%s; the profile is measured anew", event->error->text);
}

static void say_not_saved(const struct tuner_event *event)
{
    log_warning("%s; the profile is not kept", event->error->text);
}

static void say_drift(const struct tuner_event *event)
{
    log_note("the training has drifted (%+.0f %% time, %+.0f %% energy per step): profiled again",
             100 * (event->point.time_per_step_s / event->before.time_per_step_s - 1),
             100 * (event->point.energy_per_step_j / event->before.energy_per_step_j - 1));
}

static void say_eta(const struct tuner_event *event)
{
    const struct wt_profile_point *point = &event->point;
    if (point->setting.value == event->before.setting.value)
        log_detail("%s: %g W stays", event->eta_words, point->setting.value / 1000.0);
    else
        log_note("%s: now at %g W instead of %g W: %.4g J and %.4g ms a step", event->eta_words,
                 point->setting.value / 1000.0, event->before.setting.value / 1000.0,
                 point->energy_per_step_j, point->time_per_step_s * 1000);
}

static void say_stopped(const struct tuner_event *event)
{
    char why[sizeof event->reason->error.text + 128];
    log_note("not tuned any further: %s", tuner_words_reason(event->reason, why, sizeof why));
}

static void say_restored(const struct tuner_event *event)
{
    log_line(event->applied ? LOG_NOTE : LOG_DETAIL,
             "the power limit of GPU %u is back at what was found", event->gpu);
}

static void say_left(const struct tuner_event *event)
{
    log_warning("somebody else has changed the power limit of GPU %u: it is left as it is",
                event->gpu);
}

static void say_restore_failed(const struct tuner_event *event)
{
    log_warning("%s; tried again until the run ends", event->error->text);
}

static void say_given_up(const struct tuner_event *event)
{
    log_error("%s; %s", event->error->text,
              event->applied ? "the guard process goes on trying for two minutes"
                             : "the next wattune on this machine tries again");
}

void tuner_words_print(void *ctx, const struct tuner_event *event)
{
    static void (*const sayers[TUNER_EVENTS])(const struct tuner_event *) = {
        [TUNER_SET] = say_set,
        [TUNER_SLICE_DONE] = say_slice,
        [TUNER_PROFILE_DONE] = say_profile,
        [TUNER_STORED_DIFFERS] = say_stored_differs,
        [TUNER_NOT_LOADED] = say_not_loaded,
        [TUNER_NOT_SAVED] = say_not_saved,
        [TUNER_DRIFTED] = say_drift,
        [TUNER_ETA_CHANGED] = say_eta,
        [TUNER_STOPPED] = say_stopped,
        [TUNER_RESTORED] = say_restored,
        [TUNER_LEFT_TO_OTHERS] = say_left,
        [TUNER_RESTORE_FAILED] = say_restore_failed,
        [TUNER_RESTORE_GIVEN_UP] = say_given_up,
    };
    (void)ctx;
    sayers[event->kind](event);
}
