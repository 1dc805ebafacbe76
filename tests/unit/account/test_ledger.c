/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger: bookings come back, unknown stays unknown, nothing is booked twice.
 */
#include "job_trials.h"
#include "ledger_help.h"
#include "ledger_rows.h"

static struct wt_error err;

static struct wt_trial begin(struct ledger *ledger, struct wt_trial trial)
{
    assert_int_equal(
        ledger_trial_begin(ledger, &trial, &trial.identity.id, &trial.identity.recurrence, &err),
        0);
    return trial;
}

static struct wt_trial *trials_of(struct ledger *ledger, const char *job, size_t expected)
{
    struct wt_trial *trials = NULL;
    size_t count = 99;
    if (ledger_job_trials(ledger, job, &trials, &count, &err))
        fail_msg("%s", err.text);
    assert_int_equal(count, expected);
    return trials;
}

static void same_trial(const struct wt_trial *a, const struct wt_trial *b)
{
    assert_int_equal(a->identity.id, b->identity.id);
    assert_int_equal(a->identity.recurrence, b->identity.recurrence);
    assert_int_equal(a->identity.try_number, b->identity.try_number);
    assert_string_equal(a->identity.job, b->identity.job);
    assert_string_equal(a->identity.phase, b->identity.phase);
    assert_string_equal(a->identity.project, b->identity.project);
    assert_int_equal(a->outcome.batch_size, b->outcome.batch_size);
    assert_int_equal(a->identity.started_ms, b->identity.started_ms);
    assert_true(a->outcome.time_s == b->outcome.time_s);
    assert_int_equal(a->outcome.setting.value, b->outcome.setting.value);
    assert_true(a->part.energy_j == b->part.energy_j &&
                a->part.energy_error_j == b->part.energy_error_j);
    assert_true(a->part.sensor_error_fraction == b->part.sensor_error_fraction);
    assert_true(a->part.cpu_energy_j == b->part.cpu_energy_j &&
                a->part.dram_energy_j == b->part.dram_energy_j);
    assert_true(a->outcome.cost_j == b->outcome.cost_j && a->outcome.metric == b->outcome.metric);
    assert_int_equal(a->outcome.steps, b->outcome.steps);
    assert_int_equal(a->outcome.epochs, b->outcome.epochs);
    assert_int_equal(a->outcome.reached, b->outcome.reached);
    assert_int_equal(a->outcome.early_stopped, b->outcome.early_stopped);
    assert_int_equal(a->outcome.exit_code, b->outcome.exit_code);
    assert_int_equal(a->part.source, b->part.source);
    assert_string_equal(a->outcome.note, b->outcome.note);
    assert_int_equal(a->outcome.savings.baseline.value, b->outcome.savings.baseline.value);
    assert_true(a->outcome.savings.energy_fraction == b->outcome.savings.energy_fraction);
    assert_true(a->outcome.savings.time_fraction == b->outcome.savings.time_fraction);
    assert_true(a->outcome.savings.energy_fraction_error ==
                b->outcome.savings.energy_fraction_error);
    assert_true(a->outcome.savings.time_fraction_error == b->outcome.savings.time_fraction_error);
    assert_int_equal(a->part.gpu_count, b->part.gpu_count);
    assert_int_equal(a->profile.count, b->profile.count);
    assert_string_equal(a->identity.user, b->identity.user);
    assert_string_equal(a->identity.node, b->identity.node);
    assert_true(a->part.busy_s == b->part.busy_s);
    assert_true(a->carbon.pue == b->carbon.pue &&
                a->carbon.intensity_g_per_kwh == b->carbon.intensity_g_per_kwh);
    assert_true(a->carbon.operational_g == b->carbon.operational_g &&
                a->carbon.market_g == b->carbon.market_g);
    assert_true(a->carbon.embodied_g == b->carbon.embodied_g);
    assert_true(a->carbon.embodied_useful_g == b->carbon.embodied_useful_g);
    assert_string_equal(a->carbon.intensity_source, b->carbon.intensity_source);
    assert_string_equal(a->carbon.embodied_source, b->carbon.embodied_source);
    assert_string_equal(a->carbon.pue_source, b->carbon.pue_source);
    assert_string_equal(a->carbon.location, b->carbon.location);
    assert_true(a->carbon.lifetime_years == b->carbon.lifetime_years);
}

