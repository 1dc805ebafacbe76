/* SPDX-License-Identifier: Apache-2.0
 *
 * Cost, selector, grid and slice rules: values computed by hand, ties, noise, and properties that
 * hold for any numbers.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tune/decide/cost.h"
#include "tune/decide/power_limits.h"
#include "tune/decide/selector.h"
#include "tune/decide/slice_length.h"

#define NEAR(a, b) assert_true(fabs((a) - (double)(b)) <= 1e-9 * fabs((double)(b)))
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct wt_profile_point point(uint32_t watts, double time_s, double energy_j)
{
    return (struct wt_profile_point){.setting.value = watts * 1000,
                                     .steps = 40,
                                     .time_per_step_s = time_s,
                                     .energy_per_step_j = energy_j};
}

static uint32_t chosen_w(const struct wt_profile_point points[], unsigned count,
                         struct wt_preference preference)
{
    struct wt_decision decision;
    assert_int_equal(selector_choose(points, count, NULL, &preference, 250, &decision, NULL), 0);
    assert_int_equal(points[decision.point].setting.value, decision.setting.value);
    return decision.setting.value / 1000;
}

static void cost_by_hand(void **state)
{
    (void)state;
    NEAR(cost_max_power_w(250000, 4), 1000);
    NEAR(cost_j(0.5, 250, 100, 2), 0.5 * 100 + 0.5 * 250 * 2);
    NEAR(cost_j(0.25, 1000, 100, 2), 25 + 1500);
    NEAR(cost_j(1, 250, 100, NAN), 100);
    NEAR(cost_j(0, 250, NAN, 2), 500);
    assert_true(isnan(cost_j(0.5, 250, NAN, 2)));
    struct wt_profile_point p = point(200, 0.02, 4);
    p.energy_error_j = 0.04;
    p.time_error_s = 0.0001;
    NEAR(cost_per_step_j(0.5, 250, &p), 4.5);
    NEAR(cost_relative_error(0.5, 250, &p), (0.02 + 0.0125) / 4.5);
}

static void selectors_by_hand(void **state)
{
    (void)state;
    /* At 150 W: 12 % slower, least energy within 20 %; at 100 W least time x energy is worse in
     * both. */
    const struct wt_profile_point p[] = {point(250, 1.00, 240), point(200, 1.04, 200),
                                         point(150, 1.12, 165), point(125, 1.30, 160),
                                         point(100, 1.80, 175)};
    assert_int_equal(chosen_w(p, 5, (struct wt_preference){WT_SELECT_ENERGY, 0, 0}), 125);
    assert_int_equal(chosen_w(p, 5, (struct wt_preference){WT_SELECT_TIME, 0, 0}), 250);
    assert_int_equal(chosen_w(p, 5, (struct wt_preference){WT_SELECT_COST, 1, 0}), 125);
    assert_int_equal(chosen_w(p, 5, (struct wt_preference){WT_SELECT_COST, 0, 0}), 250);
    /* 245, 230, 222.5, 242.5, 312.5 */
    assert_int_equal(chosen_w(p, 5, (struct wt_preference){WT_SELECT_COST, 0.5, 0}), 150);
    assert_int_equal(chosen_w(p, 5, (struct wt_preference){WT_SELECT_MAX_SLOWDOWN, 0, 0.10}), 200);
    assert_int_equal(chosen_w(p, 5, (struct wt_preference){WT_SELECT_MAX_SLOWDOWN, 0, 0.12 + 1e-9}),
                     150);
    assert_int_equal(chosen_w(p, 5, (struct wt_preference){WT_SELECT_MAX_SLOWDOWN, 0, 0}), 250);
    /* Not the lowest limit within the slowdown: the one with least energy. */
    assert_int_equal(chosen_w(p, 5, (struct wt_preference){WT_SELECT_MAX_SLOWDOWN, 0, 1.0}), 125);
}

static void ties_keep_the_higher_limit(void **state)
{
    (void)state;
    struct wt_profile_point falling[] = {point(250, 1, 100), point(225, 1, 100),
                                         point(200, 1, 100)};
    struct wt_profile_point rising[] = {falling[2], falling[1], falling[0]};
    const struct wt_preference all[] = {{WT_SELECT_COST, 0.5, 0},
                                        {WT_SELECT_ENERGY, 0, 0},
                                        {WT_SELECT_TIME, 0, 0},
                                        {WT_SELECT_MAX_SLOWDOWN, 0, 0.1}};
    for (unsigned i = 0; i < COUNT(all); i++) {
        assert_int_equal(chosen_w(falling, 3, all[i]), 250);
        assert_int_equal(chosen_w(rising, 3, all[i]), 250);
    }
    falling[2].energy_per_step_j = 100 - 1e-12;
    assert_int_equal(chosen_w(falling, 3, all[0]), 200);
}

