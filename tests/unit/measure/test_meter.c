/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows: by hand, nested and overlapping, over counters that are lost, reset or late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "measure/meter/window_table.h"

#define MS INT64_C(1000000)

static struct wt_sample sample(int64_t t_ms, uint64_t energy_mj)
{
    return (struct wt_sample){
        .t_ns = t_ms * MS, .energy_mj = energy_mj, .source = WT_SOURCE_COUNTER};
}

static void test_between(void **state)
{
    (void)state;
    struct wt_sample a = sample(1000, 5000), b = sample(3000, 405000);
    struct wt_measurement m = samples_between(&a, &b, 250000);
    assert_int_equal(m.energy_mj, 400000);
    assert_int_equal(m.energy_error_mj, 0);
    assert_int_equal(m.begin_ns, 1000 * MS);
    assert_int_equal(m.end_ns, 3000 * MS);
    assert_int_equal(m.source, WT_SOURCE_COUNTER);
    /* A counter 100 ms behind misses at most 100 ms at the limit, at either end but not at both in
     * one direction. */
    a.lag_ns = b.lag_ns = 100 * MS;
    a.energy_error_mj = 3;
    b.energy_error_mj = 4;
    assert_int_equal(samples_between(&a, &b, 250000).energy_error_mj, 25007);
    a.lag_ns = 20 * MS;
    assert_int_equal(samples_between(&a, &b, 250000).energy_error_mj, 25007);
    b.lag_ns = 0;
    assert_int_equal(samples_between(&a, &b, 250000).energy_error_mj, 5007);
    assert_int_equal(samples_between(&a, &b, 0).energy_error_mj,
                     7 + 1500 * 20); /* no GPU draws more than 1500 W */
    b.source = WT_SOURCE_INTEGRATED;
    assert_int_equal(samples_between(&a, &b, 0).source, WT_SOURCE_ESTIMATED);
}

/* Shorter than a tick the counter shows nothing or a whole tick; the truth is between 0 and the
 * limit all along. */
static void test_shorter_than_a_tick(void **state)
{
    (void)state;
    struct wt_sample a = sample(1000, 5000), same = sample(1030, 5000),
                     ticked = sample(1030, 25000);
    a.lag_ns = same.lag_ns = ticked.lag_ns = 100 * MS;
    struct wt_measurement m = samples_between(&a, &same, 250000);
    assert_int_equal(m.energy_mj, 3750); /* half of 250 W over 30 ms */
    assert_int_equal(m.energy_error_mj, 3750);
    assert_int_equal(m.source, WT_SOURCE_ESTIMATED);
    m = samples_between(&a, &ticked, 250000);
    assert_int_equal(m.energy_mj, 3750);
    assert_int_equal(m.energy_error_mj, 3750);
    /* 300 ms of three ticks: 60 J counted, at most 25 J missed at either end, and no more than 75 J
     * in all. */
    struct wt_sample longer = sample(1300, 65000);
    longer.lag_ns = 100 * MS;
    m = samples_between(&a, &longer, 250000);
    assert_int_equal(m.energy_mj, 55000);
    assert_int_equal(m.energy_error_mj, 20000);
    assert_int_equal(m.source, WT_SOURCE_COUNTER);
    /* A limit that is exceeded (a clock floor) does not make the bounds cross. */
    struct wt_sample hot = sample(1200, 105000);
    hot.lag_ns = 100 * MS;
    m = samples_between(&a, &hot, 250000);
    assert_true(m.energy_mj >= 62500 && m.energy_mj <= 75000 && m.energy_error_mj <= 12500);
}

