/* SPDX-License-Identifier: Apache-2.0
 *
 * The tuner's events in words: each kind has its sentence and its level, and each reason its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "run/job/tuner_words.h"

static char printed[1024];

/* Prints an event at a level of the log; `printed` has the words. */
static void print(enum log_level most, const struct tuner_event *event)
{
    FILE *file = tmpfile();
    int error = dup(STDERR_FILENO);
    assert_true(file && error >= 0);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    log_set_level(most);
    tuner_words_print(NULL, event);
    fflush(stderr);
    dup2(error, STDERR_FILENO);
    close(error);
    rewind(file);
    printed[fread(printed, 1, sizeof printed - 1, file)] = '\0';
    fclose(file);
}

static const struct wt_error error = {WT_E_DRIVER, "the driver says no"};
static const struct tuner_reason reason = {.why = TUNER_GPU_LOST, .gpu = 3};
static const struct wt_profile_point low = {.setting = {WT_KNOB_POWER_LIMIT, 150000},
                                            .steps = 40,
                                            .time_per_step_s = 0.0625,
                                            .energy_per_step_j = 8.5},
                                     high = {.setting = {WT_KNOB_POWER_LIMIT, 250000},
                                             .steps = 50,
                                             .time_per_step_s = 0.05,
                                             .energy_per_step_j = 10};

static void test_sentences(void **state)
{
    (void)state;
    const struct {
        struct tuner_event event;
        enum log_level level; /* printed from this level on */
        const char *text;
    } cases[] = {
        {{.kind = TUNER_SET, .setting = {WT_KNOB_POWER_LIMIT, 175500}},
         LOG_DETAIL,
         "power limit 175.5 W"},
        {{.kind = TUNER_SET, .setting = {WT_KNOB_SM_CLOCK_MAX, 1200}},
         LOG_DETAIL,
         "clock lock 1200 MHz"},
        {{.kind = TUNER_SLICE_DONE, .point = low},
         LOG_DETAIL,
         "150 W: 8.5 J and 62.5 ms a step over 40 steps\n"},
        {{.kind = TUNER_PROFILE_DONE, .count = 7, .point = low, .applied = true},
         LOG_NOTE,
         "profiled 7 limits; now at 150 W: 8.5 J and 62.5 ms a step"},
        {{.kind = TUNER_PROFILE_DONE, .count = 7, .point = low},
         LOG_NOTE,
         "profiled 7 limits; the best would be 150 W: 8.5 J"},
        {{.kind = TUNER_PROFILE_DONE, .count = 7, .point = low, .applied = true, .reused = true},
         LOG_NOTE,
         "the profile in the ledger holds, 7 limits in all; now at 150 W: 8.5 J and 62.5 ms a "
         "step"},
        {{.kind = TUNER_STORED_DIFFERS},
         LOG_NOTE,
         "the profile in the ledger does not fit this run: profiling again"},
        {{.kind = TUNER_NOT_LOADED, .error = &error},
         LOG_WARNING,
         "the driver says no; profiling again"},
        {{.kind = TUNER_NOT_SAVED, .error = &error},
         LOG_WARNING,
         "the driver says no; the profile is not kept"},
        {{.kind = TUNER_DRIFTED, .point = low, .before = high},
         LOG_NOTE,
         "the training has drifted (+25 % time, -15 % energy per step): profiling again"},
        {{.kind = TUNER_ETA_CHANGED, .eta_words = "at night", .point = low, .before = high},
         LOG_NOTE,
         "at night: now at 150 W instead of 250 W: 8.5 J and 62.5 ms a step"},
        {{.kind = TUNER_ETA_CHANGED, .eta_words = "at night", .point = low, .before = low},
         LOG_DETAIL,
         "at night: 150 W stays"},
        {{.kind = TUNER_STOPPED, .reason = &reason},
         LOG_NOTE,
         "not tuned any further: GPU 3 is lost"},
        {{.kind = TUNER_RESTORED, .gpu = 3},
         LOG_DETAIL,
         "the power limit of GPU 3 is back at what was found"},
        {{.kind = TUNER_RESTORED, .gpu = 3, .applied = true},
         LOG_NOTE,
         "the power limit of GPU 3 is back at what was found"},
        {{.kind = TUNER_LEFT_TO_OTHERS, .gpu = 3},
         LOG_WARNING,
         "somebody else has changed the power limit of GPU 3: wattune leaves it"},
        {{.kind = TUNER_RESTORE_FAILED, .error = &error},
         LOG_WARNING,
         "the driver says no; wattune retries until the run ends"},
        {{.kind = TUNER_RESTORE_GIVEN_UP, .error = &error, .applied = true},
         LOG_ERROR,
         "the driver says no; the guard process goes on trying for two minutes"},
        {{.kind = TUNER_RESTORE_GIVEN_UP, .error = &error},
         LOG_ERROR,
         "the driver says no; the next wattune on this machine tries again"},
    };
    bool seen[TUNER_EVENTS] = {false};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        seen[cases[i].event.kind] = true;
        print(cases[i].level, &cases[i].event);
        if (!strstr(printed, cases[i].text))
            fail_msg("'%s' instead of '%s'", printed, cases[i].text);
        if (cases[i].level == LOG_ERROR)
            continue;
        print(cases[i].level - 1, &cases[i].event);
        assert_string_equal(printed, "");
    }
    for (unsigned k = 0; k < TUNER_EVENTS; k++)
        assert_true(seen[k]);
}

