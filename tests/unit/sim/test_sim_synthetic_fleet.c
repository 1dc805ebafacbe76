/* SPDX-License-Identifier: Apache-2.0
 *
 * sim: a fleet that never was.  Events that must not happen in one (a GPU with two runs, energy
 * that is in no hour), and its likeness to the options.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "sim/synthetic_fleet.h"

#define JAN_1_2025 INT64_C(1735689600000) /* a Wednesday */
static const double HOUR_MS = 3600e3;

static struct synthetic_fleet_options usual(void)
{
    return (struct synthetic_fleet_options){
        .seed = 7,
        .gpus = 30,
        .users = 9,
        .runs = 4000,
        .start_ms = JAN_1_2025,
        .load = 0.7,
        .model_count = 2,
        .models = {synthetic_fleet_model_find("v100"), synthetic_fleet_model_find("h100")},
        .shares = {10, 20, 70},
        .sim = {.policy = "zeus", .eta = 0.5, .beta = 2}};
}

static struct synthetic_fleet *make(const struct synthetic_fleet_options *options)
{
    struct wt_error err;
    struct synthetic_fleet *fleet = NULL;
    if (synthetic_fleet_new(options, &fleet, &err))
        fail_msg("%s", err.text);
    return fleet;
}

static bool next(struct synthetic_fleet *fleet, struct synthetic_fleet_run *run)
{
    struct wt_error err;
    int rc = synthetic_fleet_next(fleet, run, &err);
    if (rc < 0)
        fail_msg("%s", err.text);
    return rc > 0;
}

static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static bool is(const struct synthetic_fleet_run *run, const char *phase)
{
    return strcmp(run->trial.identity.phase, phase) == 0;
}

/* --- Events that must not happen --- */

/* Where in `busy` the GPU is; its name is new when it is at the end. */
static size_t find(char (*names)[WT_UUID_LEN], size_t count, const char *uuid)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], uuid) != 0)
        i++;
    return i;
}

static void test_a_gpu_has_one_run_at_a_time(void **state)
{
    (void)state;
    static char names[64][WT_UUID_LEN], nodes[64][WT_USER_LEN];
    static int64_t free_ms[64];
    static struct synthetic_fleet_run run;
    struct synthetic_fleet_options options = usual();
    size_t count = 0, several = 0;
    int64_t last_ms = 0;
    struct synthetic_fleet *fleet = make(&options);
    while (next(fleet, &run)) {
        const struct wt_trial *trial = &run.trial;
        assert_true(trial->identity.started_ms >= last_ms); /* in the order in which they begin */
        last_ms = trial->identity.started_ms;
        several += trial->part.gpu_count > 1;
        for (unsigned i = 0; i < trial->part.gpu_count; i++) {
            size_t gpu = find(names, count, trial->part.gpus[i].uuid);
            assert_true(gpu < 30 && trial->part.gpus[i].index < run.node_gpus);
            if (gpu == count) {
                snprintf(names[count], sizeof names[0], "%s", trial->part.gpus[i].uuid);
                snprintf(nodes[count++], sizeof nodes[0], "%s", trial->identity.node);
            }
            assert_string_equal(nodes[gpu], trial->identity.node);
            if (!trial->outcome.not_started) {
                assert_true(trial->identity.started_ms >= free_ms[gpu]);
                free_ms[gpu] = trial->identity.started_ms + (int64_t)(run.reserved_s * 1e3);
            }
        }
    }
    assert_int_equal(count, 30); /* all are used */
    assert_true(several > 100);
    synthetic_fleet_free(fleet);
}

