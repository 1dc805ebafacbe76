/* SPDX-License-Identifier: Apache-2.0
 *
 * The search, the slice plan and the savings, driven as a tuner drives them: against the power
 * model M3 with the constants fitted to a V100 and an A40, whose least-cost limits were worked out
 * apart from this code.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tune/decide/cost.h"
#include "tune/decide/plan.h"
#include "tune/decide/profile.h"

#define NEAR(a, b) assert_true(fabs((a) - (double)(b)) <= 1e-9 * fabs((double)(b)))

static const struct wt_preference even = {.selector = WT_SELECT_COST, .eta = 0.5};

struct m3 {
    double p0, phi_min, a, p_idle, t1_s, pb_w, mu, h;
};

/* ResNet-50 at batch size 256 on a V100, at 64 on an A40; 20 ms a step. */
static const struct m3 v100 = {70.5, 0.149, 0.357, 66.4, 0.020, 237.1, 0.6716, 0.1055};
static const struct m3 a40 = {98.0, 0.108, 0.729, 82.6, 0.020, 330.0, 0.31, 0.219};

static struct wt_profile_point measured(const struct m3 *gpu, uint32_t limit_mw)
{
    double y = (limit_mw / 1000.0 - gpu->p0) / (gpu->pb_w - gpu->p0);
    y = y < 1e-5 ? 1e-5 : y > 1 ? 1 : y;
    double p = gpu->a / (1 - gpu->a), q = y / (1 - gpu->a);
    double phi = 2 * sqrt(p / 3) * sinh(asinh(1.5 * (q / p) * sqrt(3 / p)) / 3);
    phi = phi < gpu->phi_min ? gpu->phi_min : phi > 1 ? 1 : phi;
    double power_w =
        gpu->p0 + (gpu->pb_w - gpu->p0) * (gpu->a * phi + (1 - gpu->a) * phi * phi * phi);
    double gpu_s = gpu->t1_s * (1 - gpu->h) * (1 - gpu->mu + gpu->mu / phi),
           host_s = gpu->t1_s * gpu->h;
    return (struct wt_profile_point){.setting.value = limit_mw,
                                     .steps = 100,
                                     .time_per_step_s = gpu_s + host_s,
                                     .energy_per_step_j = gpu_s * power_w + host_s * gpu->p_idle};
}

static struct power_search sweep_w(const uint32_t watts[], unsigned count,
                                   struct wt_preference preference)
{
    uint32_t mw[POWER_LIMITS_MAX];
    for (unsigned i = 0; i < count; i++)
        mw[i] = watts[i] * 1000;
    struct power_search search;
    assert_int_equal(power_search_init(&search, "sweep", mw, count, &preference, watts[0], NULL),
                     0);
    return search;
}

static struct plan auto_plan(uint32_t min_w, uint32_t max_w, uint32_t start_w, bool baseline,
                             double eta)
{
    uint32_t mw[POWER_LIMITS_MAX];
    int count = power_limits_auto((struct power_range){min_w * 1000, max_w * 1000}, mw);
    struct wt_preference preference = {.selector = WT_SELECT_COST, .eta = eta};
    struct power_search search;
    assert_int_equal(
        power_search_init(&search, "sweep", mw, (unsigned)count, &preference, max_w, NULL), 0);
    struct plan plan;
    plan_init(&plan, &search, start_w * 1000, baseline);
    return plan;
}

/* Runs the plan to its end; writes the order as "b250 225 ..." and returns the chosen limit in
 * watts. */
static uint32_t drive(struct plan *plan, const struct m3 *gpu, char *order)
{
    struct plan_slice slice;
    unsigned slices = 0;
    while (plan_next(plan, &slice)) {
        assert_true(++slices < 200);
        if (order)
            order += sprintf(order, "%s%s%u", slices > 1 ? " " : "", slice.baseline ? "b" : "",
                             slice.limit_mw / 1000);
        struct wt_profile_point point = measured(gpu, slice.limit_mw);
        assert_int_equal(plan_add(plan, &point, NULL), 0);
    }
    struct wt_decision decision;
    assert_int_equal(plan_decide(plan, &decision, NULL), 0);
    return decision.setting.value / 1000;
}

