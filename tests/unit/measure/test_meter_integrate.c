/* SPDX-License-Identifier: Apache-2.0
 *
 * Integrated power against the virtual sensor, which knows the truth: through invented time,
 * without a clock, so that hundreds of windows take a second and every number is the same on every
 * machine.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "measure/meter/integrate.h"
#include "sensor.h"
#include "timeline.h"

static const int64_t START_NS = 1000 * NS_PER_S;
static const double LENGTHS_S[] = {0.2, 0.5, 1, 2, 5, 10};
enum { LENGTHS = sizeof LENGTHS_S / sizeof LENGTHS_S[0] };

enum load { STEADY, SQUARE, LOCKED, TRAINING };

struct rig {
    struct gpu_state gpu;
    struct gpu_core core;
    struct integrate integrate;
    uint64_t random;
    enum load load;
    double period_s, high_w, duty; /* of this run's load */
    int slot;
    uint64_t id;
    int64_t begun_ns, idle_until_ns;
};

static double uniform(struct rig *rig, double low, double high)
{
    rig->random = rig->random * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (double)(rig->random >> 11) / 0x1p53;
}

static struct rig *rig_new(const char *model, enum load load, uint64_t seed)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->random = seed * 7919 + 17;
    rig->gpu.fixed.model = (uint32_t)model_position(model_find(model, strlen(model)));
    rig->gpu.fixed.start_ns = START_NS;
    sensor_draw(&rig->gpu.fixed, seed, 0);
    rig->core.limit_mw = model_at(rig->gpu.fixed.model)->max_limit_mw;
    timeline_begin(&rig->gpu, &rig->core, START_NS);
    rig->load = load;
    rig->period_s = exp(
        uniform(rig, log(1.5 * (double)model_at(rig->gpu.fixed.model)->tick_ns / 1e9), log(1.5)));
    if (load == LOCKED) /* the worst case: as long as some ticks, to the microsecond, for ever */
        rig->period_s = 0.02 * floor(uniform(rig, 2, 11));
    rig->idle_until_ns = START_NS + (int64_t)(uniform(rig, 0, 0.1) * 1e9) / 500000 * 500000;
    rig->high_w = uniform(rig, 120, 240);
    rig->duty = uniform(rig, 0.3, 0.8);
    rig->slot = -1;
    return rig;
}

/* Keeps the load going; called every half millisecond of the machine. */
static void drive(struct rig *rig)
{
    int64_t now_ns = rig->core.now_ns;
    if (rig->slot >= 0) {
        if (timeline_predict(&rig->core, (unsigned)rig->slot, rig->id) > now_ns)
            return;
        timeline_collect(&rig->core, (unsigned)rig->slot, rig->id);
        rig->slot = -1;
        if (rig->load == SQUARE)
            rig->idle_until_ns = now_ns + (int64_t)(rig->period_s * (1 - rig->duty) * 1e9);
        if (rig->load == LOCKED)
            rig->idle_until_ns = rig->begun_ns + llround(rig->period_s * 1e9);
    }
    if (now_ns < rig->idle_until_ns)
        return;
    double busy_s =
        rig->load == STEADY ? 1000 : rig->period_s * (rig->load == TRAINING ? 1 : rig->duty);
    if (rig->load == TRAINING) /* no two steps are the same */
        busy_s *= uniform(rig, 0.98, 1.02);
    rig->slot = timeline_add(&rig->gpu, &rig->core, 1, 1, busy_s, rig->high_w, 0.6,
                             rig->load == TRAINING ? 1 - rig->duty : 0);
    assert_true(rig->slot >= 0);
    rig->id = rig->core.next_id;
    rig->begun_ns = now_ns;
}

/* Runs for `length_s`, reading when the integrator asks; truth_j[] gets the truth every half
 * millisecond. */
static void run(struct rig *rig, double length_s, double truth_j[], unsigned *steps)
{
    unsigned n = (unsigned)(length_s * 2000);
    for (unsigned i = 0; i < n; i++) {
        int64_t now_ns = START_NS + (int64_t)i * 500000;
        timeline_advance(&rig->gpu, &rig->core, now_ns);
        drive(rig);
        sensor_latch(&rig->gpu, &rig->core);
        truth_j[i] = sensor_true_energy_j(&rig->gpu, &rig->core);
        if (integrate_next_read_ns(&rig->integrate, rig->integrate.read_ns + 1) <= now_ns ||
            !rig->integrate.has_read)
            integrate_add(&rig->integrate, now_ns, now_ns + 100000, rig->core.latch.usage_mw);
    }
    *steps = n;
}

