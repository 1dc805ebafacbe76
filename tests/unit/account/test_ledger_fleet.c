/* SPDX-License-Identifier: Apache-2.0
 *
 * Which part of a watched GPU runs account for: lines by hand, and lines that add up whatever lies
 * where.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "account/ledger/attribution.h"
#include "account/ledger/ledger.h"
#include "account/study/fleet.h"
#include "account/study/what_if.h"

#define NEAR(a, b) assert_true(fabs((a) - (double)(b)) <= 1e-9 * (1 + fabs((double)(b))))

static const int64_t S = 1000;
static struct wt_error err;

static struct attributed_stretch stretch(int64_t begin_s, int64_t end_s, double power_w, int in_use)
{
    double length_s = (double)(end_s - begin_s);
    return (struct attributed_stretch){.begin_ms = begin_s * S,
                                       .end_ms = end_s * S,
                                       .energy_j = power_w * length_s,
                                       .energy_error_j = 3,
                                       .counted = true,
                                       .in_use = in_use,
                                       .busy_s = in_use ? length_s / 2 : 0,
                                       .pue = 1.5,
                                       .operational_g = power_w * length_s / 100,
                                       .embodied_g = length_s / 10};
}

static void lines_by_hand(void **state)
{
    (void)state;
    /* Idle for 10 s, in use for 30 s, idle for 20 s.  One run from the 8th to the 28th second, one
     * from the 18th to the 38th, each of which has measured 100 W. */
    const struct attributed_stretch stretches[] = {stretch(0, 10, 40, 0), stretch(10, 40, 100, 1),
                                                   stretch(40, 60, 40, 0)};
    const struct attributed_run runs[] = {{18 * S, 38 * S, 2000}, {8 * S, 28 * S, 2000}};
    struct wt_fleet_lines l;
    assert_int_equal(attribute(runs, 2, stretches, 3, &l), 0);
    NEAR(l.watched_hours, 60 / 3600.0);
    NEAR(l.energy_j, 400 + 3000 + 800);
    NEAR(l.runs_j, 4000);
    NEAR(l.overlap_j, 1000);      /* from the 18th to the 28th second both */
    NEAR(l.idle_j, 8 * 40 + 800); /* while no run had it */
    NEAR(l.unattributed_j, 4200 - 3000 - 1120);
    NEAR(l.reserved_hours, 30 / 3600.0);
    NEAR(l.overlap_hours, 10 / 3600.0);
    NEAR(l.idle_hours, 28 / 3600.0);
    NEAR(l.busy_hours, 15 / 3600.0);
    NEAR(l.operational_g, 42);
    NEAR(l.idle_operational_g, 11.2);
    NEAR(l.embodied_g, 6);
    NEAR(l.idle_embodied_g, 2.8);
    NEAR(l.facility_j, 1.5 * 4200);
    NEAR(l.energy_error_j,
         hypot(3,
               3)); /* the two ends: in between the errors of neighbours are those of one moment */
}

static void what_is_not_known_is_apart(void **state)
{
    (void)state;
    struct attributed_stretch stretches[] = {stretch(0, 10, 40, 0), stretch(10, 20, 0, 1),
                                             stretch(30, 40, 50, -1), stretch(50, 60, 100, 1)};
    const struct attributed_run runs[] = {{0, 5 * S, NAN},
                                          {9 * S, 32 * S, 2300},
                                          {70 * S, 80 * S, 1},
                                          {55 * S, 55 * S, 7},
                                          {52 * S, 51 * S, 7}};
    struct wt_fleet_lines l;
    stretches[1].energy_j = stretches[1].energy_error_j = NAN;
    stretches[2].counted = false;
    stretches[3].busy_s = NAN;
    assert_int_equal(attribute(runs, 5, stretches, 4, &l), 0);
    NEAR(l.watched_hours, 40 / 3600.0);
    NEAR(l.unknown_hours, 10 / 3600.0);
    NEAR(l.energy_j, 400 + 500 + 1000);
    NEAR(l.runs_j, 100 + 200); /* 100 W for the 10th second and for the 31st and 32nd */
    NEAR(l.overlap_j, 0);
    NEAR(l.idle_j, 4 * 40); /* a run had it for 5 s, though nobody knows its energy */
    NEAR(l.unattributed_j, 1900 - 300 - 160);
    NEAR(l.reserved_hours, (5 + 1 + 2) / 3600.0);
    NEAR(l.energy_error_j, sqrt(3 * 3 * 5));
    assert_int_equal(attribute(NULL, 0, stretches, 0, &l), 0);
    assert_true(l.watched_hours == 0 && l.energy_j == 0 && isnan(l.busy_hours) &&
                isnan(l.embodied_g));
}

