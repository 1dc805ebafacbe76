/* SPDX-License-Identifier: Apache-2.0
 *
 * setup: the doctor's judgements on readings, on sensors that are computed here.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"
#include "setup/checks.h"

#define MS INT64_C(1000000)

static struct trace counter, power;
static struct wt_check check;
static struct wt_device device;

/* Energy in mJ of a load of 200 W, or of one that is 80 W and 320 W by turns of half_ns. */
static double energy_mj(int64_t t_ns, int64_t half_ns)
{
    if (half_ns == 0)
        return 200e3 * (double)t_ns / 1e9;
    int64_t turns = t_ns / half_ns, rest_ns = t_ns % half_ns;
    double whole = (double)(turns / 2) * 400e3 + (turns % 2 ? 80e3 : 0);
    return (whole * (double)half_ns + (turns % 2 ? 320e3 : 80e3) * (double)rest_ns) / 1e9;
}

/* Reads both sensors every 0.5 ms for 1.5 s.  gain: of the power reading. */
static void read_sensors(int64_t counter_tick_ns, int64_t power_tick_ns, int64_t window_ns,
                         int64_t half_ns, double gain)
{
    const int64_t begin_ns = 10000 * MS + 7 * MS; /* off the tick */
    counter = power = (struct trace){0};
    for (int64_t t_ns = begin_ns; t_ns < begin_ns + 1500 * MS; t_ns += MS / 2) {
        int64_t at_ns = t_ns - t_ns % power_tick_ns;
        if (counter_tick_ns)
            trace_add(&counter, t_ns, floor(energy_mj(t_ns - t_ns % counter_tick_ns, half_ns)));
        double mean_mw = (energy_mj(at_ns, half_ns) - energy_mj(at_ns - window_ns, half_ns)) * 1e9 /
                         (double)window_ns;
        trace_add(&power, t_ns, gain * 50 * floor(mean_mw / 50));
    }
}

static int set_up(void **state)
{
    (void)state;
    counter = power = (struct trace){0};
    check = (struct wt_check){0};
    device = (struct wt_device){.has_energy_counter = true};
    return 0;
}

static double of(const char *key)
{
    for (unsigned i = 0; i < check.value_count; i++)
        if (strcmp(check.values[i].key, key) == 0)
            return check.values[i].value;
    fail_msg("no value %s", key);
    return NAN;
}

static void assert_near(double value, double wanted, double by)
{
    if (!(fabs(value - wanted) <= by))
        fail_msg("%g is not %g within %g", value, wanted, by);
}

static void periods_and_steps_are_found(void **state)
{
    (void)state;
    read_sensors(20 * MS, 20 * MS, 20 * MS, 0, 1);
    check_counter(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_GOOD);
    assert_near(of("update_period_s"), 0.020, 0.0006);
    assert_near(of("smallest_change_j"), 4, 1e-9);
    assert_string_equal(check.todo, "");
    const double values[] = {0, 12, 30, 42, 48}; /* steps of 6 */
    counter = (struct trace){0};
    for (unsigned i = 0; i < 5; i++)
        trace_add(&counter, i * 100 * MS, values[i]);
    assert_near(trace_step(&counter), 6, 1e-9);
    assert_near(trace_smallest_change(&counter), 6, 1e-9);
    assert_near(trace_period_s(&counter), 0.1, 1e-9);
}

static void slow_counters_are_degraded(void **state)
{
    (void)state;
    read_sensors(240 * MS, 20 * MS, 20 * MS, 0, 1);
    check_counter(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_GOOD);
    read_sensors(300 * MS, 20 * MS, 20 * MS, 0, 1);
    check_counter(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_DEGRADED);
    assert_non_null(strstr(check.detail, "every 300 ms"));
    read_sensors(1400 * MS, 20 * MS, 20 * MS, 0, 1); /* one edge: no interval */
    check_counter(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_DEGRADED);
    assert_true(isnan(of("update_period_s")));
}