struct tally {
    unsigned windows, inside;
    double bound_fraction, error_fraction; /* sums */
};

static void tally_runs(const char *model_key, enum load load, unsigned runs,
                       struct tally tallies[LENGTHS])
{
    static double truth_j[2000 * 24];
    const struct vgpu_model *model = model_find(model_key, strlen(model_key));
    for (unsigned seed = 1; seed <= runs; seed++) {
        struct rig *rig = rig_new(model_key, load, seed);
        unsigned n;
        integrate_init(&rig->integrate, model->tick_ns, model->usage_window_ns,
                       model->resolution_mw, 25 * NS_PER_MS);
        run(rig, 23, truth_j, &n);
        for (unsigned l = 0; l < LENGTHS; l++)
            for (unsigned k = 0; k < 10; k++) {
                double begin_s = uniform(rig, 2, 21.5 - LENGTHS_S[l]);
                unsigned from = (unsigned)(begin_s * 2000),
                         to = from + (unsigned)(LENGTHS_S[l] * 2000);
                struct integrate_mark begin, end;
                assert_int_equal(
                    integrate_at(&rig->integrate, START_NS + (int64_t)from * 500000, &begin), 0);
                assert_int_equal(
                    integrate_at(&rig->integrate, START_NS + (int64_t)to * 500000, &end), 0);
                struct wt_measurement m = integrate_between(&rig->integrate, &begin, &end);
                double true_j = truth_j[to] - truth_j[from],
                       error_j = fabs((double)m.energy_mj / 1000 - true_j);
                assert_int_equal(m.source, WT_SOURCE_INTEGRATED);
                tallies[l].windows++;
                tallies[l].inside += error_j <= (double)m.energy_error_mj / 1000;
                tallies[l].bound_fraction += (double)m.energy_error_mj / 1000 / true_j;
                tallies[l].error_fraction += error_j / true_j;
            }
        free(rig);
    }
}

static void check(const char *model, enum load load, const char *name, double idle_bound)
{
    struct tally tallies[LENGTHS] = {0};
    tally_runs(model, load, strcmp(model, "p100") == 0 ? 30 : 12, tallies);
    for (unsigned l = 0; l < LENGTHS; l++) {
        const struct tally *t = &tallies[l];
        double inside = (double)t->inside / t->windows, bound = t->bound_fraction / t->windows;
        print_message("%s %s %g s: %.1f %% inside, bound %.2f %%, error %.2f %%\n", model, name,
                      LENGTHS_S[l], 100 * inside, 100 * bound,
                      100 * t->error_fraction / t->windows);
        if (inside < 0.95)
            fail_msg("%s %s: only %.1f %% of the windows of %g s hold the truth", model, name,
                     100 * inside, LENGTHS_S[l]);
        if (idle_bound > 0 && LENGTHS_S[l] >= 1 &&
            bound > idle_bound) /* a bound that says nothing would hold too */
            fail_msg("%s %s: the bound over %g s is %.1f %%", model, name, LENGTHS_S[l],
                     100 * bound);
    }
}

static void steady(void **state)
{
    (void)state;
    check("p100", STEADY, "steady", 0.01);
    check("a100", STEADY, "steady", 0.01);
    check("a40", STEADY, "steady", 0.3);
}

static void square(void **state)
{
    (void)state;
    check("p100", SQUARE, "square", 0.15);
    check("a100", SQUARE, "square", 0);
    check("a40", SQUARE, "square", 0);
}

static void locked(void **state)
{
    (void)state;
    check("p100", LOCKED, "in step with the sensor", 0.15);
}

static void training(void **state)
{
    (void)state;
    check("p100", TRAINING, "training", 0.15);
    check("a100", TRAINING, "training", 0);
    check("a40", TRAINING, "training", 0);
}

/* --- Single readings --- */

static void add(struct integrate *i, double t_s, uint32_t power_mw)
{
    int64_t t_ns = (int64_t)(t_s * 1e9);
    integrate_add(i, t_ns, t_ns, power_mw);
}

