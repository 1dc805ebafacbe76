/* SPDX-License-Identifier: Apache-2.0
 *
 * Slices and the tuner over a world of the test's own: a training whose steps and power follow the
 * limit by a formula, a clock that moves when the test says so, and a live meter that knows the
 * energy exactly.  The profile must have the formula's numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "tune/live/profile_store.h"
#include "tune/live/slice.h"
#include "tune/live/tuner.h"

/* --- The world --- */

enum { WORLD_MS = 1200000, EDGE_MS = 100 };

static struct {
    int64_t now_ms;
    double energy_j[WORLD_MS + 1]; /* at each millisecond */
    uint32_t limit_mw;
    int set_rc;                    /* the answer to setting a limit */
    unsigned sets, sets_before_rc; /* set_rc is answered from so many sets on */
    int64_t capped_until_ms;       /* another cap than the limit is in force until then */
    double step_s;                 /* at the highest limit */
    double done_s;                 /* of the current step */
    unsigned epoch_steps;          /* 0: no epochs */
    double validation_s, rest_s;   /* rest: the remainder of the validation */
    struct wt_progress progress;
    int64_t unknown_from_ms, unknown_to_ms; /* the watch does not know */
    struct wt_device device;
} world;

static char folder[64];

static double step_s(uint32_t limit_mw)
{
    return world.step_s *
           (1 + 0.3 * (300000.0 - limit_mw) / 200000); /* 1.3 times as long at 100 W */
}

static double power_w(uint32_t limit_mw)
{
    return 40 + 0.7 * limit_mw / 1000.0;
}

static int64_t now_ns(void)
{
    return (world.now_ms + 1000) * NS_PER_MS;
}

static void tick(void)
{
    double power = power_w(world.limit_mw);
    assert_true(world.now_ms < WORLD_MS);
    if (world.rest_s > 0) {
        world.rest_s -= 0.001;
        power = 50;
    } else {
        world.done_s += 0.001;
    }
    world.energy_j[world.now_ms + 1] = world.energy_j[world.now_ms] + power / 1000;
    world.now_ms++;
    if (world.done_s < step_s(world.limit_mw) - 1e-9)
        return;
    world.done_s = 0;
    world.progress.steps++;
    world.progress.t_ns = now_ns();
    if (world.epoch_steps && world.progress.steps % world.epoch_steps == 0) {
        world.progress.epochs++;
        world.progress.epoch_t_ns = now_ns();
        world.rest_s = world.validation_s;
    }
}

static double energy_at(int64_t t_ns)
{
    int64_t ms = t_ns / NS_PER_MS - 1000;
    assert_true(ms >= 0 && ms <= world.now_ms);
    return world.energy_j[ms];
}

/* --- The watch, as the tuner sees it --- */

unsigned live_meter_device_count(const struct live_meter *watch)
{
    (void)watch;
    return 1;
}

unsigned live_meter_gpu_count(const struct live_meter *watch)
{
    (void)watch;
    return 1;
}

const struct wt_device *live_meter_device(const struct live_meter *watch, unsigned i)
{
    (void)watch, (void)i;
    return &world.device;
}

int live_meter_state(const struct live_meter *watch, unsigned i, unsigned wanted,
                     struct wt_state *state)
{
    (void)watch, (void)i, (void)wanted;
    bool capped = world.now_ms < world.capped_until_ms;
    *state = (struct wt_state){.known = WT_STATE_ENFORCED,
                               .enforced_limit_mw = world.limit_mw - (capped ? 1000 : 0)};
    return 0;
}

bool live_meter_is_over(const struct live_meter *watch)
{
    (void)watch;
    return false;
}

bool live_meter_stale(const struct live_meter *watch, unsigned *i)
{
    (void)watch;
    *i = 0;
    return false;
}

int64_t live_meter_known_until_ns(const struct live_meter *watch)
{
    (void)watch;
    return now_ns() / (EDGE_MS * NS_PER_MS) * (EDGE_MS * NS_PER_MS); /* the last edge */
}

int live_meter_energy_between(const struct live_meter *watch, int64_t begin_ns, int64_t end_ns,
                              double *energy_j, double *error_j)
{
    (void)watch;
    int64_t from_ns = (world.unknown_from_ms + 1000) * NS_PER_MS,
            to_ns = (world.unknown_to_ms + 1000) * NS_PER_MS;
    if (begin_ns < to_ns && end_ns > from_ns)
        return WT_E_NO_DATA;
    *energy_j = energy_at(end_ns) - energy_at(begin_ns);
    *error_j = 0.5;
    return 0;
}

