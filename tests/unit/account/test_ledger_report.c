/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports: groups hold the bookings, hours lie in their days, totals hold, and an unknown figure
 * is counted.
 */
#include "ledger_help.h"

#include "base/clock.h"

static struct wt_error err;

static void near(double a, double b)
{
    assert_true(fabs(a - b) < 1e-9 * (1 + fabs(b)));
}

enum { V100_W = 100 };
/* 2025-03-01T22:00:00Z. */
static const int64_t EVENING_MS = INT64_C(1740866400000), EVENING = 483574;

/* Two GPUs for `hours` hours from `started_ms` on, 100 W each, and a CPU at 50 W; the grid has 100
 * g/kWh in the first hour, 200 in the second and so on. */
static void run_for(struct ledger *ledger, const char *job, const char *phase, const char *user,
                    int64_t started_ms, unsigned hours)
{
    struct wt_trial t = full_trial(job);
    struct ledger_hour rows[64];
    size_t count = 0;
    const double second_j = 3600.0;
    t.identity.recurrence = t.identity.try_number = 0;
    t.identity.started_ms = started_ms;
    snprintf(t.identity.phase, sizeof t.identity.phase, "%s", phase);
    snprintf(t.identity.user, sizeof t.identity.user, "%s", user);
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    t.outcome.time_s = 3600.0 * hours;
    t.part.energy_j = 2 * V100_W * t.outcome.time_s;
    t.part.cpu_energy_j = 50 * t.outcome.time_s;
    t.part.dram_energy_j = NAN;
    t.part.busy_s = t.outcome.time_s;
    t.outcome.savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 250000}, 0.8, 1.1, 0.016, 0.01};
    t.carbon =
        (struct wt_carbon){1.2, 0, "a series", 0, NAN, 10.0 * hours, 20.0 * hours, "a table"};
    for (unsigned h = 0; h < hours; h++) {
        double g = 100.0 * (h + 1);
        for (unsigned i = 0; i < 2; i++)
            rows[count++] = (struct ledger_hour){started_ms / 3600000 + h, WT_DEVICE_GPU, i,
                                                 V100_W * second_j,        1800,          g};
        rows[count++] =
            (struct ledger_hour){started_ms / 3600000 + h, WT_DEVICE_CPU, 0, 50 * second_j, NAN, g};
        t.carbon.operational_g += 250 * second_j / 3.6e6 * 1.2 * g;
    }
    t.carbon.intensity_g_per_kwh = 50.0 * (hours + 1);
    const struct ledger_device_energy devices[] = {{.kind = WT_DEVICE_GPU, .index = 0},
                                                   {.kind = WT_DEVICE_GPU, .index = 1},
                                                   {.kind = WT_DEVICE_CPU, .index = 0}};
    assert_int_equal(
        ledger_trial_end(ledger, &t, &(struct ledger_used){devices, 3, rows, count}, &err), 0);
}

static struct ledger_report_rows found;

/* The rows, until the next report or done(). */
static struct wt_report_row *report(struct ledger *ledger, const struct ledger_report *what,
                                    size_t expected, struct wt_report_row *total)
{
    ledger_report_clear(&found);
    if (ledger_report(ledger, what, &found, &err))
        fail_msg("%s", err.text);
    assert_int_equal(found.count, expected);
    *total = found.total;
    return found.rows;
}

static void done(struct ledger *ledger)
{
    ledger_report_clear(&found);
    ledger_close(ledger);
}

