/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages for people: units, alignment, honest words on savings, harmless names, and CSV that comes
 * back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "show/page/page.h"
#include "show/text/identity.h"
#include "show/text/table.h"
#include "show/text/view.h"
#include "page_help.h"

#define NS INT64_C(1000000000)

static void units(void **state)
{
    (void)state;
    char t[UNIT_SIZE];
    assert_string_equal(unit_energy(t, 0.4375), "437.5 mJ");
    assert_string_equal(unit_energy(t, 999.96), "1.000 kJ"); /* not 1000.0 J */
    assert_string_equal(unit_energy(t, 12345), "12.35 kJ");
    assert_string_equal(unit_energy(t, 3.6e6), "3.600 MJ");
    assert_string_equal(unit_energy(t, 0), "0 J");
    assert_string_equal(unit_energy(t, 4e13), "40000 GJ");
    assert_string_equal(unit_energy(t, NAN), "unknown");
    assert_string_equal(unit_power(t, 201.54), "201.5 W");
    assert_string_equal(unit_power(t, INFINITY), "unknown");
    assert_string_equal(unit_limit(t, 175500), "175.5 W");
    assert_string_equal(unit_limit(t, 250000), "250 W");
    assert_string_equal(unit_limit(t, 0), "unknown");
    assert_string_equal(unit_time(t, 0.0025), "2.500 ms");
    assert_string_equal(unit_time(t, 12.5), "12.50 s");
    assert_string_equal(unit_time(t, 59.97), "1 min 00 s");
    assert_string_equal(unit_time(t, 303), "5 min 03 s");
    assert_string_equal(unit_time(t, 3599.7), "1 h 00 min");
    assert_string_equal(unit_time(t, 7500), "2 h 05 min");
    assert_string_equal(unit_time(t, 273600), "3 d 04 h");
    assert_string_equal(unit_time(t, NAN), "unknown");
    assert_string_equal(unit_percent(t, 0.1234), "12.3 %");
    assert_string_equal(unit_wall(t, INT64_C(1740830400123)), "2025-03-01 12:00:00 UTC");
    assert_string_equal(unit_wall(t, 0), "unknown");
}

static void names_are_harmless(void **state)
{
    (void)state;
    text_escape(&out, "a\n\x1b[31m\x7f\t\xe2\x80\xae"
                      "b\xe2\x81\xa6\xff\xc2\x9b caf\xc3\xa9 \xf0\x9f\x8c\xb1 50%");
    assert_string_equal(
        out.text,
        "a\\n\\x1b[31m\\x7f\\t\\u202eb\\u2066\\xff\\u009b caf\xc3\xa9 \xf0\x9f\x8c\xb1 50%");
    char place[16];
    assert_string_equal(text_escape_into(place, sizeof place, "exactly fifteen"),
                        "exactly fifteen");
    assert_string_equal(text_escape_into(place, sizeof place, "more than fifteen"),
                        "more than fi...");
    assert_string_equal(
        text_escape_into(place, sizeof place, "more than f\xc3\xa9\xc3\xa9\xc3\xa9"),
        "more than f...");
    assert_int_equal(text_width("caf\xc3\xa9\xff"), 5);
}

static void columns_line_up(void **state)
{
    (void)state;
    const struct wt_job_row rows[] = {
        {"resnet", "training", "", 3, 4, 1, INT64_C(1740830400000), 12345, 1, 303, 0.82, 0.012},
        {"\xc3\xa9\n", "inference", "", 12, 12, 0, INT64_C(1740830400000), NAN, 12, NAN, NAN, NAN},
    };
    view_jobs(&out, rows, 2, false);
    assert_string_equal(out.text, "JOB     PHASE      RECURRENCES  TRIALS             LAST STARTED "
                                  "       TIME   GPU ENERGY  BEST ENERGY/STEP\n"
                                  "resnet  training             3       4  2025-03-01 12:00:00 UTC "
                                  " 5 min 03 s  >= 12.35 kJ  -18.0 % +- 1.2 %\n"
                                  "\xc3\xa9\\n     inference           12      12  2025-03-01 "
                                  "12:00:00 UTC     unknown      unknown           unknown\n"
                                  ">=: the energy of some trials is unknown and not in the sum\n");
    buffer_clear(&out);
    view_jobs(&out, rows, 1, true);
    has("\x1b[1mJOB");
    buffer_clear(&out);
    view_jobs(&out, NULL, 0, false);
    has("no jobs");
}

static struct wt_trial trial(void)
{
    struct wt_trial t = {
        .identity.id = 5,
        .identity.recurrence = 2,
        .identity.try_number = 1,
        .identity.job = "res\x1b]0;net",
        .identity.phase = "training",
        .identity.project = "vision",
        .outcome.batch_size = 128,
        .identity.started_ms = INT64_C(1740830400123),
        .outcome.ended = true,
        .outcome.time_s = 12.5,
        .outcome.setting.value = 175000,
        .part.energy_j = 2187.5,
        .part.energy_error_j = 3.25,
        .part.sensor_error_fraction = 0.05,
        .part.cpu_energy_j = 700,
        .part.dram_energy_j = NAN,
        .outcome.cost_j = 2200,
        .outcome.steps = 5000,
        .outcome.epochs = 7,
        .outcome.metric = NAN,
        .outcome.reached = -1,
        .part.source = WT_SOURCE_COUNTER,
        .outcome.savings = {{WT_KNOB_POWER_LIMIT, 250000}, 0.82, 1.03, 0.012, 0.004},
        .part.gpu_count = 1,
        .profile.count = 3,
        .profile.points =
            {{{WT_KNOB_POWER_LIMIT, 175000}, 40, 0.0025, 0.4375, 0.004375, 0.000025, true},
             {{WT_KNOB_POWER_LIMIT, 250000}, 60, 0.0024, 0.53, NAN, NAN, false},
             {{WT_KNOB_POWER_LIMIT, 100000}, 20, 0.004, 0.48, NAN, NAN, false}},
    };
    snprintf(t.part.gpus[0].name, WT_NAME_LEN, "Tesla V100");
    t.part.gpus[0].index = 3;
    return t;
}