static void all_comes_back(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = begin(ledger, full_trial("resnet"));
    const struct ledger_device_energy devices[] = {
        {WT_DEVICE_GPU, 3, "GPU-3", "Tesla V100", 1500.5, 2, WT_SOURCE_COUNTER, 1000, 2000},
        {WT_DEVICE_DRAM, 1, "", "dram", 12, NAN, WT_SOURCE_ESTIMATED, 1000, 2001},
        {WT_DEVICE_CPU, 0, "", "package-0", 5, 5, WT_SOURCE_NONE, 1000, 2000},
    };
    const struct ledger_hour hours[] = {
        {483565, WT_DEVICE_GPU, 3, 1000.25, 7.5, 400},
        {483566, WT_DEVICE_GPU, 3, 500.25, NAN, NAN},
        {483565, WT_DEVICE_DRAM, 1, NAN, NAN, 400},
    };
    struct ledger_used all = {devices, 3, hours, 3};
    assert_int_equal(ledger_trial_end(ledger, &t, &all, &err), 0);
    ledger_close(ledger);

    ledger = open_ledger(LEDGER_READ_ONLY);
    struct wt_trial *back = trials_of(ledger, "resnet", 1);
    same_trial(back, &t);
    assert_true(back->outcome.ended);
    assert_int_equal(back->part.gpus[0].index, 3);
    assert_string_equal(back->part.gpus[0].name, "Tesla V100");
    assert_int_equal(back->part.gpus[1].index, 1);
    assert_string_equal(back->part.gpus[1].uuid, "GPU-1");
    assert_string_equal(back->part.gpus[1].name, "");
    assert_int_equal(back->profile.points[0].setting.value,
                     250000); /* highest first, whatever the order at booking */
    assert_true(isnan(back->profile.points[0].energy_error_j) &&
                isnan(back->profile.points[0].time_error_s));
    assert_int_equal(back->profile.points[1].steps, 40);
    assert_true(back->profile.points[1].throttled && !back->profile.points[0].throttled);
    assert_true(back->profile.points[1].time_per_step_s == 0.0025 &&
                back->profile.points[1].energy_per_step_j == 0.4375);
    assert_true(back->profile.points[1].energy_error_j == 0.01 &&
                back->profile.points[1].time_error_s == 0.0001);
    free(back);

    assert_rows(path, ROWS_OF_DEVICES, t.identity.id,
                "gpu 3 GPU-3 1500.5 2.0 counter 1000 2000\n"
                "dram 1 NULL 12.0 NULL estimated 1000 2001\n"
                "cpu 0 NULL NULL NULL NULL 1000 2000\n");
    assert_rows(path, ROWS_OF_HOURS, t.identity.id, /* by hour, then by kind */
                "483565 dram 1 NULL NULL 400.0\n"
                "483565 gpu 3 1000.25 7.5 400.0\n"
                "483566 gpu 3 500.25 NULL NULL\n");
    ledger_close(ledger);
}

