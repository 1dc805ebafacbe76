// SPDX-License-Identifier: Apache-2.0
// One GPU through invented time: no clock, no process, so every expected number is exact
// arithmetic.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "near.h"
#include "physics.h"
#include "sensor.h"
#include "past.h"
#include "timeline.h"

#define S 1000000000LL
#define MS 1000000LL
#define START (1000 * S)

struct rig {
    struct gpu_state gpu;
    struct gpu_core core;
};

static struct rig *new_rig(const char *model)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->gpu.fixed.model = (uint32_t)model_position(model_find(model, strlen(model)));
    rig->gpu.fixed.start_ns = START;
    sensor_draw(&rig->gpu.fixed, 7, 0);
    rig->core.limit_mw = model_at(rig->gpu.fixed.model)->max_limit_mw;
    timeline_begin(&rig->gpu, &rig->core, START);
    return rig;
}

static double energy_j(struct rig *rig, int64_t t_ns)
{
    return past_at(&rig->gpu, &rig->core, t_ns).energy_j;
}

static void advance(struct rig *rig, int64_t t_ns)
{
    timeline_advance(&rig->gpu, &rig->core, t_ns);
}

static int add(struct rig *rig, int pid, double s, double w, double mu, double h)
{
    return timeline_add(&rig->gpu, &rig->core, pid, 1, s, w, mu, h);
}

static void one_piece_of_work(void **state)
{
    (void)state;
    struct rig *rig = new_rig("v100");
    rig->core.limit_mw = 150000;
    int slot = add(rig, 1, 2.0, 237, 0.67, 0.25);
    uint64_t id = rig->core.next_id;
    double gpu_s = 1.5 * 1.279860;
    assert_near((double)(timeline_predict(&rig->core, (unsigned)slot, id) - START),
                (0.5 + gpu_s) * 1e9, 2e4);

    advance(rig, START + 20 * S); // all at once: the events on the way must not be lost
    assert_int_equal(rig->core.items[slot].phase, WORK_DONE);
    double end_s = 0.5 + gpu_s;
    assert_near(energy_j(rig, START + 20 * S), 0.5 * 66.4 + gpu_s * 150 + (20 - end_s) * 66.4,
                1e-2);
    // The context is held until its thread comes back, then for two seconds.
    timeline_collect(&rig->core, (unsigned)slot, id);
    advance(rig, START + 30 * S);
    assert_near(energy_j(rig, START + 30 * S) - energy_j(rig, START + 20 * S), 10 * 38.0, 1e-6);
    free(rig);
}

static void context_cools_after_two_seconds(void **state)
{
    (void)state;
    struct rig *rig = new_rig("a40");
    int slot = add(rig, 1, 1.0, 250, 0.4, 0.0);
    uint64_t id = rig->core.next_id;
    advance(rig, START + 1 * S);
    timeline_collect(&rig->core, (unsigned)slot, id);
    advance(rig, START + 6 * S);
    assert_near(energy_j(rig, START + 6 * S), 250 + 2 * 82.6 + 3 * 28.0, 1e-3);
    assert_int_equal(rig->core.contexts[0].pid, 0);
    assert_int_equal(rig->core.segment.activity, GPU_IDLE);
    free(rig);
}

static void two_processes_share(void **state)
{
    (void)state;
    struct rig *rig = new_rig("v100");
    int a = add(rig, 1, 1.0, 200, 0.5, 0.0);
    uint64_t a_id = rig->core.next_id;
    add(rig, 2, 1.0, 100, 0.5, 0.0);
    // Alone each takes 1 s; together both end after 2 s, at the mean of their powers.
    assert_near((double)(timeline_predict(&rig->core, (unsigned)a, a_id) - START), 2e9, 10);
    advance(rig, START + 2 * S + 10);
    assert_int_equal(rig->core.items[0].phase, WORK_DONE);
    assert_int_equal(rig->core.items[1].phase, WORK_DONE);
    assert_near(energy_j(rig, START + 2 * S), 300, 1e-3);
    free(rig);
}

static void host_phases_overlap(void **state)
{
    (void)state;
    struct rig *rig = new_rig("v100");
    add(rig, 1, 1.0, 200, 0.5, 1.0);
    add(rig, 2, 1.0, 200, 0.5, 1.0);
    advance(rig, START + 1 * S);
    assert_int_equal(rig->core.items[0].phase, WORK_DONE);
    assert_int_equal(rig->core.items[1].phase, WORK_DONE);
    assert_near(energy_j(rig, START + 1 * S), 66.4, 1e-6);
    free(rig);
}

