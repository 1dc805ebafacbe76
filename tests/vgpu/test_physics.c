// SPDX-License-Identifier: Apache-2.0
// The power model against values worked out elsewhere: phi by bisection of a * phi + (1 - a) *
// phi^3 = y in another language, workloads from the published fits. A wrong constant, a wrong root
// or a lost clock floor changes at least one row.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <stddef.h>
#include <cmocka.h>

#include "near.h"
#include "physics.h"

static const struct {
    const char *model;
    double full_clock_w, clock_share, limit_w, clock_ratio, power_w, slowdown;
} rows[] = {
    {"v100", 237, 0.67, 150, 0.705367, 150.0000, 1.279860},
    {"v100", 238, 0.76, 100, 0.388070, 100.0000, 2.198411},
    {"v100", 192, 0.50, 250, 1.000000, 192.0000, 1.000000},
    {"v100", 23, 0.62, 100, 1.000000, 23.0000,
     1.000000}, // below the static part: nothing to take away
    {"a40", 390, 0.36, 200, 0.446156, 200.0000, 1.446893},
    {"a40", 390, 0.36, 100, 0.108000, 121.0894, 3.973333}, // clock floor: draws more than the limit
    {"a40", 288, 0.45, 250, 0.860518, 250.0000, 1.072941},
    {"rtx6000", 434, 0.39, 160, 0.516095, 160.0000, 1.365674},
    {"rtx6000", 481, 0.48, 260, 0.722255, 260.0000,
     1.184585}, // capped at the highest limit already
    {"p100", 211, 0.31, 150, 0.743800, 150.0000, 1.106779},
    {"p100", 205, 0.33, 125, 0.597514, 125.0000, 1.222289},
};

static void follows_the_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct vgpu_model *model = model_find(rows[i].model, strlen(rows[i].model));
        struct physics_point at =
            physics_settle(model, rows[i].full_clock_w, rows[i].clock_share, rows[i].limit_w, 1.0);
        if (fabs(at.clock_ratio - rows[i].clock_ratio) > 1e-5 ||
            fabs(at.power_w - rows[i].power_w) > 1e-3 ||
            fabs(at.slowdown - rows[i].slowdown) > 1e-4)
            fail_msg("%s %g W at %g W: phi %.6f, %.4f W, x%.6f", rows[i].model,
                     rows[i].full_clock_w, rows[i].limit_w, at.clock_ratio, at.power_w,
                     at.slowdown);
        assert_int_equal(at.capped, rows[i].full_clock_w > rows[i].limit_w);
    }
}

static void a_lock_lowers_the_clock(void **state)
{
    (void)state;
    const struct vgpu_model *v100 = model_find("v100", 4);
    struct physics_point at = physics_settle(v100, 237, 0.67, 250, 0.5);
    assert_near(at.clock_ratio, 0.5, 1e-12);
    assert_near(at.power_w, 70.5 + 166.5 * (0.357 * 0.5 + 0.643 * 0.125), 1e-3);
    assert_false(at.capped);
    // The lower of limit and lock wins.
    at = physics_settle(v100, 237, 0.67, 150, 0.9);
    assert_near(at.clock_ratio, 0.705367, 1e-5);
}

static void lower_limits_never_speed_up(void **state)
{
    (void)state;
    for (size_t m = 0; model_at(m); m++) {
        const struct vgpu_model *model = model_at(m);
        double slowdown = 1e9, power_w = 0;
        for (unsigned mw = model->min_limit_mw; mw <= model->max_limit_mw; mw += 5000) {
            struct physics_point at = physics_settle(model, 450, 0.5, mw / 1000.0, 1.0);
            assert_true(at.slowdown <= slowdown && at.slowdown >= 1.0);
            assert_true(at.power_w >= power_w);
            assert_true(at.power_w <= mw / 1000.0 + 1e-6 ||
                        at.clock_ratio <= model->min_clock_ratio + 1e-12);
            slowdown = at.slowdown;
            power_w = at.power_w;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_model),
        cmocka_unit_test(a_lock_lowers_the_clock),
        cmocka_unit_test(lower_limits_never_speed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