static void sweep_finds_the_optimum_of_the_model(void **state)
{
    (void)state;
    const struct {
        const struct m3 *gpu;
        uint32_t max_w;
        double eta;
        uint32_t optimum_w;
    } rows[] = {
        {&v100, 250, 0, 250}, {&v100, 250, 0.5, 225}, {&v100, 250, 0.75, 150}, {&v100, 250, 1, 125},
        {&a40, 300, 0, 300},  {&a40, 300, 0.5, 250},  {&a40, 300, 0.75, 200},  {&a40, 300, 1, 175},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int baseline = 0; baseline < 2; baseline++) {
            struct plan plan = auto_plan(100, rows[i].max_w, rows[i].max_w, baseline, rows[i].eta);
            assert_int_equal(drive(&plan, rows[i].gpu, NULL), rows[i].optimum_w);
        }
    struct wt_profile_point p = measured(&v100, 225000);
    assert_true(fabs(cost_per_step_j(0.5, 250, &p) - 4.6790252833) < 1e-9);
}

static void order_of_slices(void **state)
{
    (void)state;
    char order[1000];
    struct plan plan = auto_plan(100, 250, 250, true, 0.5);
    drive(&plan, &v100, order);
    assert_string_equal(order, "b250 225 200 b250 175 150 125 100 b250");
    plan = auto_plan(100, 250, 250, false, 0.5);
    drive(&plan, &v100, order);
    assert_string_equal(order, "250 225 200 175 150 125 100");
    plan = auto_plan(100, 250, 240, true, 0.5); /* off the grid */
    drive(&plan, &v100, order);
    assert_string_equal(order, "b240 250 225 b240 200 175 150 125 b240 100 b240");
    plan = auto_plan(100, 250, 150, true, 0.5); /* in its middle */
    drive(&plan, &v100, order);
    assert_string_equal(order, "b150 250 225 b150 200 175 125 100 b150");
    plan = auto_plan(150, 250, 250, true, 0.5); /* the last baseline slice is the one at the end */
    drive(&plan, &v100, order);
    assert_string_equal(order, "b250 225 200 b250 175 150 b250");
    plan = auto_plan(250, 250, 250, true, 0.5);
    drive(&plan, &v100, order);
    assert_string_equal(order, "b250");
}

static void baselines_are_merged_into_their_limit(void **state)
{
    (void)state;
    struct plan plan = auto_plan(100, 250, 250, true, 0.5);
    drive(&plan, &v100, NULL);
    struct wt_profile_point profile[WT_MAX_LIMITS];
    assert_int_equal(plan_profile(&plan, profile), 7);
    assert_int_equal(profile[0].setting.value, 250000);
    assert_int_equal(profile[0].steps, 300);
    assert_int_equal(profile[6].setting.value, 100000);
    assert_int_equal(plan.baseline_count, 3);
    plan = auto_plan(100, 250, 240, true, 0);
    assert_int_equal(drive(&plan, &v100, NULL), 250); /* 240 W is as fast, but is not on the grid */
    assert_int_equal(plan_profile(&plan, profile), 8);
    assert_int_equal(profile[1].setting.value, 240000);
    assert_int_equal(profile[1].steps, 400);
    plan = auto_plan(100, 250, 90, true, 0.5);
    drive(&plan, &v100, NULL);
    assert_int_equal(plan_profile(&plan, profile), 8);
    assert_int_equal(profile[7].setting.value, 90000);
}

static void slices_merge_by_steps(void **state)
{
    (void)state;
    const uint32_t watts[] = {250, 200};
    struct power_search search = sweep_w(watts, 2, even);
    struct wt_profile_point a = {.setting.value = 200000,
                                 .steps = 30,
                                 .time_per_step_s = 0.02,
                                 .energy_per_step_j = 4,
                                 .energy_error_j = 0.1,
                                 .time_error_s = NAN};
    struct wt_profile_point b = {.setting.value = 200000,
                                 .steps = 10,
                                 .time_per_step_s = 0.04,
                                 .energy_per_step_j = 8,
                                 .energy_error_j = 0.4,
                                 .time_error_s = 0.001};
    assert_int_equal(power_search_add(&search, &a, NULL), 0);
    struct power_search copy = search;
    assert_int_equal(power_search_add(&copy, &b, NULL), 0);
    assert_int_equal(copy.points[1].steps, 40);
    NEAR(copy.points[1].time_per_step_s, 0.025);
    NEAR(copy.points[1].energy_per_step_j, 5);
    NEAR(copy.points[1].energy_error_j, 0.125); /* sqrt(3^2 + 4^2) J over 40 steps */
    assert_true(isnan(copy.points[1].time_error_s));
    assert_int_equal(search.points[1].steps, 30); /* the copy went its own way */
}