static void unknown_stays_unknown(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = {.identity.job = "bare",
                         .outcome.time_s = NAN,
                         .part.energy_j = NAN,
                         .part.energy_error_j = INFINITY,
                         .part.sensor_error_fraction = NAN,
                         .part.cpu_energy_j = NAN,
                         .part.dram_energy_j = NAN,
                         .outcome.cost_j = NAN,
                         .outcome.metric = NAN,
                         .outcome.reached = -1,
                         .part.busy_s = NAN,
                         .carbon = {NAN, NAN, "", NAN, NAN, NAN, NAN, ""},
                         .outcome.savings = {{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN}};
    t = begin(ledger, t);
    struct wt_trial *back = trials_of(ledger, "bare", 1);
    assert_false(back->outcome.ended); /* begun and never ended: there, and unknown */
    assert_true(isnan(back->part.energy_j) && isnan(back->outcome.time_s));
    assert_int_equal(back->outcome.exit_code, -1);
    assert_int_equal(back->outcome.reached, -1);
    assert_string_equal(back->identity.phase, "training");
    assert_true(back->identity.started_ms > INT64_C(1700000000000)); /* 0 was given: now */
    free(back);
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
    back = trials_of(ledger, "bare", 1);
    assert_true(back->outcome.ended);
    assert_true(isnan(back->part.energy_j) && isnan(back->part.energy_error_j) &&
                isnan(back->outcome.metric));
    assert_true(isnan(back->part.cpu_energy_j) && isnan(back->part.dram_energy_j) &&
                isnan(back->outcome.cost_j));
    assert_true(isnan(back->outcome.savings.energy_fraction) &&
                isnan(back->outcome.savings.time_fraction_error));
    assert_true(isnan(back->part.busy_s) && isnan(back->carbon.pue) &&
                isnan(back->carbon.operational_g));
    assert_true(isnan(back->carbon.market_g) && isnan(back->carbon.embodied_g));
    assert_string_equal(back->carbon.intensity_source, "");
    assert_string_equal(back->identity.node, "");
    assert_int_equal(back->outcome.setting.value, 0);
    assert_int_equal(back->outcome.batch_size, 0);
    assert_int_equal(back->outcome.reached, -1);
    assert_int_equal(back->part.source, WT_SOURCE_NONE);
    free(back);

    struct wt_job_row *rows = NULL;
    size_t count = 0;
    assert_int_equal(ledger_jobs(ledger, &rows, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_true(isnan(rows[0].energy_j) && isnan(rows[0].time_s) &&
                isnan(rows[0].best_energy_fraction));
    assert_int_equal(rows[0].energy_unknown, 1);
    free(rows);
    ledger_close(ledger);
}

static void numbers_count_up(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = full_trial("a");
    assert_int_equal(begin(ledger, t).identity.recurrence, 1);
    struct wt_trial second = begin(ledger, t);
    assert_int_equal(second.identity.recurrence, 2);
    assert_int_equal(begin(ledger, full_trial("b")).identity.recurrence, 1); /* by job */

    struct wt_trial retry = t; /* the next try of recurrence 1 */
    retry.identity.recurrence = 1;
    retry.identity.try_number = 0;
    assert_int_equal(ledger_trial_begin(ledger, &retry, NULL, NULL, &err), 0);
    struct wt_trial *back = trials_of(ledger, "a", 3);
    assert_int_equal(back[0].identity.try_number, 1);
    assert_int_equal(back[1].identity.recurrence, 1);
    assert_int_equal(back[1].identity.try_number, 2);
    assert_int_equal(back[2].identity.recurrence, 2);
    free(back);

    retry.identity.try_number = 2;
    int64_t id = -5;
    assert_int_equal(ledger_trial_begin(ledger, &retry, &id, NULL, &err), WT_E_BUSY);
    assert_int_equal(id, -5);
    free(trials_of(ledger, "a", 3));
    t = (struct wt_trial){.outcome.reached = -1};
    assert_int_equal(ledger_trial_begin(ledger, &t, NULL, NULL, &err),
                     WT_E_INVALID); /* no job name */
    ledger_close(ledger);
}

static void ends_once(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = begin(ledger, full_trial("once"));
    const struct ledger_device_energy device = {WT_DEVICE_GPU,     0, "u", "n", 1, 1,
                                                WT_SOURCE_COUNTER, 1, 2};
    assert_int_equal(ledger_trial_end(ledger, &t,
                                      &(struct ledger_used){.devices = &device, .device_count = 1},
                                      &err),
                     0);
    t.part.energy_j = 99999;
    assert_int_equal(ledger_trial_end(ledger, &t,
                                      &(struct ledger_used){.devices = &device, .device_count = 1},
                                      &err),
                     WT_E_INVALID);
    assert_non_null(strstr(err.text, "already"));
    struct wt_trial *back = trials_of(ledger, "once", 1);
    assert_true(back->part.energy_j == 2187.5);
    assert_rows(path, ROWS_OF_DEVICES, t.identity.id, "gpu 0 u 1.0 1.0 counter 1 2\n");
    free(back);
    t.identity.id = 4711;
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), WT_E_NOT_FOUND);

    /* All or nothing: a profile that is refused leaves the trial open. */
    t = begin(ledger, full_trial("twice"));
    t.profile.points[1].setting.value = t.profile.points[0].setting.value;
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), WT_E_INVALID);
    back = trials_of(ledger, "twice", 1);
    assert_false(back->outcome.ended);
    assert_int_equal(back->part.gpu_count, 2);
    free(back);
    ledger_close(ledger);
}