static void frozen_reset_and_lost_counters(void **state)
{
    (void)state;
    read_sensors(5000 * MS, 20 * MS, 20 * MS, 0, 1);
    check_counter(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_DEGRADED);
    assert_non_null(strstr(check.detail, "did not move in 1.5 s although power is drawn"));
    assert_false(check_agreement(&check, &counter, &power));
    read_sensors(20 * MS, 20 * MS, 20 * MS, 0, 1);
    trace_add(&counter, counter.last_ns + MS, 5);
    check_counter(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_DEGRADED);
    assert_non_null(strstr(check.detail, "went back"));
    assert_false(check_agreement(&check, &counter, &power));
    counter = (struct trace){.failures = 10};
    check_counter(&check, &device, &counter, &power, "GPU is lost");
    assert_int_equal(check.status, WT_CHECK_MISSING);
    assert_non_null(strstr(check.detail, "GPU is lost"));
    assert_true(check.needed);
    read_sensors(20 * MS, 20 * MS, 20 * MS, 0, 1);
    counter.failures = 3;
    check_counter(&check, &device, &counter, &power, "slow");
    assert_int_equal(check.status, WT_CHECK_DEGRADED);
}

static void a_device_without_counter_or_power(void **state)
{
    (void)state;
    device.has_energy_counter = false;
    read_sensors(0, 20 * MS, 10 * MS, 0, 1);
    check_counter(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_DEGRADED);
    assert_int_equal(check.value_count, 0);
    power = (struct trace){.failures = 10};
    check_counter(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_MISSING);
    check_power(&check, &device, &counter, &power, "not supported");
    assert_int_equal(check.status, WT_CHECK_MISSING);
    device.has_energy_counter = true;
    check_power(&check, &device, &counter, &power, "not supported");
    assert_int_equal(check.status, WT_CHECK_DEGRADED);
}

static void power_readings(void **state)
{
    (void)state;
    read_sensors(20 * MS, 20 * MS, 20 * MS, 0, 1);
    check_power(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_GOOD); /* a steady load is no fault */
    assert_near(of("power_w"), 200, 0.1);
    assert_true(isnan(of("update_period_s")));
    assert_true(isnan(of("averaging_s")));
    read_sensors(20 * MS, 300 * MS, 20 * MS, 130 * MS, 1);
    check_power(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_DEGRADED);
    power = (struct trace){0};
    for (unsigned i = 0; i < 100; i++)
        trace_add(&power, i * 15 * MS, 0);
    check_power(&check, &device, &counter, &power, NULL);
    assert_int_equal(check.status, WT_CHECK_DEGRADED);
}

static void averaging_is_seen_under_a_changing_load(void **state)
{
    (void)state;
    read_sensors(20 * MS, 20 * MS, 20 * MS, 130 * MS, 1);
    assert_near(trace_averaging_s(&counter, &power), 0.02, 0.002);
    read_sensors(20 * MS, 20 * MS, 200 * MS, 130 * MS, 1);
    assert_near(trace_averaging_s(&counter, &power), 0.2, 0.01);
    read_sensors(100 * MS, 100 * MS, 100 * MS, 270 * MS, 1);
    assert_near(trace_averaging_s(&counter, &power), 0.1, 0.01);
    read_sensors(100 * MS, 100 * MS, 1000 * MS, 900 * MS, 1);
    assert_near(trace_averaging_s(&counter, &power), 1, 0.05);
    read_sensors(20 * MS, 20 * MS, 200 * MS, 130 * MS, 1.2); /* no window explains a wrong gain */
    assert_true(isnan(trace_averaging_s(&counter, &power)));
}

static void counters_are_held_against_power(void **state)
{
    (void)state;
    read_sensors(100 * MS, 20 * MS, 20 * MS, 0, 1);
    assert_true(check_agreement(&check, &counter, &power));
    assert_int_equal(check.status, WT_CHECK_GOOD);
    assert_near(of("ratio"), 1, 0.001);
    read_sensors(100 * MS, 20 * MS, 20 * MS, 0, 1 / 1.04);
    assert_true(check_agreement(&check, &counter, &power));
    assert_int_equal(check.status, WT_CHECK_GOOD);
    assert_near(of("ratio"), 1.04, 0.002);
    read_sensors(100 * MS, 20 * MS, 20 * MS, 0, 1 / 0.9);
    assert_true(check_agreement(&check, &counter, &power));
    assert_int_equal(check.status, WT_CHECK_DEGRADED);
    assert_near(of("ratio"), 0.9, 0.002);
    assert_true(check.todo[0] != 0);
    /* A changing load read through a sensor that lags is no fault of the counter. */
    read_sensors(100 * MS, 100 * MS, 1000 * MS, 900 * MS, 1);
    assert_true(check_agreement(&check, &counter, &power));
    assert_int_equal(check.status, WT_CHECK_GOOD);
    /* The integral between the counter's edges is exact for a sensor of whole windows. */
    read_sensors(20 * MS, 20 * MS, 20 * MS, 130 * MS, 1);
    assert_near(trace_agreement(&counter, &power), 1, 0.003);
}