static void says(struct wt_savings savings, uint32_t limit_mw, const char *words)
{
    struct wt_trial t = trial();
    t.outcome.savings = savings;
    t.outcome.setting.value = limit_mw;
    buffer_clear(&out);
    view_savings(&out, &t, false);
    if (strcmp(out.text, words))
        fail_msg("'%s' is not '%s'", out.text, words);
}

static void savings_are_honest(void **state)
{
    (void)state;
    says((struct wt_savings){{WT_KNOB_POWER_LIMIT, 250000}, 0.82, 1.03, 0.012, 0.004}, 175000,
         "Saved 18.0 % +- 1.2 % of the energy per step, against the baseline measured at 250 W. "
         "Steps take 3.0 % +- 0.4 % longer.\n");
    says((struct wt_savings){{WT_KNOB_POWER_LIMIT, 250000}, 0.988, 0.999, 0.03, 0.004}, 175000,
         "No saving beyond the error of measurement: a step takes 1.2 % +- 3.0 % less energy than "
         "at the baseline of "
         "250 W. Steps take as long as before, within the error (0.1 % +- 0.4 %).\n");
    says((struct wt_savings){{WT_KNOB_POWER_LIMIT, 250000}, 1.04, 0.9, 0.01, NAN}, 175000,
         "Nothing saved: a step takes 4.0 % +- 1.0 % more energy than at the baseline of 250 W. "
         "Steps take 10.0 % (error unknown) less time.\n");
    says((struct wt_savings){{WT_KNOB_POWER_LIMIT, 250000}, 0.9, NAN, NAN, NAN}, 175000,
         "Saved 10.0 % (error unknown) of the energy per step, against the baseline measured at "
         "250 W. "
         "The change in time per step is unknown.\n");
    says((struct wt_savings){{WT_KNOB_POWER_LIMIT, 250000}, 1, 1, 0.01, 0.01}, 250000,
         "Nothing saved: the limit found at the start, 250 W, was kept.\n");
    says((struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, 0.5, NAN, NAN, NAN}, 175000,
         "Savings are unknown: the baseline was not measured.\n");
    says((struct wt_savings){{WT_KNOB_POWER_LIMIT, 250000}, NAN, NAN, NAN, NAN}, 175000,
         "Savings are unknown: the baseline was not measured.\n");
    struct wt_trial t = trial();
    t.outcome.savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN};
    snprintf(t.outcome.note, sizeof t.outcome.note, "the GPU is shared\x1b");
    buffer_clear(&out);
    view_savings(&out, &t, true);
    has("Not tuned: the GPU is shared\\x1b.\n");
    t = trial();
    buffer_clear(&out);
    view_savings(&out, &t, true);
    has("\x1b[32mSaved 18.0 %");
    t.outcome.ended = false;
    buffer_clear(&out);
    view_savings(&out, &t, false);
    has("has not ended");
    has_not("Saved");
}

static void run_summary(void **state)
{
    (void)state;
    struct wt_trial t = trial();
    view_run_summary(&out, &t, false);
    assert_string_equal(
        out.text,
        "job res\\x1b]0;net, phase training, project vision, recurrence 2, try 1: done\n"
        "  time          12.50 s on GPU 3 (Tesla V100)\n"
        "  GPU energy    2.188 kJ +- 3.250 J, hardware counter; the sensor itself may be off by "
        "5.0 %\n"
        "  CPU energy    700.0 J\n"
        "  DRAM energy   unknown\n"
        "  progress      5000 steps, 7 epochs\n"
        "  batch size    128\n"
        "  power limit   175 W\n"
        "  LIMIT          TIME/STEP        ENERGY/STEP    POWER  STEPS\n"
        "  250 W           2.400 ms           530.0 mJ  220.8 W     60               <- baseline\n"
        "  175 W  2.500 ms +- 1.0 %  437.5 mJ +- 1.0 %  175.0 W     40  throttled    <- chosen\n"
        "  100 W           4.000 ms           480.0 mJ  120.0 W     20  above limit\n"
        "At 100 W the GPU draws 120 W: the limit is below the power of its lowest clock.\n"
        "Saved 18.0 % +- 1.2 % of the energy per step, against the baseline measured at 250 W. "
        "Steps take 3.0 % +- 0.4 % longer.\n");
    t.part.energy_j = NAN;
    t.part.source = WT_SOURCE_NONE;
    t.profile.count = 0;
    t.outcome.exit_code = 3;
    buffer_clear(&out);
    view_run_summary(&out, &t, false);
    has("  GPU energy    unknown\n");
    has("try 1: exit code 3\n");
    has_not("LIMIT");
}