static void least_time_is_not_noise(void **state)
{
    (void)state;
    struct wt_profile_point p[] = {point(250, 1.001, 240), point(225, 0.999, 225),
                                   point(150, 1.2, 165)};
    assert_int_equal(chosen_w(p, 3, (struct wt_preference){WT_SELECT_TIME, 0, 0}), 225);
    p[0].time_error_s = p[1].time_error_s = 0.002;
    assert_int_equal(chosen_w(p, 3, (struct wt_preference){WT_SELECT_TIME, 0, 0}), 250);
    p[0].time_error_s = NAN; /* an unknown error is no excuse: 2 ms apart, 2 ms known */
    assert_int_equal(chosen_w(p, 3, (struct wt_preference){WT_SELECT_TIME, 0, 0}), 250);
    p[1].time_error_s = 0.001;
    assert_int_equal(chosen_w(p, 3, (struct wt_preference){WT_SELECT_TIME, 0, 0}), 225);
}

static void throttled_and_unknown_points(void **state)
{
    (void)state;
    struct wt_profile_point p[] = {point(250, 1.3, 300), point(200, 1.05, 200),
                                   point(150, 1.2, 150)};
    p[0].throttled = p[2].throttled = true;
    assert_int_equal(chosen_w(p, 3, (struct wt_preference){WT_SELECT_ENERGY, 0, 0}), 200);
    p[1].throttled = true;
    assert_int_equal(chosen_w(p, 3, (struct wt_preference){WT_SELECT_ENERGY, 0, 0}), 150);
    p[1].throttled = p[2].throttled = false;
    /* The reference is the highest limit that was not throttled: 1.05 s, so 1.2 s is 14 % more. */
    assert_int_equal(chosen_w(p, 3, (struct wt_preference){WT_SELECT_MAX_SLOWDOWN, 0, 0.1}), 200);
    p[2].energy_per_step_j = NAN;
    assert_int_equal(chosen_w(p, 3, (struct wt_preference){WT_SELECT_ENERGY, 0, 0}), 200);
    assert_int_equal(chosen_w(p, 3, (struct wt_preference){WT_SELECT_COST, 0, 0}), 200);
    p[1].steps = 0;
    assert_int_equal(chosen_w(p, 3, (struct wt_preference){WT_SELECT_TIME, 0, 0}), 150);
    struct wt_decision decision = {.setting.value = 7};
    const bool only_second[] = {false, true, false};
    const struct wt_preference energy = {.selector = WT_SELECT_ENERGY};
    assert_int_equal(selector_choose(p, 3, only_second, &energy, 250, &decision, NULL),
                     WT_E_NO_DATA);
    assert_int_equal(decision.setting.value, 7);
    const struct wt_preference bad = {.selector = WT_SELECT_COST, .eta = 1.5};
    assert_int_equal(selector_choose(p, 3, NULL, &bad, 250, &decision, NULL), WT_E_INVALID);
}

static void slowdown_counts_from_a_limit_that_may_not_be_chosen(void **state)
{
    (void)state;
    const struct wt_profile_point p[] = {point(250, 1.0, 240), point(200, 1.05, 200),
                                         point(150, 1.12, 165)};
    const bool listed[] = {false, true, true};
    struct wt_decision decision;
    const struct wt_preference ten = {.selector = WT_SELECT_MAX_SLOWDOWN, .max_slowdown = 0.10};
    assert_int_equal(selector_choose(p, 3, listed, &ten, 250, &decision, NULL), 0);
    assert_int_equal(decision.setting.value,
                     200000); /* 150 W is 12 % slower than 250 W, only 7 % than 200 W */
    const struct wt_preference one = {.selector = WT_SELECT_MAX_SLOWDOWN, .max_slowdown = 0.01};
    assert_int_equal(selector_choose(p, 3, listed, &one, 250, &decision, NULL), 0);
    assert_int_equal(decision.setting.value, 200000); /* none is allowed: the fastest */
}

/* More weight on energy never chooses a point with more energy, nor with less time. */
static void choice_is_monotone_in_eta(void **state)
{
    (void)state;
    unsigned long seed = 1;
    for (int round = 0; round < 200; round++) {
        struct wt_profile_point p[9];
        for (unsigned i = 0; i < COUNT(p); i++) {
            seed = seed * 6364136223846793005UL + 1442695040888963407UL;
            double a = (double)(seed >> 33) / 2147483648.0;
            seed = seed * 6364136223846793005UL + 1442695040888963407UL;
            double b = (double)(seed >> 33) / 2147483648.0;
            p[i] = point(300 - 25 * i, 1 + a, 100 + 100 * b);
        }
        double energy_before = INFINITY, time_before = 0;
        for (int step = 0; step <= 20; step++) {
            struct wt_preference cost = {.selector = WT_SELECT_COST, .eta = step / 20.0};
            struct wt_decision decision;
            assert_int_equal(selector_choose(p, 9, NULL, &cost, 300, &decision, NULL), 0);
            const struct wt_profile_point *chosen = &p[decision.point];
            assert_true(chosen->energy_per_step_j <= energy_before);
            assert_true(chosen->time_per_step_s >= time_before);
            energy_before = chosen->energy_per_step_j;
            time_before = chosen->time_per_step_s;
            NEAR(decision.cost_per_step_j, cost_per_step_j(cost.eta, 300, chosen));
        }
    }
}