static uint32_t drawn(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*state >> 33) % below;
}

/* Second by second, as slowly as can be. */
static void slow(const struct attributed_run runs[], unsigned run_count,
                 const struct attributed_stretch stretches[], unsigned count,
                 struct wt_fleet_lines *l)
{
    *l = attribution_none();
    for (unsigned i = 0; i < count; i++)
        for (int64_t t = stretches[i].begin_ms; t < stretches[i].end_ms; t += S) {
            double power = 0,
                   stretch_j = stretches[i].energy_j /
                               (double)((stretches[i].end_ms - stretches[i].begin_ms) / S);
            unsigned active = 0;
            for (unsigned k = 0; k < run_count; k++)
                if (runs[k].begin_ms <= t && t < runs[k].end_ms) {
                    power += runs[k].energy_j / (double)((runs[k].end_ms - runs[k].begin_ms) / S);
                    active++;
                }
            l->energy_j += stretch_j;
            l->runs_j += power;
            l->overlap_j += active ? power - power / active : 0;
            l->reserved_hours += active ? 1 / 3600.0 : 0;
            l->idle_j += !active && !stretches[i].in_use ? stretch_j : 0;
        }
}

static void lines_add_up(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned round = 0; round < 300; round++) {
        struct attributed_stretch stretches[20];
        struct attributed_run runs[30];
        unsigned count = drawn(&seed, 20), run_count = drawn(&seed, 30);
        int64_t at = 0;
        for (unsigned i = 0; i < count; i++) {
            int64_t begin = at + drawn(&seed, 3), end = begin + 1 + drawn(&seed, 30);
            stretches[i] = stretch(begin, end, 30 + drawn(&seed, 200), (int)drawn(&seed, 2));
            at = end;
        }
        for (unsigned i = 0; i < run_count; i++) {
            int64_t begin = (int64_t)drawn(&seed, 200) - 20, end = begin + 1 + drawn(&seed, 60);
            runs[i] = (struct attributed_run){begin * S, end * S, drawn(&seed, 10000)};
        }
        struct wt_fleet_lines l, expected;
        assert_int_equal(attribute(runs, run_count, stretches, count, &l), 0);
        slow(runs, run_count, stretches, count, &expected);
        NEAR(l.energy_j, expected.energy_j);
        NEAR(l.runs_j, expected.runs_j);
        NEAR(l.overlap_j, expected.overlap_j);
        NEAR(l.idle_j, expected.idle_j);
        NEAR(l.reserved_hours, expected.reserved_hours);
        NEAR(l.runs_j - l.overlap_j + l.idle_j + l.unattributed_j, l.energy_j);
    }
}

/* --- In the ledger --- */

static const int64_t T = INT64_C(1740830400000); /* an hour begins */

static struct wt_stretch booked(const char *uuid, int64_t begin_s, int64_t end_s, double energy_j)
{
    struct wt_stretch s = {.begin_ms = T + begin_s * S,
                           .end_ms = T + end_s * S,
                           .energy_j = energy_j,
                           .energy_error_j = 1,
                           .source = WT_SOURCE_COUNTER,
                           .in_use = 0,
                           .busy_s = 0,
                           .carbon = {1.2, 400, "a grid", 5, NAN, 2, NAN, "a table"}};
    snprintf(s.uuid, sizeof s.uuid, "%s", uuid);
    snprintf(s.name, sizeof s.name, "V100");
    return s;
}

static struct ledger *fresh(void)
{
    struct ledger *ledger = NULL;
    unlink("test_ledger_fleet.db");
    assert_int_equal(ledger_open("test_ledger_fleet.db", 0, &ledger, &err), 0);
    return ledger;
}