static int get_limit(void *driver, unsigned index, uint32_t *limit_mw, struct wt_error *err)
{
    (void)driver, (void)index, (void)err;
    *limit_mw = world.limit_mw;
    return 0;
}

static int set_limit(void *driver, unsigned index, uint32_t limit_mw, struct wt_error *err)
{
    (void)driver, (void)index;
    if (world.set_rc && world.sets >= world.sets_before_rc)
        return error_set(err, world.set_rc, "set power limit: no");
    world.limit_mw = limit_mw;
    world.sets++;
    return 0;
}

static int reset_limit(void *driver, unsigned index, struct guard_range found, struct wt_error *err)
{
    return set_limit(driver, index, found.max, err);
}

static int check_limit(void *driver, const struct wt_device *device, uint32_t limit_mw,
                       struct wt_error *err)
{
    (void)driver;
    return guard_check_limit(device, limit_mw, err);
}

static int find_ops(void *ctx, const struct wt_device *device, const struct guard_ops **ops,
                    void **driver, struct wt_error *err)
{
    static const struct guard_knob knob = {
        .read = get_limit, .set = set_limit, .reset = reset_limit, .check = check_limit};
    static const struct guard_ops only = {{[WT_KNOB_POWER_LIMIT] = &knob}};
    (void)ctx, (void)device, (void)err;
    *ops = &only;
    *driver = NULL;
    return 0;
}

static const struct guard_finder finder = {find_ops, NULL};

static int start_world(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    world.limit_mw = 300000;
    world.step_s = 0.05;
    world.device = (struct wt_device){.uuid = "GPU-1",
                                      .name = "X",
                                      .has_energy_counter = true,
                                      .limit_min_mw = 100000,
                                      .limit_max_mw = 300000,
                                      .limit_default_mw = 300000};
    return 0;
}

/* --- Slices --- */

static struct step_mark mark(void)
{
    return (struct step_mark){now_ns(), world.progress.steps};
}

static void steps(unsigned n)
{
    for (uint64_t until = world.progress.steps + n; world.progress.steps < until;)
        tick();
}

static void test_slice(void **state)
{
    (void)state;
    struct slice slice;
    slice_start(&slice, 300000);
    assert_int_equal(slice_point(&slice, NULL).steps, 0);
    steps(1);
    slice_step(&slice, mark());
    assert_int_equal(slice_point(&slice, NULL).steps, 0); /* one mark is a beginning, not a step */
    steps(20);
    slice_step(&slice, mark());
    struct wt_profile_point point = slice_point(&slice, NULL);
    assert_int_equal(point.steps, 20);
    assert_true(fabs(point.time_per_step_s - 0.05) < 1e-9);
    assert_true(fabs(point.energy_per_step_j - 0.05 * 250) < 1e-6);
    assert_true(fabs(point.energy_error_j - 0.5 / 20) < 1e-9);
    /* A pause of 3 s belongs to no step, and the two pieces add up. */
    slice_interrupt(&slice);
    slice_interrupt(&slice);
    world.rest_s = 3;
    steps(1);
    slice_step(&slice, mark());
    steps(10);
    slice_step(&slice, mark());
    assert_true(fabs(slice_length_s(&slice) - 1.5) < 1e-9);
    point = slice_point(&slice, NULL);
    assert_int_equal(point.steps, 30);
    assert_true(fabs(point.time_per_step_s - 0.05) < 1e-9);
    assert_true(fabs(point.energy_per_step_j - 12.5) < 1e-6);
    assert_true(fabs(point.energy_error_j - 0.5 * sqrt(2) / 30) < 1e-9);
    /* Pieces wait for the counter's edges, and then count for good. */
    slice_interrupt(&slice);
    assert_int_equal(slice.piece_count, 1);
    world.rest_s = 0.2;
    steps(4);
    slice_point(&slice, NULL);
    assert_int_equal(slice.piece_count, 0);
    assert_int_equal(slice_point(&slice, NULL).steps, 30);
}

static void test_slice_unknown(void **state)
{
    (void)state;
    struct slice slice;
    slice_start(&slice, 300000);
    steps(1);
    slice_step(&slice, mark());
    world.unknown_from_ms = world.now_ms + 100;
    world.unknown_to_ms = world.now_ms + 101;
    steps(10);
    slice_step(&slice, mark());
    assert_int_equal(slice_point(&slice, NULL).steps, 0);
}