static void throttled_slices_are_measured_once_more(void **state)
{
    (void)state;
    const uint32_t watts[] = {250, 200, 150};
    struct power_search search = sweep_w(watts, 3, even);
    char order[100] = "", *end = order;
    uint32_t limit_mw;
    unsigned seen[3] = {0};
    while (power_search_next(&search, &limit_mw)) {
        end += sprintf(end, "%u ", limit_mw / 1000);
        struct wt_profile_point slice = measured(&v100, limit_mw);
        unsigned i = (250000 - limit_mw) / 50000;
        slice.throttled = i == 0 || (i == 1 && seen[i] == 0);
        if (slice.throttled)
            slice.time_per_step_s *= 3;
        seen[i]++;
        assert_int_equal(power_search_add(&search, &slice, NULL), 0);
    }
    assert_string_equal(order, "250 200 150 250 200 ");
    assert_true(search.points[0].throttled);
    assert_int_equal(search.points[0].steps, 200);
    assert_false(search.points[1].throttled);
    assert_int_equal(search.points[1].steps, 100); /* the throttled one is gone */
    struct wt_profile_point late = measured(&v100, 200000);
    late.throttled = true;
    assert_int_equal(power_search_add(&search, &late, NULL), 0);
    assert_int_equal(search.points[1].steps, 100);
}

static void bad_slices_are_refused(void **state)
{
    (void)state;
    struct plan plan = auto_plan(100, 250, 250, true, 0.5);
    struct wt_profile_point slice = measured(&v100, 250000);
    slice.steps = 0;
    assert_int_equal(plan_add(&plan, &slice, NULL), WT_E_INVALID);
    slice = measured(&v100, 250000);
    slice.time_per_step_s = NAN;
    assert_int_equal(plan_add(&plan, &slice, NULL), WT_E_INVALID);
    slice = measured(&v100, 240000);
    assert_int_equal(plan_add(&plan, &slice, NULL), WT_E_NOT_FOUND);
    struct wt_decision decision;
    assert_int_equal(plan_decide(&plan, &decision, NULL), WT_E_NO_DATA);
    struct power_search search;
    const uint32_t rising[] = {100000, 200000};
    assert_int_equal(power_search_init(&search, "sweep", rising, 2, &even, 250, NULL),
                     WT_E_INVALID);
    assert_int_equal(power_search_init(&search, "magic", rising, 1, &even, 250, NULL),
                     WT_E_NOT_FOUND);
    assert_int_equal(power_search_init(&search, "sweep", rising, 0, &even, 250, NULL), WT_E_RANGE);
}

static void savings_of_the_model(void **state)
{
    (void)state;
    struct plan plan = auto_plan(100, 250, 250, true, 0.75);
    assert_int_equal(drive(&plan, &v100, NULL), 150);
    struct wt_profile_point now = measured(&v100, 150000);
    struct wt_savings savings;
    plan_savings(&plan, &now, &savings);
    assert_int_equal(savings.baseline.value, 250000);
    assert_true(fabs(savings.energy_fraction - 3.577189535287675 / 4.381823) < 1e-9);
    assert_true(fabs(savings.time_fraction - 0.025023903568584496 / 0.02) < 1e-9);
    assert_true(savings.energy_fraction_error < 1e-9); /* slices without noise or errors */
    now = measured(&v100, 250000);
    plan_savings(&plan, &now, &savings);
    assert_true(savings.energy_fraction == 1 && savings.energy_fraction_error == 0);
    plan = auto_plan(100, 250, 250, false, 0.75);
    drive(&plan, &v100, NULL);
    plan_savings(&plan, &now, &savings);
    assert_int_equal(savings.baseline.value, 0);
    assert_true(isnan(savings.energy_fraction) && isnan(savings.time_fraction_error));
}