static void by_phase_and_user(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_report_row total, *rows;
    run_for(ledger, "a", "training", "ada", EVENING_MS, 4);
    run_for(ledger, "b", "training", "bob", EVENING_MS, 1);
    run_for(ledger, "b", "inference", "ada", EVENING_MS, 2);
    rows =
        report(ledger, &(struct ledger_report){1, {WT_BY_PHASE}, INT64_MIN, INT64_MAX}, 2, &total);
    assert_string_equal(rows[0].keys[0], "training"); /* most energy first */
    assert_int_equal(rows[0].runs, 2);
    near(rows[0].gpu_hours, 2 * 5);
    near(rows[0].busy_gpu_hours, 5);
    near(rows[0].gpu_j, 200 * 5 * 3600.0);
    near(rows[0].cpu_j, 50 * 5 * 3600.0);
    assert_true(isnan(rows[0].dram_j));
    assert_int_equal(rows[0].dram_unknown, 2);
    assert_int_equal(rows[0].gpu_unknown + rows[0].cpu_unknown, 0);
    near(rows[0].facility_j, 1.2 * 250 * 5 * 3600.0);
    near(rows[0].operational_g, 0.3 * (100 + 200 + 300 + 400) + 0.3 * 100);
    assert_true(isnan(rows[0].market_g));
    near(rows[0].embodied_g, 50);
    near(rows[0].embodied_useful_g, 100);
    near(rows[0].saved_j, 200 * 5 * 3600.0 * 0.25);
    near(rows[0].saved_error_j, 200 * 5 * 3600.0 * 0.016 / 0.64);
    near(rows[0].saved_g, 1.2 * 0.25 * 0.2 * (4 * 250 + 1 * 100));
    near(rows[0].gpu_j + rows[1].gpu_j, total.gpu_j);
    assert_int_equal(total.runs, 3);
    rows =
        report(ledger, &(struct ledger_report){2, {WT_BY_USER, WT_BY_PHASE}, INT64_MIN, INT64_MAX},
               3, &total);
    assert_string_equal(rows[1].keys[0], "ada");
    assert_string_equal(rows[1].keys[1], "inference");
    near(rows[1].operational_g, 0.3 * (100 + 200));
    rows = report(ledger, &(struct ledger_report){0, {0}, INT64_MIN, INT64_MAX}, 1, &total);
    assert_true(rows[0].gpu_j == total.gpu_j && rows[0].runs == 3);
    ledger_close(ledger);
}

/* A run over midnight lies in both days, with the time, energy, grid and share of each. */
static void days(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_report_row total, whole, *rows;
    run_for(ledger, "a", "training", "ada", EVENING_MS + 1800 * 1000,
            4); /* from 22:30; booked by whole hours from 22 on */
    rows = report(ledger, &(struct ledger_report){1, {WT_BY_DAY}, INT64_MIN, INT64_MAX}, 2, &total);
    assert_string_equal(rows[0].keys[0], "2025-03-01");
    assert_string_equal(rows[1].keys[0], "2025-03-02");
    near(rows[0].gpu_j, 200 * 2 * 3600.0);
    near(rows[0].operational_g, 0.3 * (100 + 200));
    near(rows[1].operational_g, 0.3 * (300 + 400));
    near(rows[0].gpu_hours, 2 * 1.5);
    near(rows[0].embodied_g, 40 * 1.5 / 4);
    near(rows[0].busy_gpu_hours, 2);
    assert_int_equal(rows[0].runs, 1);
    assert_int_equal(rows[1].runs, 1);
    assert_int_equal(total.runs, 1); /* one run, though it lies in two groups */
    near(rows[0].gpu_j + rows[1].gpu_j, total.gpu_j);
    near(rows[0].facility_j + rows[1].facility_j, total.facility_j);
    near(rows[0].saved_j + rows[1].saved_j, total.saved_j);
    report(ledger, &(struct ledger_report){0, {0}, INT64_MIN, INT64_MAX}, 1, &whole);
    near(whole.operational_g, total.operational_g);
    /* From 23:00 to midnight. */
    rows = report(
        ledger,
        &(struct ledger_report){1, {WT_BY_JOB}, (EVENING + 1) * 3600000, (EVENING + 2) * 3600000},
        1, &total);
    near(rows[0].gpu_j, 200 * 3600.0);
    near(rows[0].operational_g, 0.3 * 200);
    near(rows[0].gpu_hours, 2);
    rows =
        report(ledger, &(struct ledger_report){1, {WT_BY_JOB}, (EVENING + 9) * 3600000, INT64_MAX},
               0, &total);
    assert_int_equal(total.runs, 0);
    assert_true(isnan(total.gpu_j));
    done(ledger);
}

