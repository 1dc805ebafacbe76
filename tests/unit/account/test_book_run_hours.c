/* SPDX-License-Identifier: Apache-2.0
 *
 * The account of a run: its hours hold the energy used in them, and add up to the whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "account/book/run_hours.h"
#include "base/clock.h"

static struct wt_error err;

enum { HOUR_S = 3600 };
/* 2025-03-01T12:00:00Z: hour 483564. */
static const int64_t NOON_MS = INT64_C(1740830400000), NOON = 483564;

static const struct wt_device devices[] = {{.kind = WT_DEVICE_GPU, .index = 4},
                                           {.kind = WT_DEVICE_CPU, .index = 0}};

static struct run_hours *begin(int64_t started_ms, unsigned count)
{
    struct run_hours *account = NULL;
    assert_int_equal(run_hours_new(devices, count, started_ms, 7 * NS_PER_S, &account, &err), 0);
    return account;
}

static void near(double a, double b)
{
    assert_true(fabs(a - b) < 1e-9 * (1 + fabs(b)));
}

static int64_t at(double s)
{
    return 7 * NS_PER_S + (int64_t)(s * 1e9);
}

static const struct wt_measurement unknown = {.source = WT_SOURCE_NONE, .energy_mj = 99};

static struct wt_measurement used(double energy_j)
{
    return (struct wt_measurement){.energy_mj = (uint64_t)(energy_j * 1000),
                                   .source = WT_SOURCE_COUNTER};
}

static size_t end(struct run_hours *account, double s, const struct wt_measurement all[],
                  struct ledger_hour **hours)
{
    size_t count = 77;
    assert_int_equal(run_hours_end(account, at(s), all, hours, &count, &err), 0);
    return count;
}

static void short_run_lies_in_one_hour(void **state)
{
    (void)state;
    struct run_hours *account = begin(NOON_MS + 1000, 2);
    struct ledger_hour *hours;
    const struct wt_measurement all[] = {used(1500.5), used(20)};
    assert_int_equal(end(account, 10, all, &hours), 2);
    assert_int_equal(hours[0].hour, NOON);
    assert_int_equal(hours[0].index, 4);
    assert_true(hours[0].energy_j == 1500.5 && isnan(hours[0].intensity_g_per_kwh));
    assert_true(hours[1].kind == WT_DEVICE_CPU && hours[1].energy_j == 20 &&
                isnan(hours[1].busy_s));
    run_hours_free(account);
}

/* From 11:30 to 14:15, with marks at 12, 13 and 14. */
static void hours_hold_what_was_used_in_them(void **state)
{
    (void)state;
    struct run_hours *account = begin(NOON_MS - 1800 * 1000, 1);
    const double marks_j[] = {100, 450, 600};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_hours_hour_ends_ns(account), at(1800 + i * HOUR_S));
        run_hours_hour(account, at(1800 + i * HOUR_S + 0.2), &marks_j[i]);
    }
    struct ledger_hour *hours;
    const struct wt_measurement all = used(700);
    assert_int_equal(end(account, 1800 + 2 * HOUR_S + 900, &all, &hours), 4);
    const double expected_j[] = {100, 350, 150, 100};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(hours[i].hour, NOON - 1 + i);
        assert_true(hours[i].energy_j == expected_j[i]);
    }
    run_hours_free(account);
}

/* The counter could not be read at 13:00 and 14:00: the energy until 14:30 is spread over the
 * time since 12:00. */
static void unknown_marks_share_evenly(void **state)
{
    (void)state;
    struct run_hours *account = begin(NOON_MS - 1800 * 1000, 1);
    const double first_j = 100, missing_j = NAN;
    run_hours_hour(account, at(1800), &first_j);
    run_hours_hour(account, at(1800 + HOUR_S), &missing_j);
    run_hours_hour(account, at(1800 + 2 * HOUR_S), &missing_j);
    struct ledger_hour *hours;
    const struct wt_measurement all = used(600);
    assert_int_equal(end(account, 1800 + 2.5 * HOUR_S, &all, &hours), 4);
    assert_true(hours[0].energy_j == 100);
    near(hours[1].energy_j, 200);
    near(hours[2].energy_j, 200);
    near(hours[3].energy_j, 100);
    run_hours_free(account);
}