static void limits_that_were_not_kept(void **state)
{
    (void)state;
    struct wt_profile_point p = {.setting.value = 100000,
                                 .time_per_step_s = 0.01,
                                 .energy_per_step_j = 1.11,
                                 .energy_error_j = NAN};
    assert_true(view_is_above_limit(&p, 1));
    assert_false(view_is_above_limit(&p, 2)); /* 111 W between two */
    p.energy_error_j = 0.02;
    assert_false(
        view_is_above_limit(&p, 1)); /* 109 W is possible, and no more than a sensor errs */
    p.energy_per_step_j = 1.21;
    assert_true(view_is_above_limit(&p, 1));
    p.time_per_step_s = 0;
    assert_false(view_is_above_limit(&p, 1));
    struct wt_trial t = trial();
    t.part.gpu_count = 2;
    t.profile.points[2].energy_per_step_j = 0.96; /* 240 W at 4 ms */
    view_above_limits(&out, &t);
    assert_string_equal(
        out.text,
        "At 100 W a GPU draws 120 W: the limit is below the power of its lowest clock.\n");
    buffer_clear(&out);
    t.profile.points[0].energy_per_step_j = 1.375; /* 550 W, of two */
    t.profile.points[1].energy_per_step_j = 1.4;
    view_above_limits(&out, &t);
    has("At 175 W a GPU draws 275 W: it does not keep to its limits");
    has("At 100 W a GPU draws 120 W: it does not keep to its limits");
    buffer_clear(&out);
    t.profile.count = 0;
    view_above_limits(&out, &t);
    assert_string_equal(buffer_text(&out), "");
}

/* The page of a job with these tries, of which the first ones may be left out. */
static void show(const struct wt_trial tries[], size_t count, size_t recurrences)
{
    struct view_show *show = view_show_new(false);
    struct view_show_job job = {.recurrence_count = recurrences};
    assert_non_null(show);
    for (size_t i = 0; i < count; i++) {
        view_show_try(show, &tries[i]);
        job.last = &tries[i];
        job.profiled = tries[i].profile.count ? &tries[i] : job.profiled;
    }
    view_show_print(show, &out, &job);
    assert_null(view_show_free(show));
}

static void show_has_all_tries(void **state)
{
    (void)state;
    struct wt_trial trials[3] = {trial(), trial(), trial()};
    trials[0].identity.recurrence = 1;
    trials[0].outcome.reached = 1;
    trials[0].outcome.savings.baseline.value = 175000;
    trials[1].outcome.early_stopped = true;
    trials[1].outcome.reached = 0;
    trials[2].identity.recurrence = 3; /* killed: nothing known */
    trials[2].outcome.ended = false;
    trials[2].part.energy_j = trials[2].outcome.time_s = NAN;
    trials[2].outcome.steps = trials[2].outcome.batch_size = trials[2].outcome.setting.value =
        trials[2].profile.count = 0;
    trials[2].outcome.savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN};
    show(trials, 3, 3);
    has("job res\\x1b]0;net, phase training, project vision\n");
    has("         1    1  2025-03-01 12:00:00 UTC      128    175 W     5000  12.50 s    2.188 kJ  "
        "18.0 % +- 1.2 %  "
        "target reached\n");
    has("stopped early\n");
    has("         3    1  2025-03-01 12:00:00 UTC  unknown  unknown  unknown  unknown     unknown  "
        "        unknown  "
        "not ended\n");
    has("profile of recurrence 2, try 1:\n");
    has("<- chosen\n");
    has("Saved 18.0 %");
    buffer_clear(&out);
    show(trials, 1, 1);
    has("<- chosen, baseline\n");
    has_not("recurrences");
    buffer_clear(&out);
}

/* Megahertz are not watts. */
static void settings_of_a_clock(void **state)
{
    (void)state;
    struct wt_trial t = trial();
    t.outcome.setting = (struct wt_setting){WT_KNOB_SM_CLOCK_MAX, 175000};
    t.profile.points[2].setting = (struct wt_setting){WT_KNOB_SM_CLOCK_MAX, 1200};
    view_run_summary(&out, &t, false);
    has("  clock lock    175000 MHz\n");
    has("  1200 MHz           4.000 ms");
    has_not("<- chosen");
    has_not("above limit");
    has("the baseline measured at 250 W");
    buffer_clear(&out);
    t.outcome.setting.value = 1200;
    t.outcome.savings.baseline = t.outcome.setting;
    t.outcome.savings.energy_fraction = 1;
    view_run_summary(&out, &t, false);
    has("<- chosen, baseline");
    has("Nothing saved: the limit found at the start, 1200 MHz, was kept.");
    buffer_clear(&out);
    show(&t, 1, 1);
    has("  1200 MHz   5000  ");
}

/* A profile of both knobs: limits stand first, whatever the numbers, and no clock is watts. */
static void clocks_beside_limits(void **state)
{
    (void)state;
    const struct wt_setting clock = {WT_KNOB_SM_CLOCK_MAX, 1410},
                            most = {WT_KNOB_SM_CLOCK_MAX, 300000}; /* more MHz than any limit mW */
    struct wt_trial t = trial();
    t.profile.points[0].setting = clock;
    t.profile.points[1].setting = most;
    t.profile.points[3] = t.profile.points[2];
    t.profile.points[3].setting.value = 110000;
    t.profile.points[3].energy_per_step_j = 0.5; /* 125 W */
    t.profile.count = 4;
    t.outcome.setting = clock;
    t.outcome.savings.baseline = most;
    show(&t, 1, 1);
    has("    128  1410 MHz   5000 ");
    has("       LIMIT          TIME/STEP        ENERGY/STEP    POWER  STEPS\n"
        "       110 W           4.000 ms           500.0 mJ  125.0 W     20  above limit\n"
        "       100 W           4.000 ms           480.0 mJ  120.0 W     20  above limit\n"
        "  300000 MHz           2.400 ms           530.0 mJ  220.8 W     60               "
        "<- baseline\n"
        "    1410 MHz  2.500 ms +- 1.0 %  437.5 mJ +- 1.0 %  175.0 W     40  throttled    "
        "<- chosen\n");
    /* A clock is no higher limit that was kept. */
    has("At 110 W the GPU draws 125 W: it does not keep to its limits");
    has("At 100 W the GPU draws 120 W: it does not keep to its limits");
    has("against the baseline measured at 300000 MHz.");
    buffer_clear(&out);
    view_recurrences(&out, &t, 1, false);
    has("    128  1410 MHz  done");
    buffer_clear(&out);
}