static void unknown_is_counted(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_report_row total, *rows;
    run_for(ledger, "known", "training", "ada", EVENING_MS, 1);
    struct wt_trial t = full_trial("killed"); /* begins, and that is all */
    t.identity.user[0] = 0;
    t.identity.recurrence = t.identity.try_number = 0;
    t.identity.started_ms = EVENING_MS;
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    t = full_trial("unknown"); /* ends without an energy */
    t.identity.recurrence = t.identity.try_number = 0;
    t.identity.started_ms = EVENING_MS;
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    t.part.energy_j = t.part.cpu_energy_j = t.part.dram_energy_j = t.carbon.operational_g = NAN;
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
    t = full_trial("never ran");
    t.identity.recurrence = t.identity.try_number = 0;
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    t.outcome.not_started = true;
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
    for (int hourly = 0; hourly < 2; hourly++) {
        struct ledger_report what = {1, {WT_BY_USER}, hourly ? 0 : INT64_MIN, INT64_MAX};
        rows = report(ledger, &what, 2, &total);
        assert_string_equal(rows[1].keys[0], ""); /* the killed one told no user */
        assert_int_equal(rows[1].unended, 1);
        assert_true(isnan(rows[1].gpu_j) && isnan(rows[1].facility_j) &&
                    isnan(rows[1].operational_g));
        assert_int_equal(total.runs, 3);
        assert_int_equal(total.gpu_unknown, 2);
        assert_int_equal(total.operational_unknown, 2);
        near(total.gpu_j, 200 * 3600.0);
        near(total.facility_j, 1.2 * 250 * 3600.0);
    }
    done(ledger);
}

/* Sources of the figures: each source with its runs and range; only runs that the report is
 * about. */
static void basis(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_report_row total;
    const struct wt_report_basis *rows;
    run_for(ledger, "a", "training", "ada", EVENING_MS, 4); /* a series: 250 g/kWh on average */
    run_for(ledger, "b", "training", "ada", EVENING_MS + 3600000, 1); /* 100 */
    struct wt_trial t =
        full_trial("c"); /* the day after, without a word on where its carbon comes from */
    t.identity.recurrence = t.identity.try_number = 0;
    t.identity.started_ms = EVENING_MS + INT64_C(86400000);
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    t.outcome.time_s = 3600;
    t.part.source = WT_SOURCE_COUNTER;
    t.carbon = (struct wt_carbon){.pue = 1.5,
                                  .intensity_g_per_kwh = 30,
                                  .operational_g = 7,
                                  .market_g = NAN,
                                  .embodied_g = NAN,
                                  .embodied_useful_g = NAN};
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
    t = full_trial("d"); /* killed */
    t.identity.recurrence = t.identity.try_number = 0;
    t.identity.started_ms = EVENING_MS + INT64_C(2) * 86400000;
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);

    const struct ledger_report all = {1, {WT_BY_JOB}, INT64_MIN, INT64_MAX};
    report(ledger, &all, 4, &total);
    assert_int_equal(found.basis_count, 6);
    rows = found.basis;
    assert_int_equal(rows[0].kind, WT_BASIS_ENERGY);
    assert_string_equal(rows[0].source, "integrated");
    assert_int_equal(rows[0].runs, 2);
    assert_string_equal(rows[1].source, "counter");
    assert_int_equal(rows[2].kind, WT_BASIS_PUE);
    assert_int_equal(rows[2].runs, 3);
    near(rows[2].least, 1.2);
    near(rows[2].most, 1.5);
    assert_int_equal(rows[3].kind, WT_BASIS_INTENSITY);
    assert_string_equal(rows[3].source, "a series");
    assert_int_equal(rows[3].runs, 2);
    near(rows[3].least, 100);
    near(rows[3].most, 250);
    assert_string_equal(rows[4].source, "");
    near(rows[4].least, 30);
    assert_int_equal(rows[5].kind, WT_BASIS_EMBODIED);
    assert_int_equal(rows[5].runs, 2);
    assert_true(isnan(rows[5].least));
    assert_int_equal(total.first_ms, EVENING_MS);
    assert_int_equal(total.last_ms, EVENING_MS + INT64_C(2) * 86400000); /* no end of it is known */

    /* The first hour alone: one run. */
    const struct ledger_report hour = {1, {WT_BY_JOB}, EVENING_MS, EVENING_MS + 3600000};
    struct wt_report_row *groups = report(ledger, &hour, 1, &total);
    assert_int_equal(found.basis_count, 4);
    assert_true(found.basis[2].runs == 1 && found.basis[2].least == 250);
    assert_int_equal(groups[0].first_ms, EVENING_MS);
    assert_int_equal(groups[0].last_ms, EVENING_MS + 4 * 3600 * 1000);
    /* By the hour, a run of four hours is still one. */
    report(ledger, &(struct ledger_report){1, {WT_BY_DAY}, INT64_MIN, INT64_MAX}, 3, &total);
    assert_true(found.basis_count == 6 && found.basis[2].runs == 3 && found.basis[3].runs == 2);
    done(ledger);
}

