/* SPDX-License-Identifier: Apache-2.0
 *
 * The tuner's events in words.
 */
#include "run/job/tuner_words.h"

#include <stdio.h>

#include "base/log.h"
#include "tune/act/guard.h"

char *tuner_words_setting(struct wt_setting setting, char text[TUNER_WORDS_SETTING])
{
    if (setting.knob == WT_KNOB_POWER_LIMIT)
        snprintf(text, TUNER_WORDS_SETTING, "%g W", setting.value / 1000.0);
    else
        snprintf(text, TUNER_WORDS_SETTING, "%u MHz", (unsigned)setting.value);
    return text;
}

char *tuner_words_reason(const struct tuner_reason *reason, char text[], size_t size)
{
    char setting[TUNER_WORDS_SETTING];
    text[0] = '\0';
    switch (reason->why) {
    case TUNER_WENT_WELL:
        break;
    case TUNER_NOT_SET:
        if (reason->error.code == WT_E_NO_PERMISSION)
            snprintf(text, size, "setting a %s needs root or CAP_SYS_ADMIN: %s",
                     guard_knob_name(reason->setting.knob), reason->error.text);
        else
            snprintf(text, size, "%s", reason->error.text);
        break;
    case TUNER_FOREIGN_SETTING:
        snprintf(text, size, "somebody else has set the %s of GPU %u to %s",
                 guard_knob_name(reason->setting.knob), reason->gpu,
                 tuner_words_setting(reason->setting, setting));
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
    char setting[TUNER_WORDS_SETTING];
    log_detail("%s %s", guard_knob_name(event->setting.knob),
               tuner_words_setting(event->setting, setting));
}

static void say_slice(const struct tuner_event *event)
{
    const struct wt_profile_point *point = &event->point;
    char setting[TUNER_WORDS_SETTING];
    log_detail("%s: %.4g J and %.4g ms a step over %llu steps%s",
               tuner_words_setting(point->setting, setting), point->energy_per_step_j,
               point->time_per_step_s * 1000, (unsigned long long)point->steps,
               point->throttled ? ", throttled" : "");
}

static void say_profile(const struct tuner_event *event)
{
    char begin[64], setting[TUNER_WORDS_SETTING];
    snprintf(begin, sizeof begin,
             event->reused ? "the profile in the ledger holds, %u limits in all"
                           : "profiled %u limits",
             event->count);
    log_note("%s; %s %s: %.4g J and %.4g ms a step", begin,
             event->applied ? "now at" : "the best would be",
             tuner_words_setting(event->point.setting, setting), event->point.energy_per_step_j,
             event->point.time_per_step_s * 1000);
}

static void say_stored_differs(const struct tuner_event *event)
{
    (void)event;
    log_note("the profile in the ledger does not fit this run: profiling again");
}

static void say_not_loaded(const struct tuner_event *event)
{
    log_warning("%s; profiling again", event->error->text);
}

static void say_not_saved(const struct tuner_event *event)
{
    log_warning("%s; the profile is not kept", event->error->text);
}

static void say_drift(const struct tuner_event *event)
{
    log_note("the training has drifted (%+.0f %% time, %+.0f %% energy per step): profiling again",
             100 * (event->point.time_per_step_s / event->before.time_per_step_s - 1),
             100 * (event->point.energy_per_step_j / event->before.energy_per_step_j - 1));
}

static void say_eta(const struct tuner_event *event)
{
    const struct wt_profile_point *point = &event->point;
    char now[TUNER_WORDS_SETTING], before[TUNER_WORDS_SETTING];
    if (point->setting.value == event->before.setting.value)
        log_detail("%s: %s stays", event->eta_words, tuner_words_setting(point->setting, now));
    else
        log_note("%s: now at %s instead of %s: %.4g J and %.4g ms a step", event->eta_words,
                 tuner_words_setting(point->setting, now),
                 tuner_words_setting(event->before.setting, before), point->energy_per_step_j,
                 point->time_per_step_s * 1000);
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
    log_warning("somebody else has changed the power limit of GPU %u: wattune leaves it",
                event->gpu);
}

static void say_restore_failed(const struct tuner_event *event)
{
    log_warning("%s; wattune retries until the run ends", event->error->text);
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