/* The limit that was in force when the training ended is no choice. */
static void profile_that_was_not_finished(void **state)
{
    (void)state;
    struct wt_trial t = trial();
    t.outcome.savings.energy_fraction = t.outcome.savings.time_fraction = NAN;
    snprintf(t.outcome.note, sizeof t.outcome.note, "the training ended");
    view_run_summary(&out, &t, false);
    has("<- in force\n");
    has_not("chosen");
    has("Not tuned: the training ended.\nSavings are unknown: the profile was not finished.\n");
    t.profile.count = 0;
    assert_false(view_is_unfinished(&t));
    t.profile.count = 3;
    t.outcome.note[0] = 0;
    assert_false(view_is_unfinished(&t));
    t = trial();
    snprintf(t.outcome.note, sizeof t.outcome.note, "the GPU is lost"); /* after the choice */
    assert_false(view_is_unfinished(&t));
}

static void numbers_without_exponents(void **state)
{
    (void)state;
    char text[UNIT_SIZE];
    assert_string_equal(unit_count(text, 30139.4), "30139");
    assert_string_equal(unit_count(text, 9999.4), "9999");
    assert_string_equal(unit_count(text, 9999.7), "10000");
    assert_string_equal(unit_count(text, 12.346), "12.35");
    assert_string_equal(unit_count(text, NAN), "unknown");
}

/* A recurrence is counted once, however many tries it had. */
static void show_counts_those_left_out(void **state)
{
    (void)state;
    struct wt_trial trials[3] = {trial(), trial(), trial()};
    trials[2].identity.recurrence = 3;
    show(trials, 3, 20000);
    has("The last 2 of 20000 recurrences (--all lists every one):\nRECURRENCE  TRY  STARTED");
    buffer_clear(&out);
    show(trials, 3, 2);
    has_not("The last");
    buffer_clear(&out);
    show(trials, 0, 0);
    assert_string_equal(buffer_text(&out), "no trials in the ledger\n");
    buffer_clear(&out);
    assert_null(view_show_free(NULL));
}

/* --- Recurrences --- */

static struct wt_trial recurring(unsigned recurrence, unsigned try_number, uint32_t size,
                                 int reached, double energy_j)
{
    struct wt_trial t = trial();
    t.identity.recurrence = recurrence;
    t.identity.try_number = try_number;
    t.outcome.batch_size = size;
    t.outcome.reached = reached;
    t.identity.state_id = 5;
    t.part.energy_j = energy_j;
    t.outcome.cost_j = 2 * energy_j;
    t.outcome.time_s = 10;
    t.outcome.epochs = 4;
    t.outcome.early_stopped = !reached;
    return t;
}

/* A run that a budget ended is not one that missed its target. */
static void budgets(void **state)
{
    (void)state;
    struct wt_trial t = trial();
    t.outcome.early_stopped = true;
    snprintf(t.outcome.note, sizeof t.outcome.note, "Ended by the budget of 2 kWh");
    show(&t, 1, 1);
    has("budget used up\n");
    has_not("stopped early");
    has("\nEnded by the budget of 2 kWh.\nSaved 18.0 %");
    has_not("uned");
    buffer_clear(&out);
    struct wt_trial two[2] = {t, t};
    two[0].identity.recurrence = 1;
    two[1].outcome.reached = 1; /* it went on after its target */
    view_recurrences(&out, two, 2, false);
    has("budget used up");
    has("target reached");
    buffer_clear(&out);
}

/* A limit that changed during the run and ended where it began: that is not nothing. */
static void a_limit_that_changed(void **state)
{
    (void)state;
    says((struct wt_savings){{WT_KNOB_POWER_LIMIT, 250000}, 0.92, 1.03, 0.012, 0.004}, 250000,
         "Saved 8.0 % +- 1.2 % of the energy per step, against the baseline measured at 250 W. "
         "Steps take 3.0 % +- 0.4 % longer.\n");
    buffer_clear(&out);
}

static void recurrences(void **state)
{
    (void)state;
    struct wt_trial tries[5] = {recurring(3, 1, 64, 1, 1000), recurring(4, 1, 16, 0, 600),
                                recurring(4, 2, 32, 1, 200), recurring(5, 1, 32, 1, NAN),
                                recurring(6, 1, 8, 0, 0)};
    tries[4].outcome.not_started = true;
    tries[4].outcome.setting.value = 0;
    view_recurrences(&out, tries, 5, false);
    has("         3      1     64    175 W  target reached  10.00 s  2.000 kJ    1.000 kJ  "
        "################################\n");
    has("         4      2     32    175 W  target reached  20.00 s  1.600 kJ     800.0 J  "
        "##########################\n");
    has("         5      1     32    175 W  target reached  10.00 s   unknown     unknown\n"); /* no
                                                                                                  bar,
                                                                                                  not
                                                                                                  a
                                                                                                  short
                                                                                                  one
                                                                                                */
    has("         6      1      8  unknown  not started");
    has_not("last");
}

static void many_recurrences_are_cut(void **state)
{
    (void)state;
    struct wt_trial *tries = calloc(100, sizeof *tries);
    for (unsigned i = 0; i < 100; i++)
        tries[i] = recurring(i + 1, 1, 64, 1, 10);
    view_recurrences(&out, tries, 100, false);
    has("The last 40 of 100 recurrences:\n");
    has("\n        61 ");
    has("\n       100 ");
    has_not("\n        60 ");
    free(tries);
}