static void hostile_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "'; DROP TABLE trials; --",
        "line\nbreak\ttab",
        "<script>alert(1)</script>",
        "\xe2\x80\xae right to left",
        "\xff\xfe",
        "%s%n",
        "caf\xc3\xa9",
        "=1+1",
        ":memory:",
        "a",
        "A",
        "job ",
        " job",
    };
    enum { COUNT = sizeof names / sizeof names[0] };
    struct ledger *ledger = open_ledger(0);
    char longest[WT_JOB_LEN];
    memset(longest, 'x', sizeof longest - 1);
    longest[WT_JOB_LEN - 1] = '\0';
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(begin(ledger, full_trial(names[i])).identity.recurrence, 1);
    begin(ledger, full_trial(longest));
    for (int i = 0; i < COUNT; i++) {
        struct wt_trial *back = trials_of(ledger, names[i], 1);
        assert_string_equal(back->identity.job, names[i]);
        free(back);
    }
    struct wt_job_row *rows = NULL;
    size_t count = 0;
    assert_int_equal(ledger_jobs(ledger, &rows, &count, &err), 0);
    assert_int_equal(count, COUNT + 1);
    assert_string_equal(rows[0].job, longest); /* the last one that began, first */
    assert_string_equal(rows[COUNT].job, names[0]);
    free(rows);

    struct wt_trial *none = NULL;
    assert_int_equal(ledger_job_trials(ledger, "line\nbroken", &none, &count, &err),
                     WT_E_NOT_FOUND);
    assert_null(none);
    assert_null(strchr(err.text, '\n'));
    assert_non_null(
        strstr(err.text, "line\\nbreak\\ttab")); /* similar, and harmless on a terminal */
    ledger_close(ledger);
}