static void test_hours_add_up_to_the_run(void **state)
{
    (void)state;
    static struct synthetic_fleet_hour hours[4096];
    static struct synthetic_fleet_run run;
    struct synthetic_fleet_options options = usual();
    unsigned over_midnight = 0, unknown = 0, processors = 0;
    struct synthetic_fleet *fleet = make(&options);
    while (next(fleet, &run)) {
        const struct wt_trial *trial = &run.trial;
        double energy_j[SYNTHETIC_NODE_GPUS + 1] = {0}, gpu_j = 0, busy_s = 0;
        size_t count = synthetic_fleet_run_hours(&run, hours, 4096);
        assert_true(count <= 4096);
        if (!trial->outcome.ended || trial->outcome.not_started) {
            assert_int_equal(count, 0);
            continue;
        }
        int64_t first = trial->identity.started_ms / 3600000;
        int64_t last = (int64_t)ceil((double)trial->identity.started_ms / HOUR_MS +
                                     trial->outcome.time_s / 3600 - 1e-9) -
                       1;
        for (size_t i = 0; i < count; i++) {
            assert_true(hours[i].hour >= first && hours[i].hour <= last + 1 &&
                        hours[i].position <= trial->part.gpu_count);
            assert_true(hours[i].position == trial->part.gpu_count || hours[i].busy_s <= 3600);
            energy_j[hours[i].position] += hours[i].energy_j;
            if (hours[i].position < trial->part.gpu_count)
                busy_s += hours[i].busy_s;
        }
        for (unsigned i = 0; i < trial->part.gpu_count; i++) {
            gpu_j += energy_j[i];
            assert_true(isnan(run.energy_j[i])
                            ? isnan(energy_j[i])
                            : fabs(energy_j[i] - run.energy_j[i]) <= 1e-9 * run.energy_j[i]);
        }
        if (trial->part.gpu_count)
            assert_true(fabs(busy_s - trial->part.busy_s) <= 1e-9 * trial->part.busy_s &&
                        trial->part.busy_s <= trial->outcome.time_s * trial->part.gpu_count);
        if (isfinite(trial->part.energy_j))
            assert_true(fabs(gpu_j - trial->part.energy_j) <= 1e-9 * trial->part.energy_j);
        if (isfinite(run.cpu_j)) {
            assert_true(fabs(energy_j[trial->part.gpu_count] - trial->part.cpu_energy_j) <=
                        1e-9 * run.cpu_j);
            processors++;
        }
        over_midnight += first / 24 != last / 24;
        unknown += trial->part.gpu_count && isnan(gpu_j);
    }
    assert_true(over_midnight > 100 && unknown > 20 && processors > 100);
    synthetic_fleet_free(fleet);
}

struct seen {
    int64_t until_ms;
    double idle_s, idle_j, used_j, run_j, idle_w;
};

static void see(struct seen *seen, const struct synthetic_fleet_use *use)
{
    static struct wt_stretch stretches[20000];
    size_t count = synthetic_fleet_use_stretches(use, stretches, 20000);
    assert_true(count <= 20000);
    for (size_t i = 0; i < count; i++) {
        const struct wt_stretch *s = &stretches[i];
        assert_int_equal(s->begin_ms, seen->until_ms); /* they join */
        assert_true(s->end_ms > s->begin_ms &&
                    s->begin_ms / 3600000 == (s->end_ms - 1) / 3600000); /* within one hour */
        assert_string_equal(s->uuid, use->uuid);
        assert_true(s->in_use == 1 || s->busy_s == 0);
        seen->until_ms = s->end_ms;
        seen->idle_s += s->in_use ? 0 : (double)(s->end_ms - s->begin_ms) / 1e3;
        *(s->in_use ? &seen->used_j : &seen->idle_j) += s->energy_j;
    }
    seen->idle_w = use->idle_w;
}

/* A watcher of a GPU sees all of its time, its idle power while it is unused, and a little more
 * than its runs tell while it is in use. */