static void learned(void **state)
{
    (void)state;
    const struct wt_learned sizes[] = {{16, 175000, 1, 0, 0, 0, 0, 0},
                                       {32, 175000, 2, 1, 600, 10, 1200, 4},
                                       {64, 175000, 2, 2, 3000, 20, 6000, 8}};
    view_learned(&out, sizes, 3, 64, false);
    has("   16  175 W   0 of 1   never");
    has("   32  175 W   1 of 2       4  10.00 s     600.0 J  1.200 kJ          40.0 %        40.0 "
        "%  <- cheapest\n");
    has("   64  175 W   2 of 2       4  10.00 s    1.500 kJ  3.000 kJ         100.0 %       100.0 "
        "%  <- default\n");
    buffer_clear(&out);
    view_learned(&out, sizes + 2, 1, 64, false);
    has("<- cheapest, default\n");
    buffer_clear(&out);
    view_learned(&out, sizes + 1, 1, 64,
                 false); /* the default has not run: there is nothing to compare with */
    has("unknown       unknown  <- cheapest\n");
    buffer_clear(&out);
    view_learned(&out, NULL, 0, 64, false);
    assert_int_equal(out.length, 0);
}

static void identities_in_words(void **state)
{
    (void)state;
    char words[WT_OPTIONS_LEN];
    struct wt_identity i = {.metric = "loss",
                            .target = -1e-9,
                            .max_epochs = 7,
                            .default_size = 64,
                            .size_count = 2,
                            .sizes = {32, 64},
                            .preference = {WT_SELECT_MAX_SLOWDOWN, 0.5, 0.1},
                            .limit_count = 2,
                            .limits_mw = {187500, 250000},
                            .profile_only = true,
                            .carbon_aware = true,
                            .observed = true,
                            .beta = INFINITY,
                            .window = 3,
                            .seed = 9,
                            .learning_rate = 0.25};
    view_identity_words(&i, words);
    assert_string_equal(words, "loss<=-1e-09 in 7 epochs, default 64 of 32,64, eta 0.5, slowdown "
                               "0.1, limits 187.5,250, profile only, carbon-aware, observed, beta "
                               "inf, window 3, seed 9, lr 0.25 ");
    i = (struct wt_identity){.metric = "m", .at_least = true, .target = 1, .max_epochs = 2};
    i.preference.selector = WT_SELECT_ENERGY;
    view_identity_words(&i, words);
    assert_string_equal(words,
                        "m>=1 in 2 epochs, default 0 of , least energy, beta 0, window 0, seed 0");
}

static void beliefs(void **state)
{
    (void)state;
    struct wt_beliefs b = {.gpu_model = "V100\x1b",
                           .gpu_count = 2,
                           .identity = {.opaque = true, .words = "accuracy>=0.9"},
                           .exploring = true,
                           .next = 16,
                           .bound_j = INFINITY,
                           .count = 2,
                           .running = 1,
                           .sizes = {{16, 0, NAN, NAN, true}, {32, 3, 1500, 20, false}}};
    view_beliefs(&out, &b, false);
    has("batch sizes on 2 x V100\\x1b for accuracy>=0.9:\n");
    has("     16     0    unknown  unknown           <- next\n");
    has("     32     3   1.500 kJ  20.00 J  dropped\n");
    has("Exploring: ");
    has("nothing bounds the cost of a run yet.\n");
    has("1 recurrence is under way.\n");
    b.sizes[1] = (struct wt_belief){32, 1, 1500, 0, true}; /* one run spreads over nothing */
    b.exploring = false;
    b.bound_j = 3000;
    b.running = 2;
    buffer_clear(&out);
    view_beliefs(&out, &b, false);
    has("     32     1   1.500 kJ  unknown\n");
    has("Explored: ");
    has("a run may cost 3.000 kJ.\n");
    has("2 recurrences are under way.\n");
    b.failed = true;
    buffer_clear(&out);
    view_beliefs(&out, &b, false);
    has("No size reached the target: the next run explores anew.\n");
    has_not("may cost");
}

/* --- Explanations --- */

static struct wt_fit_point fitted(uint32_t watts, double time_s, double energy_j)
{
    return (struct wt_fit_point){{{WT_KNOB_POWER_LIMIT, watts * 1000},
                                  60,
                                  time_s,
                                  energy_j,
                                  energy_j / 100,
                                  time_s / 100,
                                  false},
                                 true,
                                 time_s,
                                 energy_j};
}

/* Four limits, least energy at the third; the choice is half the default's batch size, at the
 * second. */
static struct wt_explanation an_explanation(void)
{
    struct wt_explanation e = {
        .job = "net\x1b[31m",
        .gpu_model = "V100\n",
        .gpu_count = 1,
        .found_limit_mw = 250000,
        .standard = {64, 250000, 6, 0.5, 120, 3000, 720000},
        .chosen = {32, 200000, 4, 0.25, 40, 2000, 320000},
        .least = {32, 150000, 4, 0.3125, 37, 2500, 296000},
        .front = {32, 200000, 4, 0.25, 40, 2000, 320000},
        .whole = {0.444, 0.01},
        .whole_time = {0.667, 0.02},
        .epochs = {0.667, 0.03, 0.278},
        .size = {0.8, 0.02, 0.153},
        .limit = {0.833, 0.015, 0.125},
        .order = WT_ORDER_MEAN,
        .left = {0.925, 0.01},
        .least_of_default = {0.411, 0.01},
        .size_count = 2,
        .fit = {.state = WT_FIT_DONE,
                .describes = true,
                .used = 4,
                .static_w = {70, 4},
                .full_dynamic_w = {NAN, NAN},
                .dynamic_w = {170, 6},
                .compute = {0.55, 0.08},
                .least_limit_w = {160, 12},
                .low_w = 100,
                .high_w = 250,
                .time_rms = 0.005,
                .time_largest = 0.01,
                .power_rms = 0.004,
                .power_largest = 0.007,
                .against_errors = 0.8,
                .count = 4},
    };
    e.fit.points[0] = fitted(250, 0.2, 48);
    e.fit.points[1] = fitted(200, 0.25, 40);
    e.fit.points[2] = fitted(150, 0.3125, 37);
    e.fit.points[3] = fitted(100, 0.5, 44);
    return e;
}