static double between_j(struct integrate *i, double begin_s, double end_s, double *error_j)
{
    struct integrate_mark begin, end;
    assert_int_equal(integrate_at(i, (int64_t)(begin_s * 1e9), &begin), 0);
    assert_int_equal(integrate_at(i, (int64_t)(end_s * 1e9), &end), 0);
    struct wt_measurement m = integrate_between(i, &begin, &end);
    if (error_j)
        *error_j = (double)m.energy_error_mj / 1000;
    return (double)m.energy_mj / 1000;
}

/* A reading stands for a moment half a tick and half a window before it was read. */
static void lag(void **state)
{
    (void)state;
    static struct integrate i;
    struct integrate_mark mark;
    integrate_init(&i, 20 * NS_PER_MS, 10 * NS_PER_MS, 50, 25 * NS_PER_MS);
    assert_int_equal(integrate_at(&i, NS_PER_S, &mark), WT_E_NO_DATA);
    add(&i, 10.000, 100000);
    assert_int_equal(integrate_known_until_ns(&i), 0);
    add(&i, 10.100, 300000);
    assert_int_equal(integrate_known_until_ns(&i), 10 * NS_PER_S + 85 * NS_PER_MS);
    assert_true(fabs(between_j(&i, 9.985, 10.085, NULL) - 20) < 0.002); /* the whole slope */
    assert_true(fabs(between_j(&i, 9.985, 10.035, NULL) - 7.5) <
                0.002); /* its lower half: 100 to 200 W */
    assert_true(fabs(between_j(&i, 10.085, 10.185, NULL) - 30) <
                0.002); /* behind it the last power goes on */
    assert_true(fabs(between_j(&i, 9.885, 9.985, NULL) - 10) < 0.002);
    assert_int_equal(integrate_at(&i, 5 * NS_PER_S, &mark), WT_E_NO_DATA);
}

/* Readings that fail leave a hole; the bound says that anything may have happened in it. */
static void hole(void **state)
{
    (void)state;
    static struct integrate i;
    double error_j;
    integrate_init(&i, 20 * NS_PER_MS, 10 * NS_PER_MS, 0, 25 * NS_PER_MS);
    for (unsigned k = 0; k < 100; k++)
        add(&i, 10 + k * 0.03, 200000);
    double whole_j = between_j(&i, 10.5, 12.5, &error_j);
    assert_true(fabs(whole_j - 400) < 0.01 && error_j < 0.2);
    for (unsigned k = 0; k < 100; k++)
        add(&i, 23 + k * 0.03, 200000);
    between_j(&i, 10.5, 25, &error_j);
    assert_true(error_j > 1000);
    struct integrate_mark mark;
    assert_int_equal(integrate_at(&i, 60 * NS_PER_S, &mark), 0);
    assert_true(mark.gap);
}

/* Windows add up, and a window over more than the ring holds is as right as a short one. */
static void long_run(void **state)
{
    (void)state;
    static struct integrate i;
    struct integrate_mark begin, middle, end;
    integrate_init(&i, 20 * NS_PER_MS, 10 * NS_PER_MS, 0, 25 * NS_PER_MS);
    for (unsigned k = 0; k < 100; k++)
        add(&i, 1 + k * 0.03, 150000);
    assert_int_equal(integrate_at(&i, 2 * NS_PER_S, &begin), 0);
    for (unsigned k = 100; k < 20000; k++) {
        add(&i, 1 + k * 0.03, 150000);
        if (k == 10000)
            assert_int_equal(integrate_at(&i, 300 * NS_PER_S, &middle), 0);
    }
    assert_int_equal(integrate_at(&i, 600 * NS_PER_S, &end), 0);
    struct wt_measurement whole = integrate_between(&i, &begin, &end),
                          first = integrate_between(&i, &begin, &middle),
                          second = integrate_between(&i, &middle, &end);
    assert_true(fabs((double)whole.energy_mj - 150e3 * 598) < 2);
    assert_true(llabs((long long)(whole.energy_mj - first.energy_mj - second.energy_mj)) <= 1);
    assert_int_equal(integrate_at(&i, 3 * NS_PER_S, &begin),
                     WT_E_NO_DATA); /* the ring has forgotten it */
}

/* Readings that agree for long are a sensor that has stopped: what it last said is then no power,
 * and soon not even a guess. */