static void test_unknown(void **state)
{
    (void)state;
    struct wt_sample a = sample(1000, 5000), b = sample(3000, 4000), none = {.t_ns = 2000 * MS};
    struct wt_measurement m = samples_between(&a, &b, 250000);
    assert_int_equal(m.source, WT_SOURCE_NONE);
    assert_true(m.quality & WT_QUALITY_RESET);
    b.energy_mj = 9000;
    b.quality = WT_QUALITY_RESET; /* went back in between and is past the old value again */
    assert_int_equal(samples_between(&a, &b, 250000).source, WT_SOURCE_NONE);
    assert_int_equal(samples_between(&a, &none, 250000).source, WT_SOURCE_NONE);
    assert_int_equal(samples_between(&none, &a, 250000).source, WT_SOURCE_NONE);
    b.quality = WT_QUALITY_STALE;
    m = samples_between(&a, &b, 250000);
    assert_int_equal(m.energy_mj, 4000);
    assert_int_equal(m.quality, WT_QUALITY_STALE);
    struct wt_measurement both[2] = {m, m};
    both[1].energy_error_mj = 11;
    both[1].begin_ns -= 5;
    both[0].energy_error_mj = 6;
    struct wt_measurement sum = meter_sum(both, 2);
    assert_int_equal(sum.energy_mj, 8000);
    assert_int_equal(sum.energy_error_mj, 17);
    assert_int_equal(sum.begin_ns, m.begin_ns - 5);
    both[1].source = WT_SOURCE_NONE;
    assert_int_equal(meter_sum(both, 2).source, WT_SOURCE_NONE);
    both[0].source = WT_SOURCE_NONE;
    assert_int_equal(meter_sum(both, 2).source, WT_SOURCE_NONE);
    assert_int_equal(meter_sum(both, 0).source, WT_SOURCE_NONE);
}

/* The table with counters that are read by hand: begin and end as a window meter does them. */
static struct window_table *table_of(unsigned count)
{
    struct window_table *table = NULL;
    assert_int_equal(window_table_new(count, &table, NULL), 0);
    return table;
}

static int begin(struct window_table *table, const char *name, const struct wt_sample samples[])
{
    struct moment moments[2] = {{.read = samples[0]}};
    if (name && strncmp(name, "window", 6) == 0) /* test_many_windows: two devices */
        moments[1].read = samples[1];
    return window_table_open(table, name, moments, NULL);
}

static int end(struct window_table *table, const char *name, const struct wt_sample samples[],
               unsigned count, struct wt_measurement m[])
{
    struct moment moments[2];
    int rc = window_table_close(table, name, moments, NULL);
    for (unsigned i = 0; rc == 0 && i < count; i++)
        m[i] = samples_between(&moments[i].read, &samples[i], 0);
    return rc;
}

static void test_nested_and_overlapping(void **state)
{
    (void)state;
    struct window_table *table = table_of(1);
    struct wt_measurement m;
    struct wt_sample s = sample(0, 100);
    assert_int_equal(begin(table, "run", &s), 0);
    s = sample(10, 110);
    assert_int_equal(begin(table, "a", &s), 0);
    assert_int_equal(begin(table, "run", &s), WT_E_BUSY);
    s = sample(20, 130);
    assert_int_equal(begin(table, "b", &s), 0);
    s = sample(30, 170);
    assert_int_equal(end(table, "a", &s, 1, &m),
                     0); /* a and b overlap: neither is inside the other */
    assert_int_equal(m.energy_mj, 60);
    s = sample(40, 250);
    assert_int_equal(end(table, "b", &s, 1, &m), 0);
    assert_int_equal(m.energy_mj, 120);
    assert_int_equal(end(table, "b", &s, 1, &m), WT_E_NOT_FOUND);
    assert_int_equal(m.energy_mj, 120);
    assert_int_equal(begin(table, "a", &s), 0);
    s = sample(50, 300);
    assert_int_equal(end(table, "a", &s, 1, &m), 0);
    assert_int_equal(m.energy_mj, 50);
    assert_int_equal(end(table, "run", &s, 1, &m), 0);
    assert_int_equal(m.energy_mj, 200);
    assert_int_equal(begin(table, "", &s), WT_E_INVALID);
    assert_int_equal(begin(table, NULL, &s), WT_E_INVALID);
    assert_int_equal(end(table, NULL, &s, 1, &m), WT_E_NOT_FOUND);
    assert_null(window_table_free(table));
    assert_int_equal(window_table_new(0, &table, NULL), WT_E_INVALID);
    assert_int_equal(window_table_new(WT_MAX_DEVICES + 1, &table, NULL), WT_E_INVALID);
}

