/* SPDX-License-Identifier: Apache-2.0
 *
 * decide/: the expected use of a choice, sizes left out, the front and the cheapest.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tune/decide/expected.h"

static const struct wt_profile_point profile[] = {
    {.setting.value = 250000, .steps = 40, .time_per_step_s = 0.1, .energy_per_step_j = 24},
    {.setting.value = 200000,
     .steps = 50,
     .time_per_step_s = 0.125,
     .energy_per_step_j = 22,
     .throttled = true},
    {.setting.value = 150000, .steps = 0, .time_per_step_s = 0.125, .energy_per_step_j = 20},
    {.setting.value = 100000, .steps = 9, .time_per_step_s = 0.25, .energy_per_step_j = 16},
};

static struct expected_size a_size(void)
{
    return (struct expected_size){.batch_size = 64,
                                  .runs = 2,
                                  .reached = 2,
                                  .epochs = 3.5,
                                  .steps_per_epoch = 20,
                                  .point_count = 4,
                                  .points = profile};
}

static void epochs_times_steps(void **state)
{
    (void)state;
    const struct expected_size size = a_size();
    struct wt_point points[WT_MAX_LIMITS];
    assert_int_equal(expected_left_out(&size), WT_LEFT_NOT);
    assert_int_equal(expected_points(&size, 0.25, 500, points),
                     2); /* without the throttled one and the one without steps */
    assert_int_equal(points[0].batch_size, 64);
    assert_int_equal(points[0].limit_mw, 250000);
    assert_int_equal(points[1].limit_mw, 100000);
    assert_true(points[1].epochs == 3.5);
    assert_true(points[1].time_s == 70 * 0.25 && points[1].energy_j == 70 * 16);
    assert_true(points[1].cost_j == 70 * (0.25 * 16 + 0.75 * 500 * 0.25));
    assert_int_equal(expected_points(&size, 1, NAN, points),
                     2); /* energy alone needs no largest power */
    assert_true(points[0].cost_j == 70 * 24);
}

static void throttled_ones_are_better_than_none(void **state)
{
    (void)state;
    struct expected_size size = a_size();
    struct wt_point points[WT_MAX_LIMITS];
    size.points = profile + 1;
    size.point_count = 2;
    assert_int_equal(expected_points(&size, 0.5, 250, points), 1);
    assert_int_equal(points[0].limit_mw, 200000);
}

static void who_is_left_out(void **state)
{
    (void)state;
    struct expected_size size = a_size();
    struct wt_point points[WT_MAX_LIMITS];
    size.reached = 1;
    assert_int_equal(expected_left_out(&size), WT_LEFT_MISSED);
    assert_int_equal(expected_points(&size, 0.5, 250, points), 0);
    size.runs = size.reached = 0;
    assert_int_equal(expected_left_out(&size), WT_LEFT_NO_RUN);
    size = a_size();
    size.steps_per_epoch = NAN;
    assert_int_equal(expected_left_out(&size), WT_LEFT_NO_STEPS);
    size = a_size();
    size.epochs = NAN;
    assert_int_equal(expected_left_out(&size), WT_LEFT_NO_STEPS);
    size = a_size();
    size.point_count = 0;
    assert_int_equal(expected_left_out(&size), WT_LEFT_NO_PROFILE);
    struct wt_profile_point unknown = profile[0];
    unknown.energy_per_step_j = NAN;
    size.points = &unknown;
    size.point_count = 1;
    assert_int_equal(expected_left_out(&size), WT_LEFT_NO_PROFILE);
}

static void the_front_and_the_cheapest(void **state)
{
    (void)state;
    struct wt_point points[] = {
        {.batch_size = 1, .time_s = 10, .energy_j = 50, .cost_j = 30},
        {.batch_size = 2, .time_s = 10, .energy_j = 60, .cost_j = 20},
        {.batch_size = 3, .time_s = 20, .energy_j = 40, .cost_j = 25},
        {.batch_size = 4, .time_s = 20, .energy_j = 40, .cost_j = 20},
        {.batch_size = 5, .time_s = 21, .energy_j = 40, .cost_j = NAN},
    };
    expected_mark_front(points, 5);
    assert_true(points[0].on_front && !points[1].on_front);
    assert_true(points[2].on_front && points[3].on_front); /* equals do not drive each other out */
    assert_false(points[4].on_front);
    assert_int_equal(expected_cheapest(points, 5)->batch_size, 2); /* of equals the first */
    assert_null(expected_cheapest(points + 4, 1));
    assert_null(expected_cheapest(points, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_times_steps),
        cmocka_unit_test(throttled_ones_are_better_than_none),
        cmocka_unit_test(who_is_left_out),
        cmocka_unit_test(the_front_and_the_cheapest),
    };
    return cmocka_run_group_tests_name("decide_expected", tests, NULL, NULL);
}