/* The machine slept, or the host had no time for us: hours passed without a call. */
static void hours_that_passed_unseen(void **state)
{
    (void)state;
    struct run_hours *account = begin(NOON_MS, 1);
    const double so_far_j = 400;
    run_hours_hour(account, at(4 * HOUR_S + 1), &so_far_j);
    struct ledger_hour *hours;
    const struct wt_measurement all = used(500);
    assert_int_equal(end(account, 4 * HOUR_S + 10, &all, &hours), 5);
    for (int i = 0; i < 4; i++)
        near(hours[i].energy_j, 100);
    near(hours[4].energy_j, 100);
    run_hours_free(account);
}

/* Marks are plain readings: one may lie above the final total of the window. */
static void sums_hold_whatever_the_marks_say(void **state)
{
    (void)state;
    struct run_hours *account = begin(NOON_MS, 1);
    const double marks_j[] = {100.3, 200.7, 300.9};
    for (int i = 0; i < 3; i++)
        run_hours_hour(account, at((i + 1) * HOUR_S), &marks_j[i]);
    struct ledger_hour *hours;
    const struct wt_measurement all = used(300.1);
    assert_int_equal(end(account, 3 * HOUR_S + 0.1, &all, &hours), 4);
    double sum_j = 0;
    for (int i = 0; i < 4; i++) {
        assert_true(hours[i].energy_j >= 0);
        sum_j += hours[i].energy_j;
    }
    near(sum_j, 300.1);
    near(hours[2].energy_j, 300.1 - 200.7);
    assert_true(hours[3].energy_j == 0);
    run_hours_free(account);
}

static void unknown_stays_unknown(void **state)
{
    (void)state;
    struct run_hours *account = begin(NOON_MS, 2);
    const double marks_j[] = {100, NAN};
    run_hours_hour(account, at(HOUR_S), marks_j);
    struct ledger_hour *hours;
    const struct wt_measurement all[] = {unknown, used(50)};
    assert_int_equal(end(account, 2 * HOUR_S - 1, all, &hours), 4);
    assert_true(isnan(hours[0].energy_j) &&
                isnan(hours[1].energy_j)); /* the hours of an unknown whole are unknown too */
    near(hours[2].energy_j + hours[3].energy_j, 50);
    assert_true(isnan(hours[2].busy_s) &&
                isnan(run_hours_busy_s(account))); /* a CPU has none; of the GPU nothing was said */
    run_hours_free(account);
}

static void busy_time(void **state)
{
    (void)state;
    struct run_hours *account = begin(NOON_MS, 2);
    const double marks_j[] = {0, 0};
    run_hours_busy(account, 0, at(10), 0.5);
    run_hours_busy(account, 0, at(HOUR_S - 10), 1);
    run_hours_hour(account, at(HOUR_S), marks_j);
    run_hours_busy(account, 0, at(HOUR_S + 10), 0.25);
    struct ledger_hour *hours;
    const struct wt_measurement all[] = {used(1), used(1)};
    assert_int_equal(end(account, HOUR_S + 30, all, &hours), 4);
    near(hours[0].busy_s, 5 + (HOUR_S - 20));
    near(hours[1].busy_s, 5 + 5); /* 20 s at a quarter, and the rest as busy as it was last */
    near(run_hours_busy_s(account), 5 + (HOUR_S - 20) + 10);
    run_hours_free(account);
}

static void before_1970(void **state)
{
    (void)state;
    struct run_hours *account = begin(-1000, 1);
    const double so_far_j = 3;
    assert_int_equal(run_hours_hour_ends_ns(account), at(1));
    run_hours_hour(account, at(1), &so_far_j);
    struct ledger_hour *hours;
    const struct wt_measurement all = used(4);
    assert_int_equal(end(account, 2, &all, &hours), 2);
    assert_int_equal(hours[0].hour, -1);
    assert_int_equal(hours[1].hour, 0);
    run_hours_free(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_run_lies_in_one_hour),
        cmocka_unit_test(hours_hold_what_was_used_in_them),
        cmocka_unit_test(unknown_marks_share_evenly),
        cmocka_unit_test(hours_that_passed_unseen),
        cmocka_unit_test(sums_hold_whatever_the_marks_say),
        cmocka_unit_test(unknown_stays_unknown),
        cmocka_unit_test(busy_time),
        cmocka_unit_test(before_1970),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