static void test_reasons(void **state)
{
    (void)state;
    const struct {
        struct tuner_reason reason;
        const char *text;
    } cases[] = {
        {{.why = TUNER_WENT_WELL, .error = error}, ""},
        {{.why = TUNER_NOT_SET, .error = error}, "the driver says no"},
        {{.why = TUNER_NOT_SET, .error = {WT_E_NO_PERMISSION, "no"}},
         "setting a power limit needs root or CAP_SYS_ADMIN: no"},
        {{.why = TUNER_FOREIGN_SETTING, .gpu = 3, .setting = {WT_KNOB_POWER_LIMIT, 175500}},
         "somebody else has set the power limit of GPU 3 to 175.5 W"},
        {{.why = TUNER_GPU_LOST, .gpu = 3}, "GPU 3 is lost"},
        {{.why = TUNER_COUNTER_STOPPED, .gpu = 3}, "the energy counter of GPU 3 has stopped"},
        {{.why = TUNER_POWER_STOPPED, .gpu = 3}, "the power readings of GPU 3 stand still"},
        {{.why = TUNER_ENERGY_UNKNOWN}, "the energy of the GPUs cannot be read"},
        {{.why = TUNER_SEARCH_FAILED, .error = error}, "the driver says no"},
        {{.why = TUNER_STOPPED_BY_OWNER, .error = error}, "the driver says no"},
        {{.why = TUNER_ENDED_UNPROFILED}, "the training ended before the first limit was profiled"},
        {{.why = TUNER_ENDED_IN_PROFILING}, "the training ended before all limits were profiled"},
        {{.why = TUNER_FOREIGN_SETTING, .gpu = 3, .setting = {WT_KNOB_SM_CLOCK_MAX, 1200}},
         "somebody else has set the clock lock of GPU 3 to 1200 MHz"},
        {{.why = TUNER_NOT_SET,
          .setting = {WT_KNOB_SM_CLOCK_MAX, 1200},
          .error = {WT_E_NO_PERMISSION, "no"}},
         "setting a clock lock needs root or CAP_SYS_ADMIN: no"},
    };
    char text[128], brief[8];
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(tuner_words_reason(&cases[i].reason, text, sizeof text), cases[i].text);
    assert_string_equal(tuner_words_reason(&cases[4].reason, brief, sizeof brief), "GPU 3 i");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