static void test_whole_gpus_are_seen(void **state)
{
    (void)state;
    static struct seen all[30];
    static struct synthetic_fleet_run run;
    struct synthetic_fleet_use use;
    struct synthetic_fleet_options options = usual();
    double killed_h = 0;
    options.runs = 0;
    options.days = 40;
    for (unsigned i = 0; i < 30; i++)
        all[i].until_ms = JAN_1_2025;
    struct synthetic_fleet *fleet = make(&options);
    while (next(fleet, &run)) {
        for (unsigned i = 0; i < run.use_count; i++) {
            unsigned gpu =
                (unsigned)atoi(run.uses[i].node + strlen("sim-node-")) * 8 - 8 + run.uses[i].index;
            see(&all[gpu], &run.uses[i]);
            assert_int_equal(all[gpu].until_ms,
                             run.trial.identity.started_ms + (int64_t)ceil(run.reserved_s * 1e3));
            all[gpu].run_j += isfinite(run.energy_j[i]) ? run.energy_j[i] : 0;
        }
        killed_h += run.trial.outcome.ended ? 0 : run.reserved_s / 3600;
    }
    assert_true(killed_h > 0);
    while (synthetic_fleet_next_idle(fleet, &use))
        see(&all[(unsigned)atoi(use.node + strlen("sim-node-")) * 8 - 8 + use.index], &use);
    assert_int_equal(synthetic_fleet_next_idle(fleet, &use), 0);
    synthetic_fleet_free(fleet);
    double used_j = 0, run_j = 0;
    for (unsigned i = 0; i < 30; i++) {
        assert_true(all[i].until_ms >= JAN_1_2025 + (int64_t)(40 * 24 * HOUR_MS) &&
                    all[i].idle_s > 0);
        assert_true(fabs(all[i].idle_j - all[i].idle_s * all[i].idle_w) < 1e-6 * all[i].idle_j);
        assert_true(all[i].idle_w == (i / 8 % 2 ? 70 : 38));
        used_j += all[i].used_j;
        run_j += all[i].run_j;
    }
    assert_true(used_j > 1.006 * run_j && used_j < 1.1 * run_j);
}

/* Half an hour of one day and an hour of the next, in the night in which clocks in Berlin go
 * forward. */
static void test_hours_are_those_of_utc(void **state)
{
    (void)state;
    static struct synthetic_fleet_run run = {
        .trial = {.outcome.ended = true,
                  .part.gpu_count = 1,
                  .identity.started_ms = INT64_C(1743291000000), /* 2025-03-29T23:30Z */
                  .outcome.time_s = 5400,
                  .part.busy_s = 2700},
        .energy_j = {9000},
        .cpu_j = NAN};
    struct synthetic_fleet_hour hours[8];
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    assert_int_equal(synthetic_fleet_run_hours(&run, hours, 8), 2);
    assert_int_equal(hours[0].hour, 484247); /* 23 o'clock */
    assert_int_equal(hours[1].hour, 484248);
    assert_true(fabs(hours[0].energy_j - 3000) < 1e-6 && fabs(hours[1].energy_j - 6000) < 1e-6);
    assert_true(fabs(hours[0].busy_s - 900) < 1e-6 && fabs(hours[1].busy_s - 1800) < 1e-6);
    assert_int_equal(synthetic_fleet_run_hours(&run, hours, 1), 2); /* how many there would be */
    unsetenv("TZ");
    tzset();
}

static void test_a_seed_means_one_fleet(void **state)
{
    (void)state;
    static struct synthetic_fleet_run a, b;
    struct synthetic_fleet_options options = usual();
    struct synthetic_fleet *first = make(&options), *second = make(&options);
    options.seed++;
    struct synthetic_fleet *other = make(&options);
    unsigned different = 0;
    for (unsigned i = 0; i < 1500; i++) {
        assert_true(next(first, &a) && next(second, &b));
        assert_string_equal(a.trial.identity.job, b.trial.identity.job);
        assert_string_equal(a.trial.identity.user, b.trial.identity.user);
        assert_int_equal(a.trial.identity.started_ms, b.trial.identity.started_ms);
        assert_int_equal(a.trial.outcome.setting.value, b.trial.outcome.setting.value);
        assert_int_equal(a.trial.outcome.exit_code, b.trial.outcome.exit_code);
        assert_true(same(a.trial.outcome.time_s, b.trial.outcome.time_s) &&
                    same(a.trial.part.energy_j, b.trial.part.energy_j) && same(a.cpu_j, b.cpu_j));
        if (a.trial.part.gpu_count)
            assert_string_equal(a.trial.part.gpus[0].uuid, b.trial.part.gpus[0].uuid);
        assert_true(next(other, &b));
        different += a.trial.identity.started_ms != b.trial.identity.started_ms;
    }
    assert_true(different > 1400);
    synthetic_fleet_free(first);
    synthetic_fleet_free(second);
    synthetic_fleet_free(other);
}