static void savings_are_honest_about_errors(void **state)
{
    (void)state;
    struct plan plan = auto_plan(150, 250, 250, true, 0.5);
    struct wt_profile_point base = {.setting.value = 250000,
                                    .steps = 10,
                                    .time_per_step_s = 1,
                                    .energy_per_step_j = 200,
                                    .energy_error_j = 4,
                                    .time_error_s = 0};
    struct wt_profile_point now = {.setting.value = 150000,
                                   .steps = 10,
                                   .time_per_step_s = 1.1,
                                   .energy_per_step_j = 160,
                                   .energy_error_j = 1.6,
                                   .time_error_s = NAN};
    assert_int_equal(plan_add(&plan, &base, NULL), 0);
    struct wt_savings savings;
    plan_savings(&plan, &now, &savings); /* one slice: 1 % and 2 % of its own */
    NEAR(savings.energy_fraction, 0.8);
    NEAR(savings.energy_fraction_error, 0.8 * sqrt(0.01 * 0.01 + 0.02 * 0.02));
    assert_true(isnan(savings.time_fraction_error));
    const double energies[] = {198, 202};
    for (int i = 0; i < 2; i++) {
        base.energy_per_step_j = energies[i];
        base.energy_error_j = 0;
        assert_int_equal(plan_add(&plan, &base, NULL), 0);
    }
    plan.baselines[0].energy_error_j = 0;
    now.energy_error_j = 0;
    plan_savings(&plan, &now, &savings); /* scatter of 1 %: t(2 df) = 4.303, once more for `now` */
    assert_true(fabs(savings.energy_fraction - 0.80005333) < 1e-6);
    double sd = 0.8 * 0.01;
    assert_true(fabs(savings.energy_fraction_error / (4.303 * sd * sqrt(1 + 1.0 / 3)) - 1) < 1e-3);
    base.throttled = true;
    base.energy_per_step_j = 500;
    double before = savings.energy_fraction;
    assert_int_equal(plan_add(&plan, &base, NULL), 0);
    plan_savings(&plan, &now, &savings);
    assert_true(savings.energy_fraction == before);
}

/* With 3 % of noise on every slice the chosen limit costs at most that much more than the best. */
static void noise_costs_no_more_than_itself(void **state)
{
    (void)state;
    unsigned long seed = 7;
    for (int round = 0; round < 100; round++) {
        struct plan plan = auto_plan(100, 250, 250, true, 0.75);
        struct plan_slice slice;
        while (plan_next(&plan, &slice)) {
            struct wt_profile_point point = measured(&v100, slice.limit_mw);
            seed = seed * 6364136223846793005UL + 1442695040888963407UL;
            double noise = 0.97 + 0.06 * (double)(seed >> 33) / 2147483648.0;
            point.energy_per_step_j *= noise;
            point.time_per_step_s *= noise;
            assert_int_equal(plan_add(&plan, &point, NULL), 0);
        }
        struct wt_decision decision;
        assert_int_equal(plan_decide(&plan, &decision, NULL), 0);
        struct wt_profile_point chosen = measured(&v100, decision.setting.value);
        double best = 4.2468861245022875; /* at 150 W */
        assert_true(cost_per_step_j(0.75, 250, &chosen) <= best * 1.03 / 0.97);
    }
}

static struct wt_profile_point at(uint32_t watts, double time_s, bool throttled)
{
    return (struct wt_profile_point){.setting.value = watts * 1000,
                                     .steps = 10,
                                     .time_per_step_s = time_s,
                                     .energy_per_step_j = 1,
                                     .throttled = throttled};
}

static void older_points_fill_the_gaps(void **state)
{
    (void)state;
    struct wt_profile_point points[WT_MAX_LIMITS] = {at(250, 1, false), at(200, 2, true),
                                                     at(150, 3, true)};
    const struct wt_profile_point older[] = {at(300, 11, false), at(250, 12, false),
                                             at(200, 13, false), at(150, 14, true),
                                             at(100, 15, false)};
    assert_int_equal(profile_unite(points, 3, older, 5), 5);
    const double times_s[] = {11, 1, 13, 3, 15};
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(points[i].setting.value, 300000 - 50000 * i);
        assert_true(points[i].time_per_step_s == times_s[i]);
    }
    assert_int_equal(profile_unite(points, 0, older, 5), 5);
    struct wt_profile_point full[WT_MAX_LIMITS];
    for (unsigned i = 0; i < WT_MAX_LIMITS; i++)
        full[i] = at(1000 - i, 1, false);
    assert_int_equal(profile_unite(full, WT_MAX_LIMITS, older, 5), WT_MAX_LIMITS);
    assert_int_equal(full[WT_MAX_LIMITS - 1].setting.value, (1000 - (WT_MAX_LIMITS - 1)) * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweep_finds_the_optimum_of_the_model),
        cmocka_unit_test(order_of_slices),
        cmocka_unit_test(baselines_are_merged_into_their_limit),
        cmocka_unit_test(slices_merge_by_steps),
        cmocka_unit_test(older_points_fill_the_gaps),
        cmocka_unit_test(throttled_slices_are_measured_once_more),
        cmocka_unit_test(bad_slices_are_refused),
        cmocka_unit_test(savings_of_the_model),
        cmocka_unit_test(savings_are_honest_about_errors),
        cmocka_unit_test(noise_costs_no_more_than_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