static void grid_by_hand(void **state)
{
    (void)state;
    uint32_t mw[POWER_LIMITS_MAX];
    assert_int_equal(power_limits_auto((struct power_range){100000, 250000}, mw), 7);
    assert_int_equal(mw[0], 250000);
    assert_int_equal(mw[6], 100000);
    assert_int_equal(power_limits_auto((struct power_range){100000, 260000}, mw), 8);
    const uint32_t rtx6000[] = {260000, 235000, 210000, 185000, 160000, 135000, 110000, 100000};
    assert_memory_equal(mw, rtx6000, sizeof rtx6000);
    assert_int_equal(power_limits_auto((struct power_range){200000, 700000}, mw), 21);
    assert_int_equal(power_limits_auto((struct power_range){150000, 150000}, mw), 1);
    assert_int_equal(mw[0], 150000);
    int wide = power_limits_auto((struct power_range){100000, 4000000}, mw);
    assert_in_range(wide, 30, POWER_LIMITS_MAX);
    assert_int_equal(mw[wide - 1], 100000);
    for (int i = 1; i < wide; i++)
        assert_true(mw[i] < mw[i - 1]);
}

static void limits_from_the_user(void **state)
{
    (void)state;
    const struct power_range range = {100000, 250000};
    uint32_t mw[POWER_LIMITS_MAX];
    const uint32_t wanted[] = {150000, 250000, 150000, 200000};
    assert_int_equal(power_limits_from_list(wanted, 4, range, mw, NULL), 3);
    const uint32_t sorted[] = {250000, 200000, 150000};
    assert_memory_equal(mw, sorted, sizeof sorted);
    struct wt_error err;
    const uint32_t low[] = {150000, 99999};
    assert_int_equal(power_limits_from_list(low, 2, range, mw, &err), WT_E_RANGE);
    assert_non_null(strstr(err.text, "99.999 W"));
    assert_non_null(strstr(err.text, "100 to 250 W"));
    assert_int_equal(power_limits_from_list(low, 0, range, mw, &err), WT_E_INVALID);
}

static void range_of_several_gpus(void **state)
{
    (void)state;
    struct wt_device gpus[] = {{.index = 0, .limit_min_mw = 100000, .limit_max_mw = 250000},
                               {.index = 1, .limit_min_mw = 125000, .limit_max_mw = 300000}};
    struct power_range range;
    assert_int_equal(power_limits_common(gpus, 2, &range, NULL), 0);
    assert_int_equal(range.min_mw, 125000);
    assert_int_equal(range.max_mw, 250000);
    gpus[1].limit_min_mw = 260000;
    assert_int_equal(power_limits_common(gpus, 2, &range, NULL), WT_E_RANGE);
    gpus[1].limit_min_mw = 0;
    assert_int_equal(power_limits_common(gpus, 2, &range, NULL), WT_E_NOT_SUPPORTED);
    assert_int_equal(power_limits_common(gpus, 0, &range, NULL), WT_E_NO_DEVICE);
    assert_int_equal(range.min_mw, 125000);
}

static void slice_rules(void **state)
{
    (void)state;
    assert_false(slice_warm(2, 2.9));
    assert_false(slice_warm(50, 0.39));
    assert_true(slice_warm(3, 0.4));
    assert_true(slice_warm(0, 3.0));
    assert_false(slice_long_enough(1000, 1.49, 0.001, 6));
    assert_false(slice_long_enough(4, 5.9, 0.001, 6));
    assert_true(slice_long_enough(5, 1.5, 0.01, 6));
    assert_false(slice_long_enough(100, 5.9, 0.011, 6));
    assert_false(slice_long_enough(100, 5.9, NAN, 6));
    assert_true(slice_long_enough(100, 6, NAN, 6));
    assert_false(slice_long_enough(0, 100, 0, 6)); /* one step is longer than everything */
    assert_true(slice_long_enough(1, 40, NAN, 6));
    assert_false(slice_long_enough(3, 6.6, 0.001, 6)); /* 2.2 s a step: a fourth ends at 8.8 s */
    assert_true(slice_long_enough(4, 8.8, 0.5, 6));    /* a fifth would end at 11 s */
    assert_true(slice_long_enough(100, 2.5, NAN, 2.4));
    assert_false(slice_long_enough(100, 2.3, NAN, 2.4));
    assert_true(slice_most(7) == 6 && slice_most(0) == 6);
    assert_true(slice_most(21) > 2.3 && slice_most(21) < 2.4);
    assert_true(slice_most(60) == 1.5); /* never below a counter's need */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cost_by_hand),
        cmocka_unit_test(selectors_by_hand),
        cmocka_unit_test(ties_keep_the_higher_limit),
        cmocka_unit_test(least_time_is_not_noise),
        cmocka_unit_test(throttled_and_unknown_points),
        cmocka_unit_test(slowdown_counts_from_a_limit_that_may_not_be_chosen),
        cmocka_unit_test(choice_is_monotone_in_eta),
        cmocka_unit_test(grid_by_hand),
        cmocka_unit_test(limits_from_the_user),
        cmocka_unit_test(range_of_several_gpus),
        cmocka_unit_test(slice_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