static void explained(struct wt_explanation *e)
{
    buffer_clear(&out);
    view_explain(&out, e, false);
}

static void explanation(void **state)
{
    (void)state;
    struct wt_explanation e = an_explanation();
    explained(&e);
    has("job net\\x1b[31m on 1 x V100\\n, batch size 32\n");
    has("The GPU draws 70.0 W +- 4.0 W at any clock and, working at 250 W, 170.0 W +- 6.0 W "
        "beside that; 55.0 % +- 8.0 % of "
        "a step at 250 W follow the clock; so below 160 W +- 12 W longer steps cost more static "
        "power than a lower clock saves, "
        "and above it dynamic power grows faster than speed.\n");
    has("The default, batch size 64 at 250 W, is off the front: batch size 32 at 200 W takes 55.6 "
        "% less energy and 33.3 % less "
        "time.\n");
    has("The choice, batch size 32 at 200 W, takes 44.4 % +- 1.0 % of the default's energy and "
        "66.7 % +- 2.0 % of its time; of the "
        "55.6 % saved, in points, the number of epochs has +27.8, the cost of an epoch at the "
        "batch size +15.3 and the limit "
        "+12.5.\n");
    /* bars: the longest has 40 places; static energy is 70 W x time */
    has("  250 W  240.0 W    100.0 %      100.0 %  ============############################  <- "
        "found\n");
    has("  200 W  160.0 W    125.0 %       83.3 %  ===============##################         <- "
        "chosen\n");
    has("  150 W  118.4 W    156.2 %       77.1 %  ==================#############           <- "
        "least energy\n");
    has("  100 W   88.0 W    250.0 %       91.7 %  =============================########");
    has("  number of epochs             66.7 %  +- 3.0 %         +27.8\n");
    has("  all of them                  44.4 %  +- 1.0 %         +55.6\n");
    has("the mean of both orders");
    has("The fit to 4 limits describes them: steps are off by 0.5 % (1.0 % at most), power by 0.4 "
        "% (0.7 % at most), 0.8 times the standard errors of the measurements.\n");
    has("Points as few as these could hardly contradict it.\n");
    has("These limits do not tell the dynamic power at full clock.\n");
    has("If only energy counted (eta 1) the choice would be batch size 32 at 150 W: 92.5 % +- 1.0 "
        "% of the energy.\n");

    /* Two GPUs: powers are of one. */
    e.gpu_count = 2;
    e.fit.full_dynamic_w = (struct wt_estimate){360, 20};
    e.fit.used = 5;
    e.order = WT_ORDER_SIZE_FIRST;
    e.sizes_apart = 2;
    explained(&e);
    has("A GPU draws 35.0 W +- 2.0 W");
    has("  250 W  120.0 W");
    has("At full clock dynamic power is 180.0 W +- 10.0 W a GPU.\n");
    has("the size turned first");
    has("2 more batch sizes were measured, but");
    has_not("So few");
}

static void explanation_at_the_edges(void **state)
{
    (void)state;
    struct wt_explanation e = an_explanation();
    e.fit.least_limit_w = (struct wt_estimate){108, 10};
    explained(&e);
    has("; so down to 118 W at least a lower clock saves more dynamic power than");
    e.fit.least_limit_w = (struct wt_estimate){245, 10};
    explained(&e);
    has("; so from 235 W on at the latest longer steps cost more static power than");
    e.fit.least_limit_w = e.fit.static_w = e.fit.compute = (struct wt_estimate){NAN, NAN};
    explained(&e);
    has("Working at 250 W it draws 170.0 W +- 6.0 W of dynamic power; these points leave open the "
        "power drawn at every clock and how "
        "much of a step follows the clock; where a step takes least energy is open.\n");
    has_not("= static");
    has("  ########################################  <- found\n"); /* not split */

    e.fit.static_w = (struct wt_estimate){70, 20};
    e.fit.least_limit_w = (struct wt_estimate){175, 74};
    explained(&e);
    has("beside that; these points leave open how much of a step follows the clock; where a step "
        "takes least energy is open.\n");
    e.fit.least_limit_w = (struct wt_estimate){160, 12};
    explained(&e);
    has("follows the clock; by all that fits, below 160 W +- 12 W longer steps");
    e.fit.static_w.value = NAN;

    e.standard = (struct wt_side){32, 250000, 4, 0.2, 48, 1600, 384000};
    e.front = e.standard;
    e.whole = (struct wt_estimate){0.833, 0.012};
    explained(&e);
    has("The default, batch size 32 at 250 W, is the fastest point of the front, where speed "
        "costs most: batch size 32 at 150 W "
        "takes 22.9 % less energy and 56.2 % more time.\n");
    has(" a step, all by the limit, since the batch size is the default's.\n");
    has_not("number of epochs");
    e.least_of_default = (struct wt_estimate){0.99, 0.012};
    explained(&e);
    has("The default, batch size 32 at 250 W, takes no more energy than the least that was "
        "measured, within the errors.\n");
    e.least_of_default = (struct wt_estimate){0.771, 0.012};
    e.whole.error = 0.17;
    explained(&e);
    has("no saving beyond the errors");
    e.least = e.chosen = e.standard;
    explained(&e);
    has("takes the least energy of all that was measured.\n");
    has("The choice is the default itself: nothing is saved.\n");
    has("the choice would be the same.\n");
    e.chosen.limit_mw = 0;
    explained(&e);
    has("The job has not run with any measured choice yet; nothing is saved.");
    has_not("eta 1");
}