/* --- Likeness to the options --- */

struct sums {
    double gpu_h[4], all_gpu_h;
    unsigned runs, ended, failed, interrupted, killed, unknown, training_try;
    int64_t last_ms;
};
static const char *const phases[] = {"experimentation", "training", "inference", "data"};

static struct sums sum_up(const struct synthetic_fleet_options *options)
{
    static struct synthetic_fleet_run run;
    struct sums sums = {0};
    struct synthetic_fleet *fleet = make(options);
    while (next(fleet, &run)) {
        double gpu_h = run.reserved_s / 3600 * run.trial.part.gpu_count;
        for (unsigned i = 0; i < 4; i++)
            sums.gpu_h[i] += is(&run, phases[i]) ? gpu_h : 0;
        sums.all_gpu_h += gpu_h;
        sums.runs++;
        sums.ended += run.trial.outcome.ended;
        sums.killed += !run.trial.outcome.ended;
        sums.failed += run.trial.outcome.ended && run.trial.outcome.exit_code == 1;
        sums.interrupted += run.trial.outcome.ended && run.trial.outcome.exit_code == 130;
        sums.unknown +=
            run.trial.outcome.ended && run.trial.part.gpu_count && isnan(run.trial.part.energy_j);
        sums.last_ms = run.trial.identity.started_ms;
    }
    synthetic_fleet_free(fleet);
    return sums;
}

static void test_phases_have_their_shares(void **state)
{
    (void)state;
    struct synthetic_fleet_options options = usual();
    options.gpus = 64;
    options.runs = 20000;
    struct sums sums = sum_up(&options);
    assert_int_equal(sums.runs, 20000);
    assert_true(fabs(sums.gpu_h[0] / sums.all_gpu_h - 0.1) < 0.015);
    assert_true(fabs(sums.gpu_h[1] / sums.all_gpu_h - 0.2) < 0.03);
    assert_true(fabs(sums.gpu_h[2] / sums.all_gpu_h - 0.7) < 0.03);
    double share = 1.0 / sums.runs;
    assert_true(fabs(sums.failed * share - 0.05) < 0.006 &&
                fabs(sums.interrupted * share - 0.03) < 0.005);
    assert_true(fabs(sums.killed * share - 0.01) < 0.003);
    options.shares[0] = options.shares[1] = 3;
    options.shares[2] = 0;
    sums = sum_up(&options);
    assert_true(sums.gpu_h[2] == 0 && fabs(sums.gpu_h[0] / sums.all_gpu_h - 0.5) < 0.03);
}

static void test_days_and_load(void **state)
{
    (void)state;
    struct synthetic_fleet_options options = usual();
    options.gpus = 64;
    options.runs = 0;
    options.days = 60;
    for (unsigned i = 0; i < 2; i++) {
        options.load = i ? 0.6 : 0.3;
        struct sums sums = sum_up(&options);
        assert_true(sums.last_ms < JAN_1_2025 + (int64_t)(60 * 24 * HOUR_MS));
        assert_true(sums.last_ms > JAN_1_2025 + (int64_t)(59 * 24 * HOUR_MS));
        assert_true(fabs(sums.all_gpu_h / (60.0 * 24 * options.gpus) - options.load) <
                    0.15 * options.load);
    }
}