static void a_gpu_is_booked_once(void **state)
{
    (void)state;
    struct ledger *ledger = fresh();
    struct ledger_lines lines;
    struct wt_stretch rows[] = {booked("GPU-a", 0, 60, 600), booked("GPU-a", 60, 120, 700),
                                booked("GPU-b", 30, 90, 100)};
    assert_int_equal(ledger_stretches_put(ledger, "n1", rows, 3, &err), 0);
    rows[1].end_ms += 60 * S; /* it grows, and takes its own place */
    rows[1].energy_j = 1400;
    assert_int_equal(ledger_stretches_put(ledger, "n1", &rows[1], 1, &err), 0);
    const struct wt_stretch again[] = {booked("GPU-a", 59, 61, 1), booked("GPU-a", 100, 300, 1),
                                       booked("GPU-a", 170, 171, 1)};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ledger_stretches_put(ledger, "n2", &again[i], 1, &err), WT_E_BUSY);
        assert_non_null(strstr(err.text, "GPU-a"));
    }
    struct wt_stretch other = booked("GPU-a", 100, 101, 1);
    other.index = 3; /* the same GPU, as a container sees it */
    assert_int_equal(ledger_stretches_put(ledger, "n2", &other, 1, &err), WT_E_BUSY);
    struct wt_stretch mixed[] = {booked("GPU-b", 90, 91, 5), booked("GPU-a", 179, 181, 5)};
    assert_int_equal(ledger_stretches_put(ledger, "n1", mixed, 2, &err),
                     WT_E_BUSY); /* all or nothing */
    assert_int_equal(ledger_lines(ledger, INT64_MIN, INT64_MAX, &lines, &err), 0);
    assert_int_equal(lines.count, 2);
    NEAR(lines.total.energy_j, 600 + 1400 + 100);
    NEAR(lines.total.operational_g, 15);
    NEAR(lines.total.facility_j, 1.2 * 2100);
    assert_string_equal(lines.devices[0].uuid, "GPU-a");
    assert_string_equal(lines.devices[0].node, "n1");
    NEAR(lines.devices[1].lines.idle_j, 100);
    ledger_lines_clear(&lines);
    other = booked("GPU-a", 5, 4, 1);
    assert_int_equal(ledger_stretches_put(ledger, "n1", &other, 1, &err), WT_E_INVALID);
    ledger_close(ledger);
}

static void runs_find_their_gpu(void **state)
{
    (void)state;
    struct ledger *ledger = fresh();
    struct ledger_lines lines;
    const struct wt_stretch rows[] = {booked("GPU-a", 0, 3600, 3600),
                                      booked("GPU-a", 3600, 7200, 3600),
                                      booked("GPU-b", 0, 3600, 36000)};
    assert_int_equal(ledger_stretches_put(ledger, "n1", rows, 3, &err), 0);
    static struct wt_trial trial;
    trial = (struct wt_trial){.identity.job = "job",
                              .identity.phase = "training",
                              .identity.started_ms = T,
                              .part.gpu_count = 1,
                              .part.energy_j = NAN,
                              .outcome.reached = -1};
    assert_int_equal(
        ledger_trial_begin(ledger, &trial, &trial.identity.id, &trial.identity.recurrence, &err),
        0);
    const struct ledger_device_energy used[] = {
        {WT_DEVICE_GPU, 7, "GPU-a", "V100", 1800, 1, WT_SOURCE_COUNTER, T + 1800 * S, T + 5400 * S},
        {WT_DEVICE_GPU, 8, "GPU-unwatched", "V100", 1e6, 1, WT_SOURCE_COUNTER, T, T + 7200 * S},
        {WT_DEVICE_CPU, 0, "", "package", 1e6, 1, WT_SOURCE_COUNTER, T, T + 7200 * S}};
    trial.outcome.ended = true;
    assert_int_equal(
        ledger_trial_end(ledger, &trial, &(struct ledger_used){used, 3, NULL, 0}, &err), 0);
    assert_int_equal(ledger_lines(ledger, INT64_MIN, INT64_MAX, &lines, &err), 0);
    NEAR(lines.devices[0].lines.runs_j, 1800);
    NEAR(lines.devices[0].lines.idle_j, 3600);
    NEAR(lines.devices[0].lines.unattributed_j, 1800);
    NEAR(lines.total.runs_j, 1800);
    ledger_lines_clear(&lines);
    assert_int_equal(ledger_lines(ledger, T + 3600 * S, T + 7200 * S, &lines, &err),
                     0); /* the second hour only */
    assert_int_equal(lines.count, 1);
    NEAR(lines.total.energy_j, 3600);
    NEAR(lines.total.runs_j, 900);
    ledger_lines_clear(&lines);
    ledger_close(ledger);
    assert_int_equal(ledger_lines(NULL, INT64_MIN, INT64_MAX, &lines, &err), 0);
    assert_int_equal(lines.count, 0);
    ledger_lines_clear(&lines);
}