static void a_limit_acts_on_running_work(void **state)
{
    (void)state;
    struct rig *rig = new_rig("v100");
    int slot = add(rig, 1, 2.0, 237, 0.67, 0.0);
    uint64_t id = rig->core.next_id;
    advance(rig, START + 1 * S);
    rig->core.limit_mw = 150000;
    timeline_retune(&rig->gpu, &rig->core);
    assert_true(rig->core.changed);
    int64_t end_ns = timeline_predict(&rig->core, (unsigned)slot, id);
    assert_near((double)(end_ns - START), (1 + 1.279860) * 1e9, 2e4);
    advance(rig, end_ns);
    assert_near(energy_j(rig, end_ns), 237 + 1.279860 * 150, 1e-2);
    assert_near(timeline_capped_s(&rig->core), 1.279860, 1e-3);
    free(rig);
}

static bool only_two_lives(int32_t pid, uint64_t start_ticks)
{
    (void)start_ticks;
    return pid == 2;
}

static void the_dead_stop_working(void **state)
{
    (void)state;
    struct rig *rig = new_rig("v100");
    add(rig, 1, 100.0, 200, 0.5, 0.0);
    int slot = add(rig, 2, 1.0, 100, 0.5, 0.0);
    uint64_t id = rig->core.next_id;
    advance(rig, START + 1 * S);
    timeline_reap(&rig->gpu, &rig->core, only_two_lives);
    assert_true(rig->core.changed);
    // Half of the survivor's work is left, and it has the GPU to itself again.
    assert_near((double)(timeline_predict(&rig->core, (unsigned)slot, id) - START), 1.5e9, 10);
    assert_int_equal(rig->core.items[0].phase, WORK_FREE);
    free(rig);
}

// Steps of 1 ms for six seconds: far more breakpoints than the ring holds.
static void short_steps_keep_the_past(void **state)
{
    (void)state;
    struct rig *rig = new_rig("v100");
    int64_t now_ns = START;
    double expected_j = 0, at_two_j = 0;
    for (int i = 0; i < 6000; i++) {
        int slot = add(rig, 1, 0.001, 200, 0.5, 0.3);
        uint64_t id = rig->core.next_id;
        now_ns = timeline_predict(&rig->core, (unsigned)slot, id);
        advance(rig, now_ns);
        assert_int_equal(rig->core.items[slot].phase, WORK_DONE);
        timeline_collect(&rig->core, (unsigned)slot, id);
        expected_j += 0.001 * (0.3 * 66.4 + 0.7 * 200);
        if (i == 4799) // 1.2 s before the end: the oldest moment that any window needs
            at_two_j = energy_j(rig, now_ns);
    }
    assert_near(energy_j(rig, now_ns), expected_j, 1e-2);
    assert_near(energy_j(rig, START + 4800 * MS), at_two_j, 0.2);
    assert_true(rig->core.pushed > STATE_RING);
    free(rig);
}

static void the_counter_counts_energy(void **state)
{
    (void)state;
    const char *models[] = {"v100", "a40", "rtx6000", "a100", "h100"};
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        struct rig *rig = new_rig(models[m]);
        const int64_t tick_ns = model_at(rig->gpu.fixed.model)->tick_ns;
        uint64_t last_mj = rig->core.latch.counter_mj;
        assert_true(last_mj > 0);
        for (int i = 0; i < 400; i++) {
            if (i % 40 == 0)
                add(rig, 1, 0.1, 250, 0.5, 0.2);
            advance(rig, START + i * 7 * MS);
            struct latch latch = rig->core.latch;
            assert_true(latch.counter_mj >= last_mj);
            last_mj = latch.counter_mj;
            // The counter is behind the truth by the energy since the tick, at most a tick's worth.
            double behind_j =
                sensor_true_energy_j(&rig->gpu, &rig->core) - (double)latch.counter_mj / 1000;
            assert_true(behind_j > -0.0011 && behind_j <= 270 * 1.06 * (double)tick_ns * 1e-9 + 3);
            // Nothing changes within a tick, whoever looks.
            int64_t next_ns = sensor_tick_ns(&rig->gpu, latch.tick + 1);
            if (next_ns - 1 > rig->core.now_ns && next_ns - 1 < START + (i + 1) * 7 * MS) {
                advance(rig, next_ns - 1);
                assert_memory_equal(&latch, &rig->core.latch, sizeof latch);
                advance(rig, next_ns);
                assert_int_equal(rig->core.latch.tick, latch.tick + 1);
            }
        }
        free(rig);
    }
}