static void names_are_only_names(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_report_row total, *rows;
    run_for(ledger, "x'); DROP TABLE trials; --", "training", "\"o'hara\"", EVENING_MS, 1);
    rows = report(ledger, &(struct ledger_report){2, {WT_BY_JOB, WT_BY_USER}, INT64_MIN, INT64_MAX},
                  1, &total);
    assert_string_equal(rows[0].keys[0], "x'); DROP TABLE trials; --");
    assert_string_equal(rows[0].keys[1], "\"o'hara\"");
    done(ledger);
}

/* --- Whole runs --- */

static void book(struct ledger *ledger, const char *job, const char *project, int64_t started_ms,
                 double energy_j, double error_j, double embodied_g)
{
    struct wt_trial t = full_trial(job);
    t.identity.recurrence = t.identity.try_number = 0;
    t.identity.started_ms = started_ms;
    snprintf(t.identity.project, sizeof t.identity.project, "%s", project);
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    t.outcome.time_s = 7200;
    t.part.energy_j = energy_j;
    t.part.energy_error_j = error_j;
    t.part.cpu_energy_j = t.part.dram_energy_j = NAN;
    t.carbon = (struct wt_carbon){1.5, 100,        "a grid", energy_j * 1.5 / 3.6e6 * 100,
                                  NAN, embodied_g, NAN,      "a table"};
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
}

static struct ledger *with_runs(void)
{
    struct ledger *ledger = open_ledger(0);
    book(ledger, "b", "vision", EVENING_MS + 2, 3.6e6, 1000, 10);
    book(ledger, "a", "vision", EVENING_MS + 1, 7.2e6, 2000, 20);
    book(ledger, "a", "speech", EVENING_MS + INT64_C(86400000), 3.6e6, NAN, 40);
    struct wt_trial t = full_trial("a"); /* killed, on one GPU */
    t.identity.recurrence = t.identity.try_number = 0;
    t.identity.started_ms = EVENING_MS + 3;
    t.part.gpu_count = 1;
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    t = full_trial("a");
    t.identity.recurrence = t.identity.try_number = 0;
    t.identity.started_ms = EVENING_MS;
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    t.outcome.not_started = true; /* known to be too much before it began: no run */
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
    return ledger;
}

static struct wt_report_row *report_runs(struct ledger *ledger, const struct ledger_runs *runs,
                                         enum wt_report_key key, size_t expected)
{
    ledger_report_clear(&found);
    if (ledger_report_runs(ledger, runs, &key, 1, &found, &err))
        fail_msg("%s", err.text);
    assert_int_equal(found.count, expected);
    return found.rows;
}

static void whole_runs(void **state)
{
    (void)state;
    struct ledger *ledger = with_runs();
    const struct wt_report_row *total = &found.total, *rows;
    report_runs(ledger, &(struct ledger_runs){INT64_MIN, INT64_MAX, NULL, NULL}, WT_BY_JOB, 2);
    assert_int_equal(total->runs, 4);
    near(total->gpu_j, 14.4e6);
    assert_true(isnan(total->gpu_error_j)); /* one is not known */
    assert_true(total->gpus_least == 1 && total->gpus_most == 2);
    assert_int_equal(total->complete.runs, 3);
    near(total->complete.gpu_hours, 3 * 4);
    near(total->complete.facility_j, 1.5 * 14.4e6);
    near(total->complete.operational_g, 1.5 * 4 * 100);
    near(total->complete.embodied_g, 70);
    /* From the first moment on, and not from the last. */
    report_runs(ledger, &(struct ledger_runs){EVENING_MS + 1, EVENING_MS + 2, NULL, NULL},
                WT_BY_JOB, 1);
    assert_int_equal(total->runs, 1);
    near(total->gpu_j, 7.2e6);
    near(total->gpu_error_j, 2000);
    near(total->embodied_g, 20); /* not a share of it: the whole run */
    /* By day, a run is of the day on which it began. */
    rows = report_runs(ledger, &(struct ledger_runs){INT64_MIN, INT64_MAX, NULL, "vision"},
                       WT_BY_DAY, 1);
    assert_string_equal(rows[0].keys[0], "2025-03-01");
    assert_int_equal(total->runs, 3);
    near(total->gpu_j, 10.8e6);
    near(total->gpu_error_j, 3000);
    report_runs(ledger, &(struct ledger_runs){INT64_MIN, INT64_MAX, "a", "speech"}, WT_BY_JOB, 1);
    assert_int_equal(total->runs, 1);
    near(total->embodied_g, 40);
    assert_int_equal(found.basis_count, 4);
    report_runs(ledger, &(struct ledger_runs){INT64_MIN, INT64_MAX, "no such job", NULL}, WT_BY_JOB,
                0);
    assert_true(total->runs == 0 && total->complete.runs == 0 && isnan(total->gpus_least));
    done(ledger);
}