/* --- Savings not taken --- */

static void potentials_by_hand(void **state)
{
    (void)state;
    /* Cost at eta 0.5 and 250 W: 175 J, 162.5, 174; least energy at the lowest. */
    const struct wt_profile_point points[] = {
        {{WT_KNOB_POWER_LIMIT, 250000}, 10, 1.0, 100, 1, 0.01, false},
        {{WT_KNOB_POWER_LIMIT, 200000}, 10, 1.1, 50, 1, 0.01, false},
        {{WT_KNOB_POWER_LIMIT, 150000}, 10, 1.3, 45, 1, 0.01, false}};
    struct wt_potential p = potential_of(points, 3, 250000, 0.5);
    assert_int_equal(p.chosen_mw, 200000);
    assert_int_equal(p.least_mw, 150000);
    NEAR(p.chosen_energy, 0.5);
    NEAR(p.chosen_time, 1.1);
    NEAR(p.least_energy, 0.45);
    NEAR(p.least_time, 1.3);
    p = potential_of(points, 3, 200000, 0.5);
    assert_true(p.chosen_energy == 1 && p.chosen_time == 1);
    p = potential_of(points, 3, 225000, 0.5); /* not measured */
    assert_true(isnan(p.chosen_energy) && isnan(p.least_time) && p.chosen_mw == 0 &&
                p.limit_mw == 225000);
}

static void potentials_of_power_limits_alone(void **state)
{
    (void)state;
    const struct wt_profile_point points[] = {
        {{WT_KNOB_SM_CLOCK_MAX, 1500}, 10, 1.0, 1, 1, 0.01, false}, /* the least energy of all */
        {{WT_KNOB_POWER_LIMIT, 250000}, 10, 1.0, 100, 1, 0.01, false},
        {{WT_KNOB_POWER_LIMIT, 200000}, 10, 1.1, 50, 1, 0.01, false}};
    struct wt_potential p = potential_of(points, 3, 250000, 0.5);
    assert_true(p.chosen_mw == 200000 && p.least_mw == 200000);
    NEAR(p.least_energy, 0.5);
    p = potential_of(points, 3, 1500, 0.5); /* a clock is no limit */
    assert_true(isnan(p.chosen_energy) && p.chosen_mw == 0);
}

/* Books a run of the job on one V100, which ended at this setting. */
static void book(struct ledger *ledger, const char *job, struct wt_setting setting)
{
    static struct wt_trial trial;
    trial = (struct wt_trial){.identity.phase = "training",
                              .identity.started_ms = T,
                              .outcome.batch_size = 64,
                              .outcome.setting = setting,
                              .outcome.reached = -1,
                              .part.gpu_count = 1,
                              .part.energy_j = 1000};
    snprintf(trial.identity.job, sizeof trial.identity.job, "%s", job);
    snprintf(trial.part.gpus[0].name, sizeof trial.part.gpus[0].name, "V100");
    assert_int_equal(
        ledger_trial_begin(ledger, &trial, &trial.identity.id, &trial.identity.recurrence, &err),
        0);
    assert_int_equal(ledger_trial_end(ledger, &trial, NULL, &err), 0);
}

static void put_profile(struct ledger *ledger, const char *job,
                        const struct wt_profile_point points[], unsigned count)
{
    struct wt_profile_key key = {.batch_size = 64, .gpu_model = "V100", .gpu_count = 1};
    snprintf(key.job, sizeof key.job, "%s", job);
    assert_int_equal(ledger_profile_put(ledger, &key, points, count, 0, &err), 0);
}