// Two cards with the same work; one is looked at on every tick, the other only when a piece of work
// ends.
static void looking_changes_nothing(void **state)
{
    (void)state;
    struct rig *watched = new_rig("v100"), *alone = new_rig("v100");
    unsigned compared = 0;
    for (int i = 0; i < 1000; i++) {
        int slot = add(watched, 1, 0.001, 200, 0.5, 0.3);
        assert_int_equal(add(alone, 1, 0.001, 200, 0.5, 0.3), slot);
        uint64_t id = alone->core.next_id;
        int64_t end_ns = timeline_predict(&alone->core, (unsigned)slot, id);
        int64_t tick_ns = sensor_tick_ns(&watched->gpu, watched->core.latch.tick + 1);
        if (tick_ns < end_ns)
            advance(watched, tick_ns);
        advance(watched, end_ns);
        advance(alone, end_ns);
        timeline_collect(&watched->core, (unsigned)slot, id);
        timeline_collect(&alone->core, (unsigned)slot, id);
        assert_int_equal(alone->core.latch.tick, watched->core.latch.tick);
        assert_in_range(alone->core.latch.counter_mj + 1 - watched->core.latch.counter_mj, 0,
                        2); // rounding
        compared += tick_ns < end_ns;
    }
    assert_in_range(compared, 49, 51);
    free(watched);
    free(alone);
}

static void steady_power_reads_true_and_never_twice_the_same(void **state)
{
    (void)state;
    struct rig *rig = new_rig("v100");
    add(rig, 1, 100.0, 200, 0.5, 0.0);
    const struct gpu_fixed *fixed = &rig->gpu.fixed;
    assert_in_range((int)(fixed->gain * 1000), 950, 1050);
    uint32_t last_mw = 0;
    double sum_w = 0;
    for (int i = 0; i < 1000; i++) {
        advance(rig, START + S + i * 20 * MS);
        uint32_t now_mw = rig->core.latch.usage_mw;
        assert_int_not_equal(now_mw, last_mw);
        assert_int_equal(now_mw % 50, 0);
        sum_w += now_mw / 1000.0;
        last_mw = now_mw;
    }
    assert_near(sum_w / 1000, fixed->gain * 200 + fixed->offset_w, 0.1);
    free(rig);
}

// A second's average lags; a short window at the tick's end sees only that.
static void windows_differ(void **state)
{
    (void)state;
    struct rig *rig = new_rig("h100");
    int64_t tick_ns = sensor_tick_ns(&rig->gpu, rig->core.latch.tick + 20);
    advance(rig, tick_ns - 500 * MS);
    add(rig, 1, 10.0, 500, 0.5, 0.0);
    advance(rig, tick_ns);
    const struct gpu_fixed *fixed = &rig->gpu.fixed;
    double instant_w = fixed->gain * 500 + fixed->offset_w,
           average_w = fixed->gain * (250 + 35) + fixed->offset_w;
    assert_near(rig->core.latch.instant_mw / 1000.0, instant_w, 0.01 * instant_w);
    assert_near(rig->core.latch.average_mw / 1000.0, average_w, 0.01 * average_w);
    assert_int_equal(rig->core.latch.utilization, 100);
    free(rig);
}

static void heat_follows_power(void **state)
{
    (void)state;
    struct rig *rig = new_rig("v100");
    double cold_c = timeline_temperature_c(&rig->gpu, &rig->core);
    assert_near(cold_c, 31.0 + 38 * 0.13, 1e-6);
    add(rig, 1, 10000.0, 200, 0.5, 0.0);
    advance(rig, START + 5 * S);
    double soon_c = timeline_temperature_c(&rig->gpu, &rig->core);
    advance(rig, START + 3600 * S);
    double late_c = timeline_temperature_c(&rig->gpu, &rig->core);
    assert_true(soon_c > cold_c + 8 && soon_c < late_c);
    assert_near(late_c, 31.0 + 200 * 0.13, 1e-3);
    free(rig);
}

static void full_is_said(void **state)
{
    (void)state;
    struct rig *rig = new_rig("v100");
    for (int i = 0; i < STATE_ITEMS; i++)
        assert_int_equal(add(rig, 1, 1.0, 100, 0.5, 0.5), i);
    assert_int_equal(add(rig, 1, 1.0, 100, 0.5, 0.5), -11);
    advance(rig, START + 100 * S);
    for (int i = 0; i < STATE_ITEMS; i++)
        assert_int_equal(rig->core.items[i].phase, WORK_DONE);
    assert_near(rig->core.contexts[0].busy_s, 32.0, 1e-6);
    free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_piece_of_work),
        cmocka_unit_test(context_cools_after_two_seconds),
        cmocka_unit_test(two_processes_share),
        cmocka_unit_test(host_phases_overlap),
        cmocka_unit_test(a_limit_acts_on_running_work),
        cmocka_unit_test(the_dead_stop_working),
        cmocka_unit_test(short_steps_keep_the_past),
        cmocka_unit_test(the_counter_counts_energy),
        cmocka_unit_test(looking_changes_nothing),
        cmocka_unit_test(steady_power_reads_true_and_never_twice_the_same),
        cmocka_unit_test(windows_differ),
        cmocka_unit_test(heat_follows_power),
        cmocka_unit_test(full_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