struct taken {
    char jobs[8];
    unsigned count, most;
    double energy_j;
};

static int take(void *ctx, const struct wt_trial *run, struct wt_error *why)
{
    struct taken *taken = ctx;
    assert_string_equal(run->part.gpus[0].uuid, "GPU-3");
    assert_int_equal(run->profile.count, 0);
    assert_true(run->outcome.ended ? run->part.gpu_count == 2 && run->carbon.pue == 1.5
                                   : run->part.gpu_count == 1 && isnan(run->carbon.pue));
    taken->jobs[taken->count++] = run->identity.job[0];
    if (isfinite(run->part.energy_j))
        taken->energy_j += run->part.energy_j;
    return taken->count < taken->most ? 0 : error_set(why, WT_E_RANGE, "enough");
}

static void each_run(void **state)
{
    (void)state;
    struct ledger *ledger = with_runs();
    struct taken taken = {.most = 5};
    assert_int_equal(ledger_each_run(ledger,
                                     &(struct ledger_runs){INT64_MIN, INT64_MAX, NULL, NULL}, take,
                                     &taken, &err),
                     0);
    assert_string_equal(taken.jobs, "abaa"); /* as they began, not as they were booked */
    near(taken.energy_j, 14.4e6);
    taken = (struct taken){.most = 5};
    assert_int_equal(ledger_each_run(ledger,
                                     &(struct ledger_runs){EVENING_MS + 2, INT64_MAX, "a", NULL},
                                     take, &taken, &err),
                     0);
    assert_string_equal(taken.jobs, "aa");
    near(taken.energy_j, 3.6e6);
    taken = (struct taken){.most = 2};
    assert_int_equal(ledger_each_run(ledger,
                                     &(struct ledger_runs){INT64_MIN, INT64_MAX, NULL, NULL}, take,
                                     &taken, &err),
                     WT_E_RANGE);
    assert_string_equal(err.text, "enough");
    assert_string_equal(taken.jobs, "ab");
    /* The ledger goes on after that. */
    taken = (struct taken){.most = 5};
    assert_int_equal(ledger_each_run(ledger,
                                     &(struct ledger_runs){INT64_MIN, INT64_MAX, NULL, "speech"},
                                     take, &taken, &err),
                     0);
    assert_string_equal(taken.jobs, "a");
    taken = (struct taken){.most = 5};
    assert_int_equal(ledger_each_run(NULL, &(struct ledger_runs){INT64_MIN, INT64_MAX, NULL, NULL},
                                     take, &taken, &err),
                     0);
    assert_int_equal(taken.count, 0);
    ledger_close(ledger);
}

static void empty(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_report_row total, *rows;
    rows =
        report(ledger, &(struct ledger_report){1, {WT_BY_PHASE}, INT64_MIN, INT64_MAX}, 0, &total);
    assert_true(total.runs == 0 && isnan(total.gpu_j) && isnan(total.gpu_hours) &&
                isnan(total.saved_j));
    ledger_close(ledger);
    rows = report(NULL, &(struct ledger_report){1, {WT_BY_PHASE}, INT64_MIN, INT64_MAX}, 0, &total);
    assert_true(rows && total.runs == 0 && isnan(total.gpu_j) && isnan(total.embodied_g));
    ledger_report_clear(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_phase_and_user, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(days, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(unknown_is_counted, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(basis, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(whole_runs, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(each_run, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(names_are_only_names, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(empty, make_folder, drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