static void nothing_is_explained_that_is_not_known(void **state)
{
    (void)state;
    static const struct {
        enum wt_fit_state state;
        const char *words;
    } rows[] = {
        {WT_FIT_FEW, "takes three limits at least, and 4 were measured; of the measured limits"},
        {WT_FIT_THROTTLED,
         "and of those measured 4 are left at which no other cap held; of the measured limits"},
        {WT_FIT_NOT_REACHED, "the training draws less than the limits allow"},
        {WT_FIT_IGNORED, "although more was drawn than they allow"},
        {WT_FIT_DONE,
         "The points are like no curve of static and dynamic power (steps are up to 1.0 % and "
         "power up to 0.7 % "
         "off the nearest one), so wattune gives no reason for them; of the measured "
         "limits"}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wt_explanation e = an_explanation();
        e.fit.state = rows[i].state;
        e.fit.describes = false;
        explained(&e);
        has(rows[i].words);
        has("a step takes least energy at 150 W, 77.1 % of that at 250 W.\n");
        has_not("70.0 W");
        has_not("follow the clock");
        has_not("= static");
        has_not("At full clock");
        assert_true((strstr(buffer_text(&out), "does not describe them") != NULL) ==
                    (rows[i].state == WT_FIT_DONE));
    }
    struct wt_explanation e = an_explanation();
    e.standard = (struct wt_side){64, 0, NAN, NAN, NAN, NAN, NAN};
    e.front = e.standard;
    e.whole = e.whole_time = (struct wt_estimate){NAN, NAN};
    explained(&e);
    has("The default's distance from the front is unknown: its batch size 64 was not profiled on "
        "these GPUs.\n");
    has("cannot be compared with the default: that was not measured.\n");
    has_not("nan");
    assert_null(strstr(strstr(out.text, "unknown") + 1, "unknown")); /* no figure is */
    e.fit = (struct wt_fit){.state = WT_FIT_FEW};
    explained(&e);
    has("and 0 were measured.\n");
}

static void explanation_figure(void **state)
{
    (void)state;
    struct wt_explanation e = an_explanation();
    snprintf(e.job, sizeof e.job, "<b>&\x1b");
    page_explain_svg(&out, &e);
    has(">&lt;b&gt;&amp;\\x1b</text>");
    has_not("<b>");
    has(">chosen</text>");
    has(">found</text>");
    has("<title>150 W</title>");
    has_not("nan");
    size_t with_fit = out.length;
    buffer_clear(&out);
    e.fit.describes = false; /* then no lines are drawn */
    for (unsigned i = 0; i < 4; i++)
        e.fit.points[i].time_per_step_s = e.fit.points[i].energy_per_step_j = NAN;
    page_explain_svg(&out, &e);
    has_not("nan");
    has("<title>150 W</title>");
    assert_true(out.length < with_fit);
    buffer_clear(&out);
    e.fit.count = 0;
    page_explain_svg(&out, &e);
    has("</svg>");
}

static void not_started_is_said_as_it_is(void **state)
{
    (void)state;
    struct wt_trial t = trial();
    t.outcome.not_started = true;
    snprintf(t.outcome.note, sizeof t.outcome.note, "not started: an epoch costs too much");
    view_savings(&out, &t, false);
    assert_string_equal(out.text, "not started: an epoch costs too much.\n");
}

static const struct wt_device devices[2] = {
    {.index = 2,
     .uuid = "GPU-a",
     .name = "V100, \"SXM\"",
     .limit_min_mw = 100000,
     .limit_max_mw = 250000,
     .limit_default_mw = 250000},
    {.index = 3, .uuid = "-1", .name = "=cmd|' /C calc'!A0"},
};
static const struct wt_state states[2] = {
    {.known = 0x1ff,
     .power_mw = 201500,
     .limit_mw = 250000,
     .enforced_limit_mw = 175000,
     .temperature_c = -3,
     .utilization_percent = 97,
     .sm_clock_mhz = 1380,
     .memory_used_bytes = UINT64_C(17179869184),
     .energy_mj = 1234567,
     .throttle = WT_THROTTLE_SYNC_BOOST | WT_THROTTLE_SW_POWER_CAP},
    {.known = 0, .power_mw = 5, .throttle = 63},
};

static void limits(void **state)
{
    (void)state;
    view_limits(&out, devices, states, 2, false);
    assert_string_equal(out.text,
                        "GPU  NAME                  LIMIT  ENFORCED  DEFAULT      MIN      MAX\n"
                        "  2  V100, \"SXM\"           250 W     175 W    250 W    100 W    250 W\n"
                        "  3  =cmd|' /C calc'!A0  unknown   unknown  unknown  unknown  unknown\n");
}

static void measured(void **state)
{
    (void)state;
    const struct wt_device d[] = {{.kind = WT_DEVICE_GPU, .name = "V100"},
                                  {.kind = WT_DEVICE_CPU, .name = "package-0"}};
    struct wt_measurement m[] = {{0, 2000000000, 400500, 1500, WT_SOURCE_COUNTER, 0},
                                 {0, 2000000000, 99500, 500, WT_SOURCE_INTEGRATED, 0}};
    const double sensor[] = {0.05, NAN};
    view_measure(&out, 2, d, m, sensor, 2, false);
    assert_string_equal(out.text,
                        "DEVICE  NAME        ENERGY        ERROR    SENSOR    POWER  SOURCE\n"
                        "GPU 0   V100       400.5 J   +- 1.500 J  +- 5.0 %  200.2 W  counter\n"
                        "CPU 0   package-0  99.50 J  +- 500.0 mJ   unknown   49.8 W  integrated\n"
                        "500.0 J in 2.000 s, +- 2.000 J\n");
    m[1].source = WT_SOURCE_NONE;
    buffer_clear(&out);
    view_measure(&out, 2, d, m, sensor, 2, false);
    has("\nunknown in 2.000 s\n");
}