/* More interruptions than there are places for pieces: none is lost when edges pass in between. */
static void test_slice_many_pieces(void **state)
{
    (void)state;
    struct slice slice;
    slice_start(&slice, 300000);
    for (unsigned i = 0; i < 3 * SLICE_PIECES; i++) {
        steps(1);
        slice_step(&slice, mark());
        steps(3);
        slice_step(&slice, mark());
        slice_interrupt(&slice);
        slice_point(&slice, NULL);
    }
    world.rest_s = 0.5;
    steps(1);
    assert_int_equal(slice_point(&slice, NULL).steps, 9 * SLICE_PIECES);
}

/* --- The tuner --- */

static struct tuner_options options_for(bool baseline)
{
    struct tuner_options options = {.preference = {WT_SELECT_ENERGY, 0, 0},
                                    .search = "sweep",
                                    .baseline = baseline,
                                    .wanted_count = 4,
                                    .wanted_mw = {300000, 200000, 150000, 100000}};
    snprintf(options.key.job, sizeof options.key.job, "job");
    return options;
}

/* Runs until the profile is complete, `most_s` at most, then `more_s` at the optimum. */
static void train(struct tuner *tuner, double most_s, double more_s)
{
    int64_t until_ms = world.now_ms + (int64_t)(most_s * 1000);
    bool more = false;
    while (world.now_ms < until_ms) {
        for (unsigned i = 0; i < 25; i++)
            tick();
        tuner_poll(tuner, &world.progress);
        if (!more && !tuner_is_profiling(tuner)) {
            until_ms = world.now_ms + (int64_t)(more_s * 1000);
            more = true;
        }
    }
}

static void assert_profile(const struct tuner_result *result)
{
    assert_true(result->profiled && result->decided);
    assert_int_equal(result->point_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        const struct wt_profile_point *p = &result->points[i];
        assert_true(fabs(p->time_per_step_s / step_s(p->setting.value) - 1) <
                    0.03); /* steps end on whole milliseconds */
        assert_true(
            fabs(p->energy_per_step_j / (step_s(p->setting.value) * power_w(p->setting.value)) -
                 1) < 0.03);
        assert_false(p->throttled);
    }
    assert_int_equal(result->decision.setting.value,
                     100000); /* least energy: 1.3 x 110 W of 250 W */
    assert_int_equal(result->limit_mw, 100000);
}

static void run(bool baseline, struct tuner_result *result)
{
    struct guard *guard;
    struct tuner *tuner;
    struct tuner_options options = options_for(baseline);
    assert_int_equal(guard_new(finder, folder, "test", &guard, NULL), 0);
    assert_int_equal(tuner_new(&options, NULL, guard, &(struct tuner_store){0}, &tuner, NULL), 0);
    train(tuner, 400, 30);
    tuner_finish(tuner, result);
    tuner_free(tuner);
    guard_close(guard);
    assert_int_equal(world.limit_mw, 300000); /* the limit found is back */
}

static void test_profile(void **state)
{
    (void)state;
    struct tuner_result result;
    run(true, &result);
    assert_profile(&result);
    double expected = step_s(100000) * power_w(100000) / (step_s(300000) * power_w(300000));
    assert_int_equal(result.savings.baseline.value, 300000);
    assert_true(fabs(result.savings.energy_fraction / expected - 1) < 0.03);
    assert_true(fabs(result.savings.time_fraction / 1.3 - 1) < 0.03);
}

/* Epochs shorter than a slice, with validation between: the profile is finished all the same, and
 * validation is in no step. */
static void test_short_epochs(void **state)
{
    (void)state;
    struct tuner_result result;
    world.epoch_steps = 12;
    world.validation_s = 0.4;
    run(true, &result);
    assert_profile(&result);
}

/* A stall in the middle of nothing (a checkpoint), longer than eight steps. */
static void test_stalls(void **state)
{
    (void)state;
    struct guard *guard;
    struct tuner *tuner;
    struct tuner_result result;
    struct tuner_options options = options_for(false);
    assert_int_equal(guard_new(finder, folder, "test", &guard, NULL), 0);
    assert_int_equal(tuner_new(&options, NULL, guard, &(struct tuner_store){0}, &tuner, NULL), 0);
    for (unsigned i = 0; i < 60 && (i < 10 || tuner_is_profiling(tuner)); i++) {
        train(tuner, 2.3, 0);
        world.rest_s = 1.5;
    }
    train(tuner, 10, 1);
    tuner_finish(tuner, &result);
    tuner_free(tuner);
    guard_close(guard);
    assert_profile(&result);
}