/* Few GPUs are wanted, so that runs begin when they are submitted. */
static void test_people_work_by_day_and_in_the_week(void **state)
{
    (void)state;
    static struct synthetic_fleet_run run;
    struct synthetic_fleet_options options = usual();
    unsigned by_hour[24] = {0}, by_day[7] = {0}, nights = 0, training = 0;
    options.load = 0.2;
    options.runs = 0;
    options.days = 28;
    options.gpus = 400;
    struct synthetic_fleet *fleet = make(&options);
    while (next(fleet, &run)) {
        time_t at = (time_t)(run.trial.identity.started_ms / 1000);
        struct tm tm;
        gmtime_r(&at, &tm);
        if (is(&run, "experimentation")) {
            by_hour[tm.tm_hour]++;
            by_day[tm.tm_wday]++;
        } else if (is(&run, "training") && run.trial.identity.try_number == 1) {
            nights += tm.tm_hour < 5;
            training++;
        }
    }
    assert_true(by_hour[11] + by_hour[14] > 4 * (by_hour[1] + by_hour[3]));
    assert_true(by_day[3] + by_day[4] > 2 * (by_day[0] + by_day[6]) && by_day[0] + by_day[6] > 0);
    assert_true(nights > training * 3 / 10); /* of 5 hours in 24, at 1.84 times the mean: 38 % */
    synthetic_fleet_free(fleet);
}

/* The first run of a batch size profiles it, later ones save as its profile predicts. */
static void test_jobs_learn(void **state)
{
    (void)state;
    enum { JOBS = 4096 };
    static struct {
        double first_j, last_j;
        unsigned recurrences;
    } jobs[JOBS];
    static struct {
        char job[WT_JOB_LEN];
        uint32_t size;
        struct synthetic_fleet_run profile;
    } profiled[600];
    static struct synthetic_fleet_run run;
    struct synthetic_fleet_options options = usual();
    options.runs = 12000;
    unsigned profiles = 0, compared = 0;
    struct synthetic_fleet *fleet = make(&options);
    while (next(fleet, &run)) {
        const struct wt_trial *trial = &run.trial;
        unsigned job = (unsigned)atoi(strrchr(trial->identity.job, '-') + 1);
        assert_true(job < JOBS);
        if (run.keeps_profile && is(&run, "training") && profiles < 600) {
            snprintf(profiled[profiles].job, WT_JOB_LEN, "%s", trial->identity.job);
            profiled[profiles].size = trial->outcome.batch_size;
            profiled[profiles++].profile = run;
            assert_string_equal(run.key.job, trial->identity.job);
            assert_int_equal(run.key.limit_max_mw, trial->profile.points[0].setting.value);
            assert_int_equal(run.key.limit_min_mw,
                             trial->profile.points[trial->profile.count - 1].setting.value);
        }
        if (!is(&run, "training") || !isfinite(trial->outcome.savings.energy_fraction) ||
            run.keeps_profile)
            continue;
        for (unsigned i = 0; i < profiles; i++) {
            const struct wt_trial *first = &profiled[i].profile.trial;
            if (strcmp(profiled[i].job, trial->identity.job) != 0 ||
                profiled[i].size != trial->outcome.batch_size)
                continue;
            unsigned at = 0;
            while (at < first->profile.count &&
                   first->profile.points[at].setting.value != trial->outcome.setting.value)
                at++;
            assert_true(at < first->profile.count);
            double fraction = first->profile.points[at].energy_per_step_j /
                              first->profile.points[0].energy_per_step_j;
            assert_true(fabs(trial->outcome.savings.energy_fraction - fraction) < 1e-9 &&
                        fraction <= 1.0 + 1e-9);
            compared++;
        }
        if (trial->outcome.reached == 1 && trial->outcome.exit_code == 0 &&
            isfinite(trial->outcome.cost_j)) {
            jobs[job].recurrences++;
            if (jobs[job].recurrences <= 5)
                jobs[job].first_j += trial->outcome.cost_j;
            if (jobs[job].recurrences > 15 && jobs[job].recurrences <= 20)
                jobs[job].last_j += trial->outcome.cost_j;
        }
    }
    synthetic_fleet_free(fleet);
    assert_true(profiles > 100 && compared > 500);
    double ratio = 0;
    unsigned counted = 0;
    for (unsigned i = 0; i < JOBS; i++)
        if (jobs[i].recurrences >= 20) {
            ratio += jobs[i].last_j / jobs[i].first_j;
            counted++;
        }
    assert_true(counted >= 20 && ratio / counted < 0.95);
}