static void permissions(void **state)
{
    (void)state;
    const struct {
        struct permission_facts facts;
        enum wt_check_status status;
    } rows[] = {
        {{.is_virtual = true}, WT_CHECK_GOOD},
        {{.is_root = true, .has_admin = true}, WT_CHECK_GOOD},
        {{.has_admin = true}, WT_CHECK_GOOD},
        {{.is_root = true}, WT_CHECK_DEGRADED},
        {{.is_root = false}, WT_CHECK_DEGRADED},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_permission(&check, &rows[i].facts);
        assert_int_equal(check.status, rows[i].status);
        assert_int_equal(check.todo[0] != 0, rows[i].status != WT_CHECK_GOOD);
    }
}

static void powercap(void **state)
{
    (void)state;
    const struct {
        struct powercap_facts facts;
        enum wt_check_status status;
    } rows[] = {
        {{2, 2, true}, WT_CHECK_GOOD},      {{2, 1, true}, WT_CHECK_DEGRADED},
        {{2, 0, false}, WT_CHECK_DEGRADED}, {{0, 0, true}, WT_CHECK_DEGRADED},
        {{0, 0, false}, WT_CHECK_MISSING},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_powercap(&check, &rows[i].facts);
        assert_int_equal(check.status, rows[i].status);
        assert_false(check.needed);
        assert_int_equal(strstr(check.todo, "KERNEL==\"intel-rapl:*\"") != NULL,
                         rows[i].facts.readable < rows[i].facts.zones);
    }
}

static void exit_codes(void **state)
{
    (void)state;
    struct wt_check checks[] = {
        {.name = "devices", .status = WT_CHECK_GOOD, .needed = true},
        {.name = "powercap", .status = WT_CHECK_MISSING, .needed = false},
        {.name = "progress_channel", .status = WT_CHECK_DEGRADED, .needed = true},
        {.name = "ledger", .status = WT_CHECK_GOOD, .needed = true}};
    assert_int_equal(checks_exit_code(checks, 4, 1), 0);
    assert_int_equal(checks_exit_code(checks, 4, 0), EXIT_NO_DEVICE);
    checks[2].status = WT_CHECK_MISSING;
    assert_int_equal(checks_exit_code(checks, 4, 1), EXIT_OTHER);
    checks[3].status = WT_CHECK_MISSING;
    assert_int_equal(checks_exit_code(checks, 4, 1), EXIT_LEDGER);
    assert_int_equal(checks_exit_code(checks, 4, 0), EXIT_NO_DEVICE);
}

/* More changes than a trace holds: the rest is dropped, nothing else. */
static void a_trace_has_an_end(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * TRACE_CHANGES; i++)
        trace_add(&counter, i * MS, i);
    assert_int_equal(counter.changes, TRACE_CHANGES);
    assert_int_equal(counter.reads, 3 * TRACE_CHANGES);
    assert_near(trace_period_s(&counter), 0.001, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(periods_and_steps_are_found, set_up),
        cmocka_unit_test_setup(slow_counters_are_degraded, set_up),
        cmocka_unit_test_setup(frozen_reset_and_lost_counters, set_up),
        cmocka_unit_test_setup(a_device_without_counter_or_power, set_up),
        cmocka_unit_test_setup(power_readings, set_up),
        cmocka_unit_test_setup(averaging_is_seen_under_a_changing_load, set_up),
        cmocka_unit_test_setup(counters_are_held_against_power, set_up),
        cmocka_unit_test_setup(permissions, set_up),
        cmocka_unit_test_setup(powercap, set_up),
        cmocka_unit_test_setup(exit_codes, set_up),
        cmocka_unit_test_setup(a_trace_has_an_end, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