static void test_no_permission(void **state)
{
    (void)state;
    struct guard *guard;
    struct tuner *tuner;
    struct tuner_result result;
    struct tuner_options options = options_for(true);
    world.set_rc = WT_E_NO_PERMISSION;
    assert_int_equal(guard_new(finder, folder, "test", &guard, NULL), 0);
    assert_int_equal(tuner_new(&options, NULL, guard, &(struct tuner_store){0}, &tuner, NULL), 0);
    train(tuner, 30, 1);
    tuner_finish(tuner, &result);
    tuner_free(tuner);
    guard_close(guard);
    assert_false(result.profiled);
    assert_int_equal(result.reason.why, TUNER_NOT_SET);
    assert_int_equal(result.reason.error.code, WT_E_NO_PERMISSION);
    assert_int_equal(result.reason.setting.value, 200000);
    assert_int_equal(world.limit_mw, 300000);
    assert_int_equal(world.sets, 0);
}

/* Ends in the middle of profiling: restored, and said. */
static void test_ends_early(void **state)
{
    (void)state;
    struct guard *guard;
    struct tuner *tuner;
    struct tuner_result result;
    struct tuner_options options = options_for(true);
    assert_int_equal(guard_new(finder, folder, "test", &guard, NULL), 0);
    assert_int_equal(tuner_new(&options, NULL, guard, &(struct tuner_store){0}, &tuner, NULL), 0);
    train(tuner, 5, 1);
    assert_true(world.limit_mw != 300000);
    tuner_finish(tuner, &result);
    tuner_free(tuner);
    guard_close(guard);
    assert_false(result.profiled);
    assert_int_equal(result.reason.why, TUNER_ENDED_IN_PROFILING);
    assert_int_equal(world.limit_mw, 300000);
}

/* The chosen limit cannot be set: nothing is saved by it. */
static void test_choice_not_set(void **state)
{
    (void)state;
    struct guard *guard;
    struct tuner *tuner;
    struct tuner_result result;
    struct tuner_options options = options_for(true);
    world.set_rc = WT_E_DRIVER;
    world.sets_before_rc = 5; /* 200, 150, 300 as a baseline, 100, and 300 W as the last baseline */
    assert_int_equal(guard_new(finder, folder, "test", &guard, NULL), 0);
    assert_int_equal(tuner_new(&options, NULL, guard, &(struct tuner_store){0}, &tuner, NULL), 0);
    train(tuner, 400, 30);
    tuner_finish(tuner, &result);
    tuner_free(tuner);
    guard_close(guard);
    assert_int_equal(world.sets, 5);
    assert_true(result.profiled);
    assert_false(result.decided);
    assert_int_equal(result.point_count, 4);
    assert_true(isnan(result.savings.energy_fraction));
    assert_int_equal(result.limit_mw, 300000);
    assert_int_equal(result.reason.why, TUNER_NOT_SET);
}

/* --- Another eta as it goes --- */

static double eta;

static double eta_of_the_hour(void *ctx, char why[TUNER_WHY])
{
    ++*(unsigned *)ctx;
    snprintf(why, TUNER_WHY, "eta %g", eta);
    return eta;
}

static struct tuner *follow(unsigned *asked, struct guard **guard)
{
    struct tuner *tuner;
    struct tuner_options options = options_for(true);
    options.preference = (struct wt_preference){WT_SELECT_COST, 0.5, 0};
    options.eta_now = eta_of_the_hour;
    options.ctx = asked;
    assert_int_equal(guard_new(finder, folder, "test", guard, NULL), 0);
    assert_int_equal(tuner_new(&options, NULL, *guard, &(struct tuner_store){0}, &tuner, NULL), 0);
    return tuner;
}

static void end_following(struct tuner *tuner, struct guard *guard, struct tuner_result *result)
{
    tuner_finish(tuner, result);
    tuner_free(tuner);
    guard_close(guard);
    assert_int_equal(world.limit_mw, 300000); /* the limit found is back */
}

/* At 100 W a step has 7.15 J and 65 ms, at 300 W 12.5 J and 50 ms: at eta 0.5 the former costs 13.3
 * against 13.8 J, at 0.3 15.8 against 14.3.  The profile is not measured again, and the saving is
 * that of all steps. */