static void test_runs_are_of_a_trace(void **state)
{
    (void)state;
    static unsigned epochs[] = {4, 6, 3, 3};
    static struct sim_trace trace = {.job = "toys/net/sgd",
                                     .target = 0.5,
                                     .limit_most_mw = 200000,
                                     .size_count = 2,
                                     .limit_count = 2,
                                     .limits_mw = {200000, 100000}};
    static struct synthetic_fleet_run run;
    trace.sizes[0] =
        (struct sim_size){16, 2, 2, {{200000, 600, 108000}, {100000, 900, 90000}}, epochs};
    trace.sizes[1] =
        (struct sim_size){32, 2, 2, {{200000, 400, 76000}, {100000, 600, 58800}}, epochs + 2};
    struct synthetic_fleet_options options = usual();
    options.model_count = 1;
    options.trace = &trace;
    options.sim.max_epochs = 20;
    options.sim.default_size = 16;
    options.sim.recurrences = 12;
    unsigned whole = 0, sixteen = 0;
    struct synthetic_fleet *fleet = make(&options);
    while (next(fleet, &run)) {
        const struct wt_trial *trial = &run.trial;
        if (!is(&run, "training"))
            continue;
        assert_true(trial->part.gpu_count == 1 &&
                    trial->identity.recurrence <= 12 + 8); /* those that failed are done again */
        if (trial->outcome.exit_code || !trial->outcome.ended || run.keeps_profile ||
            isnan(trial->part.energy_j) || !trial->outcome.epochs)
            continue;
        assert_int_equal(trial->part.source, WT_SOURCE_REPLAYED);
        const struct sim_size *size = &trace.sizes[trial->outcome.batch_size == 32];
        const struct sim_point *point = &size->points[trial->outcome.setting.value == 100000];
        assert_true(fabs(trial->part.energy_j -
                         point->epoch_energy_j * (double)trial->outcome.epochs) < 1e-6);
        assert_true(fabs(trial->outcome.time_s -
                         point->epoch_time_s * (double)trial->outcome.epochs) < 1e-6);
        whole++;
        sixteen += trial->outcome.batch_size == 16;
    }
    synthetic_fleet_free(fleet);
    assert_true(whole > 100 && sixteen > 0 && sixteen < whole);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static struct sim_trace trace;
    struct synthetic_fleet *fleet = NULL;
    struct wt_error err;
    struct synthetic_fleet_options bad[9];
    for (unsigned i = 0; i < 9; i++)
        bad[i] = usual();
    bad[0].gpus = 0;
    bad[1].users = SYNTHETIC_USERS_MOST + 1;
    bad[2].runs = 0; /* and no days */
    bad[3].load = 1.01;
    bad[4].shares[1] = -1;
    bad[5].shares[0] = bad[5].shares[1] = bad[5].shares[2] = 0;
    bad[6].model_count = 0;
    bad[7].load = NAN;
    bad[8].trace = &trace; /* of two models */
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(synthetic_fleet_new(&bad[i], &fleet, &err),
                         i == 8 ? WT_E_INVALID : WT_E_RANGE);
        assert_null(fleet);
    }
    assert_null(synthetic_fleet_model_find("k80"));
    assert_null(synthetic_fleet_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_gpu_has_one_run_at_a_time),
        cmocka_unit_test(test_hours_add_up_to_the_run),
        cmocka_unit_test(test_whole_gpus_are_seen),
        cmocka_unit_test(test_hours_are_those_of_utc),
        cmocka_unit_test(test_a_seed_means_one_fleet),
        cmocka_unit_test(test_phases_have_their_shares),
        cmocka_unit_test(test_days_and_load),
        cmocka_unit_test(test_people_work_by_day_and_in_the_week),
        cmocka_unit_test(test_jobs_learn),
        cmocka_unit_test(test_runs_are_of_a_trace),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
