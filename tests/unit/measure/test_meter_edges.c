/* SPDX-License-Identifier: Apache-2.0
 *
 * The edge tracker against simulated counters.  The truth is the load's closed-form integral; the
 * counter shows it at its ticks only, the reads take time, and the tracker itself says when to
 * read.  Asserted are the promises that everything above is built on: the stated error holds in 95
 * % of cases, it is not idle, windows at constant load are exact to parts of a percent, and a
 * device is not asked more than forty times a second.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "measure/meter/edges.h"

enum { SEEDS = 12, MOMENTS = 400 };
static const int64_t GAP_NS = 25 * NS_PER_MS;

/* --- A counter that can be asked --- */

struct load { /* a square wave; period 0: constant at high_w */
    double period_s, duty, high_w, low_w;
    double jitter; /* of each period's length, as a fraction: steps are never all alike */
};

enum { CYCLES_MOST = 16384 };

struct counter {
    struct load load;
    double period_s, phase_s, tick_jitter_s, latency_lo_s, latency_hi_s;
    double frozen_from_s, frozen_to_s; /* the counter stands still, the GPU does not */
    double reset_s;                    /* the counter starts again at 0 here; 0: never */
    uint64_t random;
    unsigned cycles;
    double begin_s[CYCLES_MOST], begin_j[CYCLES_MOST]; /* of each cycle of the wave */
};

static double uniform(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) / 9007199254740992.0;
}