static void test_eta_changes(void **state)
{
    (void)state;
    struct guard *guard;
    struct tuner_result result;
    struct wt_profile_point point;
    unsigned asked = 0;
    eta = 0.5;
    struct tuner *tuner = follow(&asked, &guard);
    train(tuner, 400, 65);
    assert_int_equal(world.limit_mw, 100000);
    unsigned sets = world.sets;
    uint64_t low = world.progress.steps;
    eta = 0.49; /* another eta, the same optimum */
    train(tuner, 1, 5);
    assert_true(world.limit_mw == 100000 && world.sets == sets);
    eta = 0.3;
    for (unsigned i = 0; i < 2000 && world.limit_mw != 300000; i++) {
        tick();
        tuner_poll(tuner, &world.progress);
    }
    assert_int_equal(world.limit_mw, 300000);
    assert_int_equal(world.sets, sets + 1);
    low = world.progress.steps - low + (uint64_t)(65 / 0.065); /* about: held at 100 W */
    assert_true(tuner_holds(tuner, &point) && point.setting.value == 300000);
    assert_true(fabs(point.energy_per_step_j / 12.5 - 1) <
                0.03); /* of the limit that holds, and no mixture */
    uint64_t before = world.progress.steps;
    train(tuner, 60, 60);
    assert_false(tuner_is_profiling(tuner)); /* and no drift either */
    double high = (double)(world.progress.steps - before);
    assert_true(tuner_holds(tuner, &point) && fabs(point.time_per_step_s / 0.05 - 1) < 0.03);
    end_following(tuner, guard, &result);
    assert_true(result.decision.setting.value == 300000 && result.limit_mw == 300000 &&
                result.point_count == 4);
    double energy = ((double)low * 7.15 + high * 12.5) / ((double)low + high) / 12.5;
    double time = ((double)low * 0.065 + high * 0.05) / ((double)low + high) / 0.05;
    assert_true(fabs(result.savings.energy_fraction / energy - 1) < 0.02 && energy < 0.9);
    assert_true(fabs(result.savings.time_fraction / time - 1) < 0.02 && time > 1.05);
    assert_true(asked > 1000);
}

/* The eta of the moment at which the profile is whole decides, and it goes to and fro. */
static void test_eta_changes_back(void **state)
{
    (void)state;
    struct guard *guard;
    struct tuner_result result;
    unsigned asked = 0;
    eta = 0.5;
    struct tuner *tuner = follow(&asked, &guard);
    train(tuner, 5, 1); /* profiling */
    assert_true(tuner_is_profiling(tuner));
    eta = 0.3;
    train(tuner, 400, 20);
    assert_int_equal(world.limit_mw, 300000);
    assert_int_equal(world.sets, 5); /* for the profile; it was there then */
    for (unsigned i = 0; i < 6; i++) {
        eta = i % 2 ? 0.3 : 0.5;
        train(tuner, 12, 12);
        assert_int_equal(world.limit_mw, i % 2 ? 300000 : 100000);
    }
    assert_false(tuner_is_profiling(tuner));
    end_following(tuner, guard, &result);
    /* 20 s and three times 12 s at 300 W against three times 12 s at 100 W */
    double high = 56 / 0.05, low = 36 / 0.065,
           energy = (low * 7.15 + high * 12.5) / (low + high) / 12.5;
    assert_true(fabs(result.savings.energy_fraction / energy - 1) < 0.03);
}

/* The new limit cannot be set: tuning ends, and the saving until then stands. */
static void test_eta_changes_and_the_limit_does_not(void **state)
{
    (void)state;
    struct guard *guard;
    struct tuner_result result;
    unsigned asked = 0;
    eta = 0.5;
    struct tuner *tuner = follow(&asked, &guard);
    train(tuner, 400, 30);
    world.set_rc = WT_E_DRIVER;
    world.sets_before_rc = world.sets;
    eta = 0.3;
    train(tuner, 2, 2);
    world.set_rc = 0;
    end_following(tuner, guard, &result);
    assert_true(result.decided && result.decision.setting.value == 100000);
    assert_true(fabs(result.savings.energy_fraction / (7.15 / 12.5) - 1) < 0.03);
    assert_int_equal(result.reason.why, TUNER_NOT_SET);
}

/* The training drifts, and ends while it is profiled again: the first profile and its saving hold.
 */
static void test_ends_while_profiled_again(void **state)
{
    (void)state;
    struct guard *guard;
    struct tuner *tuner;
    struct tuner_result result;
    struct tuner_options options = options_for(true);
    assert_int_equal(guard_new(finder, folder, "test", &guard, NULL), 0);
    assert_int_equal(tuner_new(&options, NULL, guard, &(struct tuner_store){0}, &tuner, NULL), 0);
    train(tuner, 400, 400);
    assert_false(tuner_is_profiling(tuner));
    world.step_s *= 1.3;
    for (unsigned i = 0; i < 400 && !tuner_is_profiling(tuner); i++)
        train(tuner, 1, 1);
    assert_true(tuner_is_profiling(tuner));
    train(tuner, 5, 1);
    assert_true(tuner_is_profiling(tuner));
    world.step_s /= 1.3; /* as assert_profile() knows it */
    tuner_finish(tuner, &result);
    tuner_free(tuner);
    guard_close(guard);
    assert_profile(&result);
    assert_true(result.savings.energy_fraction < 0.7);
    assert_int_equal(result.reason.why, TUNER_WENT_WELL);
    assert_int_equal(world.limit_mw, 300000);
}