static void monitor_lines(void **state)
{
    (void)state;
    view_monitor_heading(&out, false, false);
    view_monitor_lines(&out, INT64_C(1740830400123), devices, states, NULL, 2);
    assert_string_equal(out.text, "TIME (UTC)   GPU       POWER      LIMIT   ENFORCED     ENERGY   "
                                  " TEMP    UTIL  SM CLOCK     MEMORY  THROTTLE\n"
                                  "12:00:00.123   2     201.5 W      250 W      175 W   1.235 kJ   "
                                  " -3 C    97 %  1380 MHz  16384 MiB  "
                                  "sw_power_cap+sync_boost\n"
                                  "12:00:00.123   3     unknown    unknown    unknown    unknown "
                                  "unknown unknown   unknown    unknown  unknown\n");
}

static void csv(void **state)
{
    (void)state;
    view_monitor_csv_heading(&out, false);
    view_monitor_csv(&out, INT64_C(1740830400123), devices, states, NULL, 2);
    assert_string_equal(out.text, "time,index,uuid,name,power_w,energy_j,power_limit_w,enforced_"
                                  "limit_w,temperature_c,utilization,sm_clock_mhz,"
                                  "memory_used_bytes,throttle\n"
                                  "2025-03-01T12:00:00.123Z,2,GPU-a,\"V100, "
                                  "\"\"SXM\"\"\",201.5,1234.567,250,175,-3,0.97,1380,17179869184,"
                                  "sw_power_cap+sync_boost\n"
                                  "2025-03-01T12:00:00.123Z,3,'-1,'=cmd|' /C calc'!A0,,,,,,,,,\n");
    const struct wt_device odd = {.name = "a\nb\xff"};
    const struct wt_state free_running = {.known = WT_STATE_THROTTLE};
    buffer_clear(&out);
    view_monitor_csv(&out, 0, &odd, &free_running, NULL, 1);
    assert_string_equal(out.text, ",0,,\"a\nb\xef\xbf\xbd\",,,,,,,,,none\n");
    const struct wt_measurement since[2] = {{NS, 3 * NS, 400500, 1500, WT_SOURCE_COUNTER, 0},
                                            {.source = WT_SOURCE_NONE}};
    buffer_clear(&out);
    view_monitor_csv_heading(&out, true);
    view_monitor_csv(&out, INT64_C(1740830400123), devices, states, since, 2);
    has(",throttle,interval_s,interval_energy_j,interval_energy_error_j,interval_power_w,interval_"
        "source\n");
    has(",2,400.5,1.5,200.25,counter\n");
    has(",,,,,,,,,,,,\n"); /* nothing is known of the other, states or interval */
    buffer_clear(&out);
    view_monitor_heading(&out, true, false);
    view_monitor_lines(&out, 0, devices, states, since, 2);
    has("       USED          +- MEAN POWER      POWER");
    has("    400.5 J     1.500 J    200.2 W    201.5 W");
    has("    unknown     unknown    unknown    unknown");
}

static void figures(void **state)
{
    (void)state;
    const struct wt_figure rows[2] = {{.name = "intensity_g_per_kwh",
                                       .label = "grid intensity",
                                       .value = 481,
                                       .low = NAN,
                                       .high = NAN,
                                       .devices = NAN,
                                       .unit = "g/kWh",
                                       .kind = "assumed",
                                       .source = "assumed world average",
                                       .year = 2023,
                                       .remark = "no value\x1b"},
                                      {.name = "x",
                                       .label = "A100\n",
                                       .value = NAN,
                                       .low = 1,
                                       .high = NAN,
                                       .devices = 8,
                                       .unit = "kg",
                                       .kind = "gpu",
                                       .source = "a\x1bpaper"}};
    view_figures(&out, rows, 2, false);
    assert_string_equal(out.text, "FIGURE              VALUE  YEAR  FROM\n"
                                  "grid intensity  481 g/kWh  2023  assumed world average\n"
                                  "A100\\n            unknown     -  a\\x1bpaper\n"
                                  "grid intensity: no value\\x1b.\n");
    buffer_clear(&out);
    view_carbon_tables(&out, rows, 1, rows + 1, 1, false);
    assert_string_equal(
        out.text, "LOCATION             NAME            G/KWH  YEAR  SOURCE\n"
                  "intensity_g_per_kwh  grid intensity    481  2023  assumed world average\n\n"
                  "EMBODIED  KIND       KG  FROM       TO  DEVICES  YEAR  SOURCE\n"
                  "x         gpu   unknown     1  unknown        8     -  a\\x1bpaper\n");
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, fresh, fresh)
    const struct CMUnitTest tests[] = {
        FRESH(settings_of_a_clock),
        FRESH(clocks_beside_limits),
        FRESH(profile_that_was_not_finished),
        FRESH(numbers_without_exponents),
        FRESH(units),
        FRESH(names_are_harmless),
        FRESH(columns_line_up),
        FRESH(savings_are_honest),
        FRESH(run_summary),
        FRESH(limits_that_were_not_kept),
        FRESH(show_has_all_tries),
        FRESH(show_counts_those_left_out),
        FRESH(limits),
        FRESH(measured),
        FRESH(monitor_lines),
        FRESH(csv),
        FRESH(budgets),
        FRESH(a_limit_that_changed),
        FRESH(recurrences),
        FRESH(many_recurrences_are_cut),
        FRESH(learned),
        FRESH(identities_in_words),
        FRESH(beliefs),
        FRESH(not_started_is_said_as_it_is),
        FRESH(explanation),
        FRESH(explanation_at_the_edges),
        FRESH(nothing_is_explained_that_is_not_known),
        FRESH(explanation_figure),
        FRESH(figures),
    };
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