/* Clocks in MHz beside power limits, of the profile and of the last run; and clocks alone. */
static void clocks_are_no_potential(void **state)
{
    (void)state;
    const struct fleet_options options = {
        .from_ms = INT64_MIN, .to_ms = INT64_MAX, .eta = 0.5, .lifetime_years = 4};
    const struct wt_setting clock = {WT_KNOB_SM_CLOCK_MAX, 1410},
                            limit = {WT_KNOB_POWER_LIMIT, 250000};
    const struct wt_profile_point points[] = {
        {limit, 10, 1.0, 100, 1, 0.01, false},
        {{WT_KNOB_POWER_LIMIT, 200000}, 10, 1.1, 50, 1, 0.01, false},
        {clock, 10, 0.5, 1, 1, 0.01, false}}; /* the least time and energy of all */
    struct ledger *ledger = fresh();
    struct fleet_read read;
    book(ledger, "both", limit);
    book(ledger, "both", clock);
    put_profile(ledger, "both", points, 3);
    book(ledger, "clocks", clock);
    put_profile(ledger, "clocks", &points[2], 1);
    assert_int_equal(fleet_read(ledger, &options, &read, &err), 0);
    assert_int_equal(read.fleet.jobs.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct wt_potential *p = &read.fleet.potentials[i];
        bool both = strcmp(p->job, "both") == 0;
        assert_true(p->limit_mw == (both ? 250000 : 0) && p->chosen_mw == (both ? 200000 : 0) &&
                    p->least_mw == (both ? 200000 : 0));
        assert_true(both ? p->chosen_energy == 0.5 && p->least_energy == 0.5
                         : isnan(p->chosen_energy) && isnan(p->least_energy));
    }
    NEAR(read.fleet.tunable_j, 2000);
    NEAR(read.fleet.at_choice_j, 1000);
    fleet_clear(&read);
    ledger_close(ledger);
}

static void figures_cover_what_runs_do_not(void **state)
{
    (void)state;
    struct wt_fleet fleet = {.total = {.gpu_j = 3000,
                                       .cpu_j = 500,
                                       .dram_j = NAN,
                                       .facility_j = 3850,
                                       .operational_g = 10,
                                       .embodied_g = 4,
                                       .embodied_useful_g = 8,
                                       .gpu_hours = 2}};
    fleet.lines = attribution_none();
    struct wt_fleet_figures now = fleet_figures(&fleet);
    assert_true(now.energy_j == 3500 && now.facility_j == 3850 && now.operational_g == 10 &&
                now.embodied_g == 4);
    /* Watched: half of 6000 J were the runs', 1000 J counted twice. */
    fleet.lines = (struct wt_fleet_lines){.watched_hours = 4,
                                          .energy_j = 6000,
                                          .runs_j = 4000,
                                          .overlap_j = 1000,
                                          .idle_j = 2000,
                                          .unattributed_j = 1000,
                                          .reserved_hours = 1,
                                          .overlap_hours = 0.5,
                                          .idle_hours = 2,
                                          .facility_j = 6600,
                                          .operational_g = 60,
                                          .embodied_g = 20};
    now = fleet_figures(&fleet);
    NEAR(now.energy_j, 3500 + 2000);
    NEAR(now.facility_j, 3850 + 2200);
    NEAR(now.operational_g, 10 + 20);
    NEAR(now.embodied_g, 4 + 12.5);
    assert_true(now.embodied_useful_g == 8 && now.gpu_hours == 2);
    const struct wt_what_if same = {NAN, NAN, NAN, NAN, NAN}, other = {36, 2, 0.9, 2, NAN};
    struct wt_fleet_figures then = fleet_under(&fleet, &now, &same, 4, 0.45);
    NEAR(then.operational_g, now.operational_g);
    NEAR(then.facility_j, now.facility_j);
    then = fleet_under(&fleet, &now, &other, 4, 0.45);
    NEAR(then.facility_j, 11000);
    NEAR(then.operational_g, 11000 / 3.6e6 * 36);
    NEAR(then.embodied_g, 33);
    NEAR(then.embodied_useful_g, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_by_hand),
        cmocka_unit_test(what_is_not_known_is_apart),
        cmocka_unit_test(lines_add_up),
        cmocka_unit_test(a_gpu_is_booked_once),
        cmocka_unit_test(runs_find_their_gpu),
        cmocka_unit_test(potentials_by_hand),
        cmocka_unit_test(potentials_of_power_limits_alone),
        cmocka_unit_test(clocks_are_no_potential),
        cmocka_unit_test(figures_cover_what_runs_do_not),
    };
    return cmocka_run_group_tests_name("ledger: fleet", tests, NULL, NULL);
}