/* --- The store in memory --- */

static struct memory_store *memory;

static struct wt_profile_key stored_key(void)
{
    struct wt_profile_key key = {
        .gpu_count = 1, .limit_min_mw = 100000, .limit_max_mw = 300000, .job = "job"};
    snprintf(key.gpu_model, sizeof key.gpu_model, "X");
    return key;
}

static unsigned load_stored(struct wt_profile_point points[WT_MAX_LIMITS])
{
    struct tuner_store store = memory_store_ops(memory);
    struct wt_profile_key key = stored_key();
    unsigned count = 0;
    assert_int_equal(store.load(store.ctx, &key, points, WT_MAX_LIMITS, &count, NULL), 0);
    return count;
}

static void run_stored(const struct tuner_options *options, struct tuner_result *result)
{
    struct guard *guard;
    struct tuner *tuner;
    const struct tuner_store store = memory_store_ops(memory);
    assert_int_equal(guard_new(finder, folder, "test", &guard, NULL), 0);
    assert_int_equal(tuner_new(options, NULL, guard, &store, &tuner, NULL), 0);
    train(tuner, 400, 5);
    tuner_finish(tuner, result);
    tuner_free(tuner);
    guard_close(guard);
}

static void assert_stored(unsigned count, const uint32_t limits_mw[])
{
    struct wt_profile_point points[WT_MAX_LIMITS];
    assert_int_equal(load_stored(points), count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(points[i].setting.value, limits_mw[i]);
}

/* A run over fewer limits, or other ones, adds to the job's profile. */
static void test_store_grows(void **state)
{
    (void)state;
    struct wt_profile_point points[WT_MAX_LIMITS];
    struct tuner_result result;
    struct tuner_options options = options_for(true);
    assert_int_equal(memory_store_new(&memory, NULL), 0);
    run_stored(&options, &result);
    assert_stored(4, (uint32_t[]){300000, 200000, 150000, 100000});
    assert_false(result.reused);
    options.wanted_count = 2;
    options.wanted_mw[0] = 250000;
    options.wanted_mw[1] = 150000;
    run_stored(&options, &result);
    assert_true(result.reused);
    assert_stored(5, (uint32_t[]){300000, 250000, 200000, 150000, 100000});
    load_stored(points);
    assert_true(fabs(points[2].time_per_step_s / step_s(200000) - 1) < 0.03);
    /* Another job under the same name: nothing of the first is kept. */
    world.step_s *= 2;
    run_stored(&options, &result);
    assert_stored(3, (uint32_t[]){300000, 250000, 150000});
    memory = memory_store_free(memory);
}

/* Heat in the first slice does not make a stored profile another job's. */
static void test_store_survives_heat(void **state)
{
    (void)state;
    struct tuner_result result;
    struct tuner_options options = options_for(true);
    assert_int_equal(memory_store_new(&memory, NULL), 0);
    run_stored(&options, &result);
    struct wt_profile_point points[WT_MAX_LIMITS];
    load_stored(points);
    uint64_t steps_before = points[1].steps;
    world.step_s *= 1.4;
    world.capped_until_ms = world.now_ms + 3000;
    struct guard *guard;
    struct tuner *tuner;
    const struct tuner_store store = memory_store_ops(memory);
    assert_int_equal(guard_new(finder, folder, "test", &guard, NULL), 0);
    assert_int_equal(tuner_new(&options, NULL, guard, &store, &tuner, NULL), 0);
    train(tuner, 2.5, 0);
    world.step_s /= 1.4;
    train(tuner, 400, 5);
    tuner_finish(tuner, &result);
    tuner_free(tuner);
    guard_close(guard);
    assert_true(result.reused && result.decided);
    assert_stored(4, (uint32_t[]){300000, 200000, 150000, 100000});
    load_stored(points);
    assert_int_equal(points[1].steps, steps_before);
    memory = memory_store_free(memory);
}

/* A stored point of another knob, with the number of a limit, is neither taken for one nor lost. */
static void test_store_of_both_knobs(void **state)
{
    (void)state;
    struct tuner_result result;
    struct tuner_options options = options_for(true);
    struct wt_profile_key key = stored_key();
    struct wt_profile_point points[WT_MAX_LIMITS] = {{.setting = {WT_KNOB_SM_CLOCK_MAX, 200000},
                                                      .steps = 100,
                                                      .time_per_step_s = 1,
                                                      .energy_per_step_j = 1,
                                                      .time_error_s = 0.001,
                                                      .energy_error_j = 0.001}};
    assert_int_equal(memory_store_new(&memory, NULL), 0);
    struct tuner_store store = memory_store_ops(memory);
    assert_int_equal(store.save(store.ctx, &key, points, 1, NULL), 0);
    run_stored(&options, &result);
    assert_false(result.reused);
    assert_profile(&result);
    assert_stored(5, (uint32_t[]){300000, 200000, 150000, 100000, 200000});
    load_stored(points);
    assert_int_equal(points[4].setting.knob, WT_KNOB_SM_CLOCK_MAX);
    assert_true(points[4].steps == 100 && points[1].setting.knob == WT_KNOB_POWER_LIMIT);
    memory = memory_store_free(memory);
}

/* Every field of the key tells profiles apart; saving replaces. */
static void test_memory_store(void **state)
{
    (void)state;
    assert_int_equal(memory_store_new(&memory, NULL), 0);
    struct tuner_store store = memory_store_ops(memory);
    struct wt_profile_key keys[7];
    struct wt_profile_point points[WT_MAX_LIMITS] = {0}, read[WT_MAX_LIMITS];
    unsigned count;
    for (unsigned i = 0; i < 7; i++)
        keys[i] = stored_key();
    keys[1].job[0] = 'J';
    keys[2].batch_size = 32;
    keys[3].gpu_model[0] = 'Y';
    keys[4].gpu_count = 2;
    keys[5].limit_min_mw = 1;
    keys[6].limit_max_mw = 1;
    for (unsigned i = 0; i < 7; i++) {
        count = 42;
        assert_int_equal(store.load(store.ctx, &keys[i], read, WT_MAX_LIMITS, &count, NULL), 0);
        assert_int_equal(count, 0);
        points[0].steps = i + 1;
        points[0].setting = (struct wt_setting){WT_KNOB_SM_CLOCK_MAX, 1000 + i};
        assert_int_equal(store.save(store.ctx, &keys[i], points, 2, NULL), 0);
    }
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(store.load(store.ctx, &keys[i], read, WT_MAX_LIMITS, &count, NULL), 0);
        assert_true(count == 2 && read[0].steps == i + 1 &&
                    read[0].setting.knob == WT_KNOB_SM_CLOCK_MAX &&
                    read[0].setting.value == 1000 + i);
    }
    assert_int_equal(store.save(store.ctx, &keys[0], points, 1, NULL), 0);
    assert_int_equal(store.load(store.ctx, &keys[0], read, 1, &count, NULL), 0);
    assert_true(count == 1 && read[0].steps == 7);
    count = 42;
    assert_int_equal(store.load(store.ctx, &keys[1], read, 1, &count, NULL), WT_E_RANGE);
    assert_int_equal(count, 42);
    assert_int_equal(store.save(store.ctx, &keys[1], points, WT_MAX_LIMITS + 1, NULL), WT_E_RANGE);
    memory = memory_store_free(memory);
}