static uint64_t hash(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

/* Where the cycles of the wave begin, far enough for every run here. */
static void lay_out(struct counter *c, double until_s)
{
    double t = -c->load.period_s * uniform(&c->random), e = 0;
    for (c->cycles = 0; c->load.period_s > 0 && c->cycles < CYCLES_MOST && t < until_s;
         c->cycles++) {
        double length = c->load.period_s * (1 + c->load.jitter * (2 * uniform(&c->random) - 1));
        c->begin_s[c->cycles] = t;
        c->begin_j[c->cycles] = e;
        e += length * (c->load.duty * c->load.high_w + (1 - c->load.duty) * c->load.low_w);
        t += length;
    }
    assert_true(c->load.period_s == 0 || c->cycles < CYCLES_MOST);
}

static double true_j(const struct counter *c, double t)
{
    if (c->load.period_s == 0)
        return 1000 + c->load.high_w * t;
    unsigned low = 0, high = c->cycles;
    while (high - low > 1) {
        unsigned mid = (low + high) / 2;
        if (c->begin_s[mid] <= t)
            low = mid;
        else
            high = mid;
    }
    double length = low + 1 < c->cycles ? c->begin_s[low + 1] - c->begin_s[low] : c->load.period_s;
    double in = t - c->begin_s[low], on = fmin(in, length * c->load.duty);
    return 1000 + c->begin_j[low] + on * c->load.high_w + (in - on) * c->load.low_w;
}

static double tick_s(const struct counter *c, int64_t k)
{
    double noise = (double)(hash((uint64_t)k * 2654435761u + (uint64_t)(c->phase_s * 1e9)) >> 11) /
                   9007199254740992.0;
    return c->phase_s + (double)k * c->period_s + c->tick_jitter_s * (2 * noise - 1);
}

static uint64_t shown_mj(const struct counter *c, double t)
{
    if (t >= c->frozen_from_s && t < c->frozen_to_s)
        t = c->frozen_from_s;
    int64_t k = (int64_t)floor((t - c->phase_s) / c->period_s) + 1;
    while (tick_s(c, k) > t)
        k--;
    double at = tick_s(c, k);
    return (uint64_t)floor(
        1000 * (true_j(c, at) - (c->reset_s > 0 && at >= c->reset_s ? true_j(c, c->reset_s) : 0)));
}

static double ns(int64_t t_ns)
{
    return (double)t_ns / 1e9;
}

struct run {
    struct counter counter;
    struct edges edges;
    int64_t now_ns;
    unsigned reads;
};

static void start(struct run *run, struct load load, double nominal_ms, double deviation,
                  unsigned seed)
{
    memset(run, 0, sizeof *run);
    run->counter.load = load;
    run->counter.random = hash(seed + 1);
    run->counter.period_s = nominal_ms / 1000 * (1 + deviation);
    run->counter.phase_s = uniform(&run->counter.random) * run->counter.period_s;
    run->counter.tick_jitter_s = 0.0002;
    run->counter.latency_lo_s = 0.0001;
    run->counter.latency_hi_s = 0.005;
    lay_out(&run->counter, 200);
    edges_init(&run->edges, (int64_t)(nominal_ms * 1e6), GAP_NS);
    run->now_ns = NS_PER_S;
}

/* One read of a given length; the value is taken at a moment somewhere inside the call. */
static void read_for(struct run *run, double length_s)
{
    double inside = ns(run->now_ns) + length_s * uniform(&run->counter.random);
    int64_t end_ns = run->now_ns + (int64_t)(length_s * 1e9);
    edges_add(&run->edges, run->now_ns, end_ns, shown_mj(&run->counter, inside));
    run->now_ns = end_ns;
    run->reads++;
}

/* Reads at the moments the tracker asks for, a little late as any sleeper is; `missed` is the share
 * left out. */
static void go_until(struct run *run, double until_s, double missed)
{
    struct counter *c = &run->counter;
    while (ns(run->now_ns) < until_s) {
        int64_t next_ns = edges_next_read_ns(&run->edges, run->now_ns);
        assert_true(next_ns >= run->now_ns);
        run->now_ns = next_ns + (int64_t)(uniform(&c->random) * 3e5);
        if (missed > 0 && uniform(&c->random) < missed) {
            run->now_ns += GAP_NS;
            continue;
        }
        double spread = uniform(&c->random);
        read_for(run,
                 c->latency_lo_s + (c->latency_hi_s - c->latency_lo_s) * spread * spread * spread);
    }
}

/* Reads as it asks, up to a moment at which the owner makes a read of its own. */
static void go_before(struct run *run, double until_s)
{
    int64_t until_ns = (int64_t)(until_s * 1e9);
    while (edges_next_read_ns(&run->edges, run->now_ns) + 300000 < until_ns) {
        run->now_ns = edges_next_read_ns(&run->edges, run->now_ns) +
                      (int64_t)(uniform(&run->counter.random) * 1e5);
        read_for(run, run->counter.latency_lo_s);
    }
    run->now_ns = until_ns;
}

/* --- Coverage --- */

struct tally {
    unsigned asked, inside;
    double error_j, stated_j; /* sums */
};

static void ask(struct run *run, double t, struct tally *tally)
{
    struct wt_sample sample;
    assert_int_equal(edges_energy_at(&run->edges, (int64_t)(t * 1e9), &sample), 0);
    double error_j = fabs((double)sample.energy_mj / 1000 - true_j(&run->counter, t));
    tally->asked++;
    tally->inside += error_j <= (double)sample.energy_error_mj / 1000;
    tally->error_j += error_j;
    tally->stated_j += (double)sample.energy_error_mj / 1000;
}

static void ask_between(struct run *run, double from_s, double to_s, struct tally *tally)
{
    for (unsigned i = 0; i < MOMENTS; i++)
        ask(run, from_s + (to_s - from_s) * uniform(&run->counter.random), tally);
}

static const struct load loads[] = {
    {0, 0, 200, 200, 0},        {4, 0.5, 250, 60, 0}, /* phases of seconds */
    {0.9, 0.8, 250, 90, 0.02},  {0.33, 0.7, 250, 90, 0.02},   {0.13, 0.6, 250, 90, 0.02},
    {0.13, 0.9, 250, 60, 0},    {0.047, 0.7, 250, 100, 0.05}, /* several steps within a tick */
    {0.021, 0.5, 300, 60, 0.1},
};

static void test_stated_error_holds(void **state)
{
    (void)state;
    static const double ticks_ms[] = {20, 100}, deviations[] = {0, 0.007, -0.007};
    struct run *run = malloc(sizeof *run);
    for (unsigned l = 0; l < sizeof loads / sizeof loads[0]; l++)
        for (unsigned p = 0; p < 2; p++) {
            struct tally past = {0}, now = {0};
            for (unsigned seed = 0; seed < SEEDS; seed++) {
                start(run, loads[l], ticks_ms[p], deviations[seed % 3], seed * 100 + l * 10 + p);
                go_until(run, 4, 0);
                for (unsigned s = 0; s < 40; s++) {
                    go_until(run, ns(run->now_ns) + 0.1 + 0.1 * uniform(&run->counter.random), 0);
                    ask(run, ns(run->now_ns), &now);
                }
                ask_between(run, 2, ns(edges_known_until_ns(&run->edges)), &past);
            }
            /* Not idle either: less than a third of a tick's energy, where a plain read is off by
             * half of it. */
            double tick_j = 300 * ticks_ms[p] / 1000;
            assert_true(past.inside >= 0.95 * past.asked && now.inside >= 0.95 * now.asked);
            assert_true(past.stated_j / past.asked < tick_j / 3);
            assert_true(l > 0 || past.stated_j / past.asked < 0.06 * tick_j);
        }
    free(run);
}

/* Windows at constant load after a few seconds, ended in the past as slices are. */
static void test_windows(void **state)
{
    (void)state;
    static const double ticks_ms[] = {20, 100}, lengths_s[] = {1, 5};
    struct run *run = malloc(sizeof *run);
    for (unsigned p = 0; p < 2; p++)
        for (unsigned w = 0; w < 2; w++) {
            double worst = 0, stated = 0;
            for (unsigned seed = 0; seed < 60; seed++) {
                start(run, loads[0], ticks_ms[p], 0.007 * (seed % 3 - 1.0), seed);
                double from = 5 + uniform(&run->counter.random), to = from + lengths_s[w];
                go_until(run, to + 0.3, 0);
                struct wt_sample a, b;
                assert_int_equal(edges_energy_at(&run->edges, (int64_t)(from * 1e9), &a), 0);
                assert_int_equal(edges_energy_at(&run->edges, (int64_t)(to * 1e9), &b), 0);
                double truth = true_j(&run->counter, to) - true_j(&run->counter, from);
                worst = fmax(worst, fabs((double)(b.energy_mj - a.energy_mj) / 1000 / truth - 1));
                stated =
                    fmax(stated, (double)(b.energy_error_mj + a.energy_error_mj) / 1000 / truth);
            }
            print_message("%3.0f ms, %g s: off by %.3f %% at most, stated %.3f %%\n", ticks_ms[p],
                          lengths_s[w], 100 * worst, 100 * stated);
            assert_true(worst < (w ? 0.002 : 0.01) / 2);
            assert_true(stated < (w ? 0.003 : 0.015));
        }
    free(run);
}

/* A long calm, and work that begins less than a tick before the window's end, or the reverse: no
 * tick has shown it yet, and the bound must hold all the same. */
static void test_change_behind_the_last_tick(void **state)
{
    (void)state;
    static const double ticks_ms[] = {20, 100};
    struct run *run = malloc(sizeof *run);
    for (unsigned p = 0; p < 2; p++)
        for (unsigned stops = 0; stops < 2; stops++) {
            unsigned inside = 0;
            for (unsigned seed = 0; seed < 100; seed++) {
                start(run, loads[1], ticks_ms[p], 0.007 * (seed % 3 - 1.0), seed);
                run->edges.most_mw = 300000;
                double change = run->counter.begin_s[3] + (stops ? 2 : 0),
                       from = change - 1.5 + 0.3 * uniform(&run->counter.random),
                       to = change + ticks_ms[p] / 1000 * uniform(&run->counter.random);
                go_before(run, to);
                read_for(run, 0.00005);
                struct wt_sample a, b;
                int64_t since_ns = (int64_t)(from * 1e9), until_ns = (int64_t)(to * 1e9);
                assert_int_equal(edges_energy_since(&run->edges, since_ns, since_ns, &a), 0);
                assert_int_equal(edges_energy_since(&run->edges, since_ns, until_ns, &b), 0);
                double stated_j = (double)(a.energy_error_mj + b.energy_error_mj) / 1000,
                       truth_j = true_j(&run->counter, to) - true_j(&run->counter, from),
                       said_j = ((double)b.energy_mj - (double)a.energy_mj) / 1000;
                inside += fabs(said_j - truth_j) <= stated_j;
            }
            assert_true(inside >= 95);
        }
    free(run);
}

/* An owner's own windows, one behind the other, each as long as three ticks and ended and begun by
 * reads of its own.  They drift slowly against the ticks, and wherever in a tick they lie, the
 * reads between theirs must still see every tick: one that is skipped costs a window most of what
 * edges are for. */
static void test_windows_of_whole_ticks(void **state)
{
    (void)state;
    enum { PHASES = 40, WINDOWS = 24 };
    struct run *run = malloc(sizeof *run);
    for (unsigned phase = 0; phase < PHASES; phase++) {
        unsigned narrow = 0;
        start(run, loads[0], 100, 0, phase);
        run->edges.most_mw = 300000;
        run->counter.phase_s = 0.1 * phase / PHASES;
        run->counter.latency_hi_s = 0.0005;
        go_until(run, 4, 0);
        for (unsigned w = 0; w < WINDOWS; w++) {
            struct wt_sample a, b;
            double from = 4.05 + 0.3002 * w, to = from + 0.3;
            read_for(run, 0.00005);
            go_before(run, to);
            read_for(run, 0.00005);
            int64_t since_ns = (int64_t)(from * 1e9), until_ns = (int64_t)(to * 1e9);
            assert_int_equal(edges_energy_since(&run->edges, since_ns, since_ns, &a), 0);
            assert_int_equal(edges_energy_since(&run->edges, since_ns, until_ns, &b), 0);
            double stated_j = (double)(a.energy_error_mj + b.energy_error_mj) / 1000;
            double truth_j = true_j(&run->counter, to) - true_j(&run->counter, from);
            assert_true(fabs((double)(b.energy_mj - a.energy_mj) / 1000 - truth_j) <= stated_j);
            /* Of the time since the last tick nothing is known, 200 W either way. */
            double tick = floor((to - run->counter.phase_s) / 0.1) * 0.1 + run->counter.phase_s;
            narrow += stated_j < 4 + 200 * (to - tick); /* a tick unseen leaves 10 J open */
        }
        assert_true(narrow >= WINDOWS * 3 / 4);
    }
    free(run);
}

/* Never more than forty reads in any second, the search of the first seconds and a standing counter
 * included. */
static void test_reads_are_few(void **state)
{
    (void)state;
    static const double ticks_ms[] = {20, 100};
    struct run *run = malloc(sizeof *run);
    for (unsigned p = 0; p < 2; p++)
        for (unsigned seed = 0; seed < 10; seed++) {
            int64_t last_ns[41] = {0}; /* the last 41 reads: they span a second or more */
            unsigned n = 0;
            start(run, loads[seed % 8], ticks_ms[p], 0.007 * (seed % 3 - 1.0), seed);
            run->counter.frozen_from_s = 8;
            run->counter.frozen_to_s = 10;
            while (ns(run->now_ns) < 15) {
                unsigned before = run->reads;
                go_until(run, ns(run->now_ns) + 1e-9, 0);
                assert_int_equal(run->reads, before + 1);
                int64_t *oldest = &last_ns[n++ % 41];
                assert_true(run->edges.read_ns - *oldest >= NS_PER_S || n <= 41);
                *oldest = run->edges.read_ns;
            }
        }
    free(run);
}

/* Rests of several ticks: the period is learned by shorter ones first, so that the ticks are told
 * apart afterwards, and that costs no more reads for ever; ticks that scatter by less than such
 * reads can see are in the stated error. */
static void test_long_rests(void **state)
{
    (void)state;
    enum { LONG_GAP_NS = 100 * NS_PER_MS };
    struct run *run = malloc(sizeof *run);
    for (unsigned irregular = 0; irregular < 2; irregular++)
        for (unsigned seed = 0; seed < 10; seed++) {
            struct tally tally = {0};
            start(run, loads[0], 20, 0.007 * (seed % 3 - 1.0), seed);
            if (irregular) {
                run->counter.tick_jitter_s = 0.001;
                lay_out(&run->counter, 200);
            }
            run->edges.gap_ns = LONG_GAP_NS;
            assert_true(run->edges.learning_gap_ns < LONG_GAP_NS);
            go_until(run, 5, 0);
            unsigned at_first = run->reads;
            assert_true(at_first > 5 * 10 && at_first <= 4 * 40);
            go_until(run, 60, 0);
            unsigned before = run->reads;
            go_until(run, 90, 0);
            assert_true(run->reads - before <= 30 * 10 * 5 / 4);
            ask_between(run, 60, 89, &tally);
            assert_true(tally.inside >= 0.95 * tally.asked);
            if (!irregular) { /* a plain read leaves a tick open, 4 J */
                assert_true(run->edges.phase_known);
                assert_true(tally.stated_j / tally.asked < 0.7);
            }
        }
    free(run);
}

/* A call that takes seconds, and moments at which nobody had time to read. */
static void test_slow_and_missed(void **state)
{
    (void)state;
    struct run *run = malloc(sizeof *run);
    for (unsigned p = 0; p < 2; p++) {
        struct tally tally = {0}, during = {0};
        for (unsigned seed = 0; seed < 20; seed++) {
            start(run, loads[seed % 2 ? 1 : 0], p ? 100 : 20, 0.007, seed);
            go_until(run, 5, 0.3);
            read_for(run, 5);
            go_until(run, 16, 0.3);
            ask_between(run, 2, 4.9, &tally);
            ask_between(run, 12, 15.5, &tally);
            ask_between(run, 5, 10, &during);
        }
        assert_true(tally.inside >= 0.95 * tally.asked);
        assert_true(during.inside >=
                    0.90 * during.asked); /* nothing is known inside but both ends */
    }
    free(run);
}

/* A counter that stands still: energy behind its last move is marked stale and is not
 * claimed to be known. */
static void test_frozen(void **state)
{
    (void)state;
    struct run *run = malloc(sizeof *run);
    struct wt_sample sample;
    for (unsigned p = 0; p < 2; p++)
        for (unsigned seed = 0; seed < 10; seed++) {
            start(run, loads[0], p ? 100 : 20, 0, seed);
            run->counter.frozen_from_s = 6;
            run->counter.frozen_to_s = 9;
            go_until(run, 8.9, 0);
            assert_int_equal(edges_energy_at(&run->edges, (int64_t)5e9, &sample), 0);
            assert_int_equal(sample.quality, WT_QUALITY_GOOD);
            assert_int_equal(edges_energy_at(&run->edges, (int64_t)8.8e9, &sample), 0);
            assert_true(sample.quality & WT_QUALITY_STALE);
            double error_j = fabs((double)sample.energy_mj / 1000 - true_j(&run->counter, 8.8));
            assert_true(error_j <= (double)sample.energy_error_mj / 1000);
            assert_true(sample.energy_error_mj >
                        200000); /* two seconds and more of which nothing is known */
            struct tally after = {0};
            go_until(run, 14, 0);
            ask_between(run, 11, 13.5, &after);
            assert_true(after.inside >= 0.95 * after.asked);
            assert_true(after.stated_j / after.asked < 3);
        }
    free(run);
}

static void test_reset(void **state)
{
    (void)state;
    struct run *run = malloc(sizeof *run);
    struct wt_sample sample;
    start(run, loads[0], 100, 0, 7);
    assert_int_equal(edges_energy_at(&run->edges, 0, &sample), WT_E_NO_DATA);
    assert_int_equal(edges_known_until_ns(&run->edges), 0);
    run->counter.reset_s = 6;
    go_until(run, 5.9, 0);
    unsigned before = run->edges.count;
    go_until(run, 6.5, 0);
    assert_true(run->edges.count < before); /* the knots of before are dropped */
    go_until(run, 9, 0);
    assert_int_equal(edges_energy_at(&run->edges, (int64_t)8e9, &sample), 0);
    assert_true(fabs((double)sample.energy_mj / 1000 - 400) <=
                (double)sample.energy_error_mj / 1000);
    assert_true(edges_known_until_ns(&run->edges) > (int64_t)8.7e9);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stated_error_holds),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_change_behind_the_last_tick),
        cmocka_unit_test(test_windows_of_whole_ticks),
        cmocka_unit_test(test_reads_are_few),
        cmocka_unit_test(test_long_rests),
        cmocka_unit_test(test_slow_and_missed),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