static void test_many_windows(void **state)
{
    (void)state;
    struct window_table *table = table_of(2);
    struct wt_sample s[2] = {sample(0, 0), sample(0, 0)};
    struct wt_measurement m[2];
    char name[METER_NAME_LEN];
    for (unsigned i = 0; i < METER_WINDOWS_MOST; i++) {
        snprintf(name, sizeof name, "window %u", i);
        s[0].energy_mj = i;
        s[1].energy_mj = 2 * i;
        assert_int_equal(begin(table, name, s), 0);
    }
    assert_int_equal(begin(table, "one too many", s), WT_E_NO_MEMORY);
    s[0] = s[1] = sample(1, 5000);
    size_t used = mallinfo2().uordblks;
    for (unsigned i = METER_WINDOWS_MOST; i-- > 0;) {
        snprintf(name, sizeof name, "window %u", i);
        assert_int_equal(end(table, name, s, 2, m), 0);
        assert_int_equal(m[0].energy_mj, 5000 - i);
        assert_int_equal(m[1].energy_mj, 5000 - 2 * i);
    }
    for (unsigned i = 0; i < 5000; i++) {
        assert_int_equal(begin(table, i % 2 ? "step" : "other", s), 0);
        assert_int_equal(end(table, i % 2 ? "step" : "other", s, 2, m), 0);
    }
    assert_int_equal(mallinfo2().uordblks, used);
    window_table_free(table);
}

/* A recorded counter (a V100 under a square load, read every 250 ms) and windows whose energies
 * were summed by hand. */
static void test_recorded(void **state)
{
    (void)state;
    static const uint64_t counter_mj[] = {714203, 729418, 791870, 854316,
                                          916741, 931955, 947180, 1009627};
    static const struct {
        unsigned from, to;
        uint64_t energy_mj;
    } windows[] = {{0, 1, 15215}, {1, 4, 187323}, {4, 6, 30439}, {0, 7, 295424}, {3, 3, 0}};
    struct window_table *table = table_of(1);
    struct wt_measurement m;
    for (unsigned t = 0; t < 8; t++) {
        struct wt_sample s = sample(250 * t, counter_mj[t]);
        for (unsigned w = 0; w < sizeof windows / sizeof windows[0]; w++) {
            char name[8];
            snprintf(name, sizeof name, "%u", w);
            if (windows[w].from == t)
                assert_int_equal(begin(table, name, &s), 0);
            if (windows[w].to == t) {
                assert_int_equal(end(table, name, &s, 1, &m), 0);
                assert_int_equal(m.energy_mj, windows[w].energy_mj);
                assert_int_equal(m.end_ns - m.begin_ns,
                                 (windows[w].to - windows[w].from) * 250 * MS);
            }
        }
    }
    window_table_free(table);
}

/* Two cards of one model may both read too much: their parts add up, weighted by what each used. */
static void test_sensor_error(void **state)
{
    (void)state;
    struct wt_device devices[2] = {{.sensor_error_ppm = 50000}, {.sensor_error_ppm = 110000}};
    struct wt_measurement m[2] = {{.energy_mj = 3000, .source = WT_SOURCE_COUNTER},
                                  {.energy_mj = 1000, .source = WT_SOURCE_INTEGRATED}};
    assert_true(fabs(meter_sensor_error(m, devices, 2) - 0.065) < 1e-12);
    assert_true(fabs(meter_sensor_error(m, devices, 1) - 0.05) < 1e-12);
    devices[1].sensor_error_ppm = 0; /* not known of one: not known of the sum */
    assert_true(isnan(meter_sensor_error(m, devices, 2)));
    devices[1].sensor_error_ppm = 110000;
    m[1].source = WT_SOURCE_NONE;
    assert_true(isnan(meter_sensor_error(m, devices, 2)));
    assert_true(isnan(meter_sensor_error(m, devices, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between),      cmocka_unit_test(test_shorter_than_a_tick),
        cmocka_unit_test(test_unknown),      cmocka_unit_test(test_nested_and_overlapping),
        cmocka_unit_test(test_many_windows), cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_sensor_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