/* --- Events, and silence --- */

enum { HEARD_MOST = 64 };

static struct {
    unsigned count, of[TUNER_EVENTS];
    struct tuner_event events[HEARD_MOST];
} heard;

static void hear(void *ctx, const struct tuner_event *event)
{
    assert_ptr_equal(ctx, &heard);
    assert_true(heard.count < HEARD_MOST && event->kind < TUNER_EVENTS);
    heard.of[event->kind]++;
    heard.events[heard.count++] = *event;
}

/* Standard output and error of `work`, together: their length. */
static long output_of(void (*work)(void))
{
    FILE *file = tmpfile();
    int out = dup(STDOUT_FILENO), error = dup(STDERR_FILENO);
    assert_true(file && out >= 0 && error >= 0);
    fflush(NULL);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    log_set_level(LOG_DETAIL);
    work();
    log_set_level(LOG_ERROR);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    close(out);
    close(error);
    long length = lseek(fileno(file), 0, SEEK_END);
    fclose(file);
    return length;
}

static void tune_twice_and_fail(void)
{
    struct tuner_result result;
    struct tuner_options options = options_for(true);
    options.listener = (struct tuner_listener){hear, &heard};
    assert_int_equal(memory_store_new(&memory, NULL), 0);
    run_stored(&options, &result);
    world.step_s *= 2;
    run_stored(&options, &result);
    snprintf(options.key.job, sizeof options.key.job, "other");
    world.set_rc = WT_E_DRIVER;
    world.sets_before_rc = world.sets + 1;
    run_stored(&options, &result);
    memory = memory_store_free(memory);
}