static void standing_still(void **state)
{
    (void)state;
    static struct integrate i;
    struct integrate_mark begin, end;
    double error_j;
    integrate_init(&i, 20 * NS_PER_MS, 10 * NS_PER_MS, 50, 25 * NS_PER_MS);
    i.most_mw = 287500;
    unsigned k = 0;
    for (; k < 200; k++) /* 1 to 7 s; the last is the first to show 200 W */
        add(&i, 1 + k * 0.03, k < 199 ? 199950 + k % 2 * 100 : 200000);
    for (; k < 207; k++)
        add(&i, 1 + k * 0.03, 200000);
    between_j(&i, 3, 7.18, &error_j);
    assert_true(error_j < 2); /* seven that agree happen */
    for (; k < 215; k++)
        add(&i, 1 + k * 0.03, 200000);
    assert_int_equal(integrate_at(&i, 3 * NS_PER_S, &begin), 0);
    assert_int_equal(integrate_at(&i, 7 * NS_PER_S + 440 * NS_PER_MS, &end), 0);
    struct wt_measurement m = integrate_between(&i, &begin, &end);
    assert_int_equal(m.source, WT_SOURCE_INTEGRATED);
    assert_true(m.quality & WT_QUALITY_STALE);
    assert_true(m.energy_error_mj > 0.47 * 287500 &&
                m.energy_error_mj < 0.47 * 287500 + 2000); /* anything since 6.97 s */
    between_j(&i, 3, 6.9, &error_j);
    assert_true(error_j < 2); /* the time before is as sure as ever */
    assert_false(i.stopped);
    for (; k < 310; k++)
        add(&i, 1 + k * 0.03, 200000);
    assert_true(i.stopped);
    assert_int_equal(integrate_at(&i, 10 * NS_PER_S, &end), 0);
    m = integrate_between(&i, &begin, &end);
    assert_int_equal(m.source, WT_SOURCE_NONE);
    assert_true(m.quality & WT_QUALITY_STALE);
    add(&i, 1 + k * 0.03, 150000); /* moves again: the time between stays unknown */
    assert_int_equal(integrate_at(&i, 8 * NS_PER_S, &end), 0);
    assert_int_equal(integrate_between(&i, &begin, &end).source, WT_SOURCE_NONE);
    between_j(&i, 3, 6.9, &error_j);
    assert_true(error_j < 2);
}

/* A sensor that was never seen to move may have stood still from the start; one of unknown
 * resolution may be at rest. */
static void never_seen_to_move(void **state)
{
    (void)state;
    static struct integrate i;
    double error_j;
    for (unsigned fine = 0; fine < 2; fine++) {
        integrate_init(&i, 20 * NS_PER_MS, 10 * NS_PER_MS, fine ? 50 : 0, 25 * NS_PER_MS);
        i.most_mw = 287500;
        for (unsigned k = 0; k < 50; k++)
            add(&i, 1 + k * 0.03, 30000);
        double energy_j = between_j(&i, 1.5, 2.4, &error_j);
        assert_true(fabs(energy_j - 27) < 0.01);
        assert_true(fine ? error_j > 0.9 * 287 : error_j < 0.1);
    }
}

/* Never closer than a tick and the gap, never in step. */
static void read_times(void **state)
{
    (void)state;
    static struct integrate i;
    integrate_init(&i, 20 * NS_PER_MS, 10 * NS_PER_MS, 50, 25 * NS_PER_MS);
    int64_t t_ns = NS_PER_S, least = INT64_MAX, most = 0;
    for (unsigned k = 0; k < 1000; k++) {
        integrate_add(&i, t_ns, t_ns, 100000);
        int64_t next_ns = integrate_next_read_ns(&i, t_ns);
        least = next_ns - t_ns < least ? next_ns - t_ns : least;
        most = next_ns - t_ns > most ? next_ns - t_ns : most;
        t_ns = next_ns;
    }
    assert_true(least >= 25 * NS_PER_MS && least < 26 * NS_PER_MS);
    assert_true(most > 42 * NS_PER_MS && most <= INT64_C(43750000));
    assert_true(t_ns - NS_PER_S < INT64_C(31750000000)); /* a quarter more on average */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steady),
                                       cmocka_unit_test(square),
                                       cmocka_unit_test(locked),
                                       cmocka_unit_test(training),
                                       cmocka_unit_test(lag),
                                       cmocka_unit_test(hole),
                                       cmocka_unit_test(long_run),
                                       cmocka_unit_test(standing_still),
                                       cmocka_unit_test(never_seen_to_move),
                                       cmocka_unit_test(read_times)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