static void job_rows_add_up(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    static const double energies[] = {100, 250, NAN, 50};
    static const double fractions[] = {0.9, 0.7, 0.6, NAN};
    for (int i = 0; i < 4; i++) {
        struct wt_trial t = full_trial("sum");
        t.identity.recurrence = i < 2 ? 1 : (unsigned)i;
        t.identity.try_number = 0;
        t.identity.started_ms += i == 1 ? 1000 : -i;
        snprintf(t.identity.project, sizeof t.identity.project, "p%d", i);
        t = begin(ledger, t);
        t.part.energy_j = energies[i];
        t.outcome.savings.energy_fraction = fractions[i];
        t.outcome.savings.energy_fraction_error = i / 100.0;
        assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
    }
    struct wt_trial killed = full_trial("sum");
    killed.identity.started_ms -= 100;
    begin(ledger, killed);
    struct wt_job_row *row = NULL;
    size_t count = 0;
    assert_int_equal(ledger_jobs(ledger, &row, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(row->recurrences, 4); /* 1 (two tries), 2, 3 and the killed 4 */
    assert_int_equal(row->trials, 5);
    assert_int_equal(row->unended, 1);
    assert_true(row->energy_j == 400);
    assert_int_equal(row->energy_unknown, 2);
    assert_true(row->time_s == 4 * 12.5);
    assert_int_equal(row->last_started_ms, INT64_C(1740830401123));
    assert_string_equal(row->project, "p1");
    assert_true(row->best_energy_fraction == 0.6 && row->best_energy_fraction_error == 0.02);
    free(row);
    ledger_close(ledger);
}

static void profiles_are_for_their_key(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    const struct wt_trial t = full_trial("p");
    struct wt_profile_key key = {"p", 64, "Tesla V100", 2, 100000, 250000};
    struct wt_profile_point points[WT_MAX_LIMITS];
    unsigned count = 7;
    assert_int_equal(ledger_profile_get(ledger, &key, points, WT_MAX_LIMITS, &count, &err), 0);
    assert_int_equal(count, 0);
    int64_t id = begin(ledger, t).identity.id;
    assert_int_equal(ledger_profile_put(ledger, &key, t.profile.points, 2, id, &err), 0);
    assert_int_equal(ledger_profile_get(ledger, &key, points, WT_MAX_LIMITS, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(points[0].setting.value, 250000);
    assert_true(points[1].energy_per_step_j == 0.4375);

    struct wt_profile_key others[6] = {key, key, key, key, key, key};
    others[0].batch_size = 0;
    others[1].gpu_count = 1;
    snprintf(others[2].gpu_model, WT_NAME_LEN, "A40");
    others[3].limit_min_mw = 0;
    others[4].limit_max_mw = 300000;
    snprintf(others[5].job, WT_JOB_LEN, "q");
    for (int i = 0; i < 6; i++) {
        assert_int_equal(
            ledger_profile_get(ledger, &others[i], points, WT_MAX_LIMITS, &count, &err), 0);
        assert_int_equal(count, 0);
    }
    /* Unknown batch sizes are one key, and a newer profile takes the place of the whole older one.
     */
    assert_int_equal(ledger_profile_put(ledger, &others[0], t.profile.points, 2, 0, &err), 0);
    assert_int_equal(ledger_profile_put(ledger, &others[0], t.profile.points + 1, 1, 0, &err), 0);
    assert_int_equal(ledger_profile_get(ledger, &others[0], points, WT_MAX_LIMITS, &count, &err),
                     0);
    assert_int_equal(count, 1);
    assert_int_equal(points[0].setting.value, 250000);
    assert_int_equal(ledger_profile_get(ledger, &key, points, 1, &count, &err), WT_E_RANGE);
    assert_int_equal(ledger_profile_get(ledger, &key, points, 2, &count, &err), 0);
    assert_int_equal(count, 2);

    /* All of a job, the one stored last last. */
    struct ledger_profile *all = NULL;
    size_t n = 0;
    assert_int_equal(ledger_profiles(ledger, "p", &all, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_memory_equal(&all[0].key, &key, sizeof key);
    assert_true(all[0].count == 2 && all[0].points[0].setting.value == 250000 &&
                all[0].points[1].throttled);
    assert_true(all[1].key.batch_size == 0 && all[1].count == 1 &&
                all[1].points[0].setting.value == 250000);
    free(all);
    assert_int_equal(ledger_profiles(ledger, "nobody", &all, &n, &err), 0);
    assert_int_equal(n, 0);
    free(all);

    assert_int_equal(ledger_profile_put(ledger, &key, t.profile.points, 0, 0, &err), WT_E_INVALID);
    assert_int_equal(ledger_profile_put(ledger, &key, t.profile.points, 1, 12345, &err),
                     WT_E_INVALID); /* no such trial */
    assert_int_equal(ledger_profile_get(ledger, &key, points, 2, &count, &err), 0);
    assert_int_equal(count, 2); /* the refused one dropped nothing */
    ledger_close(ledger);
}

static void all_profiles_of_a_job(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    const struct wt_trial t = full_trial("p");
    const struct wt_profile_key first = {"p", 64, "Tesla V100", 2, 100000, 250000},
                                second = {"p", 0, "A40", 1, 0, 0},
                                other = {"q", 64, "Tesla V100", 2, 100000, 250000};
    struct ledger_profile *profiles = NULL;
    size_t count = 7;
    assert_int_equal(ledger_profiles(ledger, "p", &profiles, &count, &err), 0); /* no such job */
    assert_int_equal(count, 0);
    assert_int_equal(ledger_profile_put(ledger, &first, t.profile.points, 2, 0, &err), 0);
    assert_int_equal(ledger_profile_put(ledger, &second, t.profile.points, 1, 0, &err), 0);
    assert_int_equal(ledger_profile_put(ledger, &other, t.profile.points, 2, 0, &err), 0);
    assert_int_equal(ledger_profiles(ledger, "p", &profiles, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(profiles[0].key.job, "p");
    assert_string_equal(profiles[0].key.gpu_model, "Tesla V100");
    assert_int_equal(profiles[0].key.batch_size, 64);
    assert_int_equal(profiles[0].key.gpu_count, 2);
    assert_int_equal(profiles[0].key.limit_min_mw, 100000);
    assert_int_equal(profiles[0].key.limit_max_mw, 250000);
    assert_int_equal(profiles[0].count, 2);
    assert_int_equal(profiles[0].points[0].setting.value, 250000); /* highest first */
    assert_true(profiles[0].points[1].energy_per_step_j == 0.4375 &&
                profiles[0].points[1].throttled);
    assert_string_equal(profiles[1].key.gpu_model, "A40");
    assert_int_equal(profiles[1].key.batch_size, 0);
    assert_int_equal(profiles[1].key.limit_max_mw, 0);
    assert_int_equal(profiles[1].count, 1);
    free(profiles);

    /* One that is stored anew is the last. */
    usleep(3000);
    assert_int_equal(ledger_profile_put(ledger, &first, t.profile.points, 1, 0, &err), 0);
    assert_int_equal(ledger_profiles(ledger, "p", &profiles, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(profiles[1].key.gpu_model, "Tesla V100");
    assert_int_equal(profiles[1].count, 1);
    free(profiles);
    ledger_close(ledger);
}

/* --- Many bookings as one --- */

static size_t count_of(struct ledger *ledger, const char *job)
{
    struct wt_trial *trials = NULL;
    size_t count = 0;
    int rc = ledger_job_trials(ledger, job, &trials, &count, &err);
    assert_true(rc == 0 || rc == WT_E_NOT_FOUND);
    free(trials);
    return count;
}

static void many_bookings_are_one(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0), *other = open_ledger(LEDGER_SHORT_WAIT);
    struct wt_trial t = full_trial("kept"), lost = full_trial("lost"),
                    beside = full_trial("beside");
    bool empty = false;
    t.identity.try_number = lost.identity.try_number = 0;
    assert_int_equal(ledger_is_empty(ledger, &empty, &err), 0);
    assert_true(empty);
    assert_int_equal(ledger_bulk_begin(ledger, &err), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, NULL, &err), 0);
        assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
    }
    assert_int_equal(count_of(other, "kept"),
                     0); /* nobody sees a part of it, and nobody comes between */
    assert_int_equal(ledger_trial_begin(other, &beside, NULL, NULL, &err), WT_E_LEDGER);
    assert_int_equal(ledger_bulk_end(ledger, true, &err), 0);
    assert_int_equal(count_of(other, "kept"), 3);
    assert_int_equal(ledger_is_empty(other, &empty, &err), 0);
    assert_false(empty);

    assert_int_equal(ledger_bulk_begin(ledger, &err), 0);
    assert_int_equal(ledger_trial_begin(ledger, &lost, NULL, NULL, &err), 0);
    assert_int_equal(ledger_bulk_end(ledger, false, &err), 0); /* not wanted after all */
    assert_int_equal(count_of(ledger, "lost"), 0);

    /* One that fails takes those before and after it with it. */
    assert_int_equal(ledger_bulk_begin(ledger, &err), 0);
    assert_int_equal(ledger_trial_begin(ledger, &lost, NULL, NULL, &err), 0);
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err),
                     WT_E_INVALID); /* it has ended already */
    assert_int_equal(ledger_trial_begin(ledger, &lost, NULL, NULL, &err), WT_E_INVALID);
    assert_int_equal(ledger_bulk_end(ledger, true, &err), WT_E_INVALID);
    assert_int_equal(count_of(ledger, "lost"), 0);
    assert_int_equal(ledger_trial_begin(ledger, &lost, NULL, NULL, &err),
                     0); /* from here on as ever */
    assert_int_equal(count_of(other, "lost"), 1);
    ledger_close(other);
    ledger_close(ledger);
}

/* --- One by one --- */

struct taken {
    unsigned count, recurrences[16], stop_at;
    struct wt_trial last;
};

static int take(void *ctx, const struct wt_trial *trial, struct wt_error *error)
{
    struct taken *taken = ctx;
    taken->recurrences[taken->count++] = trial->identity.recurrence;
    taken->last = *trial;
    return taken->count == taken->stop_at ? error_set(error, WT_E_BUSY, "enough") : 0;
}

static struct taken taken_of(struct ledger *ledger, struct ledger_trials which, int expected)
{
    struct taken taken = {0};
    int rc = ledger_each_trial(ledger, "job", &which, take, &taken, &err);
    if (rc != expected)
        fail_msg("%d: %s", rc, err.text);
    return taken;
}

static void trials_one_by_one(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    static const unsigned recurrences[] = {1, 2, 2, 5, 7}; /* with gaps and a second try */
    struct wt_trial last;
    for (unsigned i = 0; i < 5; i++) {
        last = full_trial("job");
        last.identity.recurrence = recurrences[i];
        last.identity.try_number = 0;
        last = begin(ledger, last);
        assert_int_equal(ledger_trial_end(ledger, &last, NULL, &err), 0);
    }
    begin(ledger, full_trial("other"));
    struct taken t = taken_of(ledger, (struct ledger_trials){.parts = LEDGER_TRIAL_ALL}, 0);
    assert_int_equal(t.count, 5);
    assert_memory_equal(t.recurrences, recurrences, sizeof recurrences);
    assert_string_equal(t.last.identity.job, "job");
    assert_true(t.last.part.gpu_count == 2 && t.last.profile.count == 2 &&
                t.last.carbon.pue == 1.1);
    t = taken_of(ledger, (struct ledger_trials){.last = 3}, 0);
    assert_true(t.count == 4 && t.recurrences[0] == 2 && t.recurrences[3] == 7);
    t = taken_of(ledger, (struct ledger_trials){.last = 1, .latest_first = true}, 0);
    assert_true(t.count == 1 && t.recurrences[0] == 7);
    t = taken_of(ledger, (struct ledger_trials){.last = 99, .latest_first = true}, 0);
    assert_true(t.count == 5 && t.recurrences[0] == 7 && t.recurrences[4] == 1);
    assert_int_equal(t.last.identity.try_number, 1);
    struct taken stopped = {.stop_at = 2};
    assert_int_equal(
        ledger_each_trial(ledger, "job", &(struct ledger_trials){0}, take, &stopped, &err),
        WT_E_BUSY);
    assert_int_equal(stopped.count, 2);
    assert_int_equal(ledger_each_trial(ledger, "jo", &(struct ledger_trials){0}, take, &t, &err),
                     WT_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "similar: job"));
    assert_int_equal(ledger_forget(ledger, "boj", LEDGER_WHOLE_JOB, &err), WT_E_NOT_FOUND);
    assert_string_equal(err.text, "there is no job boj in the ledger; did you mean job? "
                                  "(`wattune jobs` lists them)");
    assert_int_equal(ledger_forget(ledger, "xyz", LEDGER_WHOLE_JOB, &err), WT_E_NOT_FOUND);
    assert_string_equal(err.text, "there is no job xyz in the ledger (`wattune jobs` lists them)");
    ledger_close(ledger);
}

/* A part that nobody asked for is unknown, never 0. */
static void only_the_parts_asked_for(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial trial = begin(ledger, full_trial("job"));
    assert_int_equal(ledger_trial_end(ledger, &trial, NULL, &err), 0);
    struct wt_trial t = taken_of(ledger, (struct ledger_trials){0}, 0).last;
    assert_true(t.outcome.time_s == 12.5 && t.outcome.savings.energy_fraction == 0.82);
    assert_string_equal(t.identity.node, "node-7");
    assert_true(isnan(t.part.energy_j) && isnan(t.part.busy_s) && isnan(t.carbon.pue) &&
                isnan(t.carbon.operational_g));
    assert_true(t.part.gpu_count == 0 && t.profile.count == 0 && !t.carbon.location[0] &&
                t.part.source == WT_SOURCE_NONE);
    t = taken_of(ledger, (struct ledger_trials){.parts = LEDGER_TRIAL_PART}, 0).last;
    assert_true(t.part.energy_j == 2187.5 && t.part.busy_s == 20.25 && t.part.gpu_count == 2 &&
                t.part.source == WT_SOURCE_INTEGRATED);
    assert_true(isnan(t.carbon.pue) && !t.carbon.pue_source[0] && t.profile.count == 0);
    t = taken_of(ledger, (struct ledger_trials){.parts = LEDGER_TRIAL_CARBON}, 0).last;
    assert_true(t.carbon.market_g == 12.25 && t.carbon.lifetime_years == 4);
    assert_true(isnan(t.part.energy_j) && t.part.gpu_count == 0);
    t = taken_of(ledger, (struct ledger_trials){.parts = LEDGER_TRIAL_PROFILE}, 0).last;
    assert_true(t.profile.count == 2 && isnan(t.carbon.pue) && isnan(t.part.energy_j));
    ledger_close(ledger);
}

/* Clocks stand beside power limits: two points with the same number are two settings. */
static void settings_have_a_knob(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial trial = full_trial("job");
    trial.outcome.setting = (struct wt_setting){WT_KNOB_SM_CLOCK_MAX, 1410};
    trial.outcome.savings.baseline = (struct wt_setting){WT_KNOB_SM_CLOCK_MAX, 1980};
    trial.profile.points[1].setting = (struct wt_setting){WT_KNOB_SM_CLOCK_MAX, 175000};
    trial = begin(ledger, trial);
    assert_int_equal(ledger_trial_end(ledger, &trial, NULL, &err), 0);
    struct wt_trial *trials = trials_of(ledger, "job", 1);
    assert_true(trials[0].outcome.setting.knob == WT_KNOB_SM_CLOCK_MAX &&
                trials[0].outcome.setting.value == 1410);
    assert_true(trials[0].outcome.savings.baseline.knob == WT_KNOB_SM_CLOCK_MAX &&
                trials[0].outcome.savings.baseline.value == 1980);
    assert_true(trials[0].profile.count == 2 &&
                trials[0].profile.points[0].setting.knob == WT_KNOB_POWER_LIMIT &&
                trials[0].profile.points[1].setting.knob == WT_KNOB_SM_CLOCK_MAX);
    free(trials);
    trial.profile.points[1].setting = trial.profile.points[0].setting;
    assert_int_equal(ledger_trial_begin(ledger, &trial, NULL, NULL, &err), WT_E_INVALID);
    ledger_close(ledger);
}

/* Factors that are unknown, in whichever way, are one row. */
static void unknown_factors_are_kept_once(void **state)
{
    (void)state;
    static const double years[] = {NAN, 0, -1, INFINITY, NAN};
    struct ledger *ledger = open_ledger(0);
    for (unsigned i = 0; i < 5; i++) {
        struct wt_trial trial = full_trial("job");
        trial.carbon.lifetime_years = years[i];
        trial.carbon.pue = NAN;
        trial = begin(ledger, trial);
        if (ledger_trial_end(ledger, &trial, NULL, &err))
            fail_msg("%s", err.text);
    }
    struct wt_trial *trials = trials_of(ledger, "job", 5);
    for (unsigned i = 0; i < 5; i++)
        assert_true(trials[i].carbon.lifetime_years == 0 && isnan(trials[i].carbon.pue));
    free(trials);
    ledger_close(ledger);
}

int main(void)
{
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(all_comes_back),
        WITH_FOLDER(unknown_stays_unknown),
        WITH_FOLDER(numbers_count_up),
        WITH_FOLDER(ends_once),
        WITH_FOLDER(hostile_names),
        WITH_FOLDER(job_rows_add_up),
        WITH_FOLDER(profiles_are_for_their_key),
        WITH_FOLDER(all_profiles_of_a_job),
        WITH_FOLDER(many_bookings_are_one),
        WITH_FOLDER(trials_one_by_one),
        WITH_FOLDER(only_the_parts_asked_for),
        WITH_FOLDER(settings_have_a_knob),
        WITH_FOLDER(unknown_factors_are_kept_once),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