/* All news of a run are events, with the numbers in them; nothing is printed. */
static void test_events(void **state)
{
    (void)state;
    memset(&heard, 0, sizeof heard);
    assert_int_equal(output_of(tune_twice_and_fail), 0);
    world.limit_mw = 300000;
    assert_int_equal(heard.of[TUNER_PROFILE_DONE], 2);
    assert_int_equal(heard.of[TUNER_STORED_DIFFERS], 1);
    assert_int_equal(heard.of[TUNER_STOPPED], 1);
    assert_int_equal(heard.of[TUNER_RESTORED], 2);
    assert_int_equal(heard.of[TUNER_RESTORE_FAILED], 1);
    assert_int_equal(heard.of[TUNER_RESTORE_GIVEN_UP], 1);
    assert_int_equal(heard.of[TUNER_NOT_LOADED] + heard.of[TUNER_NOT_SAVED], 0);
    assert_true(heard.of[TUNER_SLICE_DONE] >= 8 && heard.of[TUNER_SET] >= 8);
    unsigned profile = 0, failed = 0;
    while (heard.events[profile].kind != TUNER_PROFILE_DONE)
        profile++;
    while (heard.events[failed].kind != TUNER_RESTORE_GIVEN_UP)
        failed++;
    const struct tuner_event *done = &heard.events[profile];
    assert_true(done->applied && done->count == 4 && done->point.setting.value == 100000);
    assert_true(heard.events[profile + 1].kind == TUNER_SET &&
                heard.events[profile + 1].setting.value == 100000);
    assert_true(heard.events[failed].applied && heard.events[failed].gpu == world.device.index);
}

static void test_owner_stops(void **state)
{
    (void)state;
    struct guard *guard;
    struct tuner *tuner;
    struct tuner_result result;
    struct wt_error why;
    struct tuner_options options = options_for(true);
    error_set(&why, WT_E_BUSY, "GPU 0 is shared");
    assert_int_equal(guard_new(finder, folder, "test", &guard, NULL), 0);
    assert_int_equal(tuner_new(&options, NULL, guard, &(struct tuner_store){0}, &tuner, NULL), 0);
    train(tuner, 5, 1);
    assert_true(world.limit_mw != 300000);
    tuner_stop(tuner, &why);
    assert_int_equal(world.limit_mw, 300000);
    memset(&why, 0, sizeof why);
    tuner_stop(tuner, &why); /* the first reason stands */
    tuner_finish(tuner, &result);
    tuner_free(tuner);
    guard_close(guard);
    assert_int_equal(result.reason.why, TUNER_STOPPED_BY_OWNER);
    assert_string_equal(result.reason.error.text, "GPU 0 is shared");
    assert_false(result.owes);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/wattune-tuner-XXXXXX");
    clock_use(now_ns);
    log_set_level(LOG_ERROR);
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    clock_use(NULL);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_slice, start_world),
        cmocka_unit_test_setup(test_slice_unknown, start_world),
        cmocka_unit_test_setup(test_slice_many_pieces, start_world),
        cmocka_unit_test_setup(test_profile, start_world),
        cmocka_unit_test_setup(test_short_epochs, start_world),
        cmocka_unit_test_setup(test_stalls, start_world),
        cmocka_unit_test_setup(test_no_permission, start_world),
        cmocka_unit_test_setup(test_ends_early, start_world),
        cmocka_unit_test_setup(test_choice_not_set, start_world),
        cmocka_unit_test_setup(test_eta_changes, start_world),
        cmocka_unit_test_setup(test_eta_changes_back, start_world),
        cmocka_unit_test_setup(test_eta_changes_and_the_limit_does_not, start_world),
        cmocka_unit_test_setup(test_ends_while_profiled_again, start_world),
        cmocka_unit_test_setup(test_store_grows, start_world),
        cmocka_unit_test_setup(test_store_survives_heat, start_world),
        cmocka_unit_test_setup(test_memory_store, start_world),
        cmocka_unit_test_setup(test_store_of_both_knobs, start_world),
        cmocka_unit_test_setup(test_events, start_world),
        cmocka_unit_test_setup(test_owner_stops, start_world),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
