/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults inside a window, by both owners of the engine at once: a run's live meter and a window
 * meter that follows its devices say the same.
 *
 * Arguments: the virtual GPU's library.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "measure/meter/meter.h"

enum { FROZEN, LOST, RESET, SOUND, DEVICES };

static const char *library;
static char machine[64];
static unsigned events[8];

static void count_event(void *ctx, const struct live_meter_event *event)
{
    assert_ptr_equal(ctx, events);
    assert_non_null(event->device);
    assert_true(strlen(event->text) > 10);
    events[event->kind]++;
}

static void poll_for(struct live_meter *live, double length_s)
{
    int64_t until_ns = clock_now_ns() + (int64_t)(length_s * 1e9);
    while (clock_now_ns() < until_ns) {
        int64_t rest_ns = live_meter_next_ns(live) - clock_now_ns();
        clock_sleep_ns(rest_ns > 20 * NS_PER_MS ? rest_ns : 20 * NS_PER_MS);
        live_meter_poll(live);
    }
}

static struct sense *open_machine(double (**true_energy_j)(unsigned))
{
    struct sense_options options = {.nvml_path = library, .sysfs_path = ""};
    struct sense *sense;
    struct wt_error err;
    if (sense_open(&options, &sense, &err))
        fail_msg("%s", err.text);
    clock_use(sense_clock(sense));
    void *address = sense_symbol(sense, "vgpu_true_energy_j");
    assert_non_null(address);
    memcpy(true_energy_j, &address, sizeof address);
    return sense;
}

static void check(const struct wt_measurement m[], const double true_j[])
{
    assert_int_equal(m[FROZEN].source, WT_SOURCE_NONE);
    assert_true(m[FROZEN].quality & WT_QUALITY_STALE);
    assert_int_equal(m[LOST].source, WT_SOURCE_NONE);
    assert_int_equal(m[LOST].quality, WT_QUALITY_LOST);
    assert_int_equal(m[RESET].source, WT_SOURCE_COUNTER);
    assert_int_equal(m[RESET].quality, WT_QUALITY_RESET);
    assert_int_equal(m[SOUND].source, WT_SOURCE_COUNTER);
    assert_int_equal(m[SOUND].quality, WT_QUALITY_GOOD);
    for (unsigned i = RESET; i <= SOUND; i++) {
        double off_j = fabs((double)m[i].energy_mj / 1e3 - true_j[i]);
        assert_true(true_j[i] > 300);
        assert_true(off_j <= (double)m[i].energy_error_mj / 1e3 + 5);
        assert_true((double)m[i].energy_error_mj / 1e3 < 100);
    }
    assert_int_equal(meter_sum(m, DEVICES).source, WT_SOURCE_NONE);
    assert_true(meter_sum(m, DEVICES).quality & WT_QUALITY_STALE);
}

static void test_faults(void **state)
{
    (void)state;
    static const unsigned devices[DEVICES] = {FROZEN, LOST, RESET, SOUND};
    double (*true_energy_j)(unsigned), true_j[DEVICES];
    struct sense *sense = open_machine(&true_energy_j);
    struct live_meter *live;
    struct window_meter *windows, *seldom;
    struct wt_measurement by_live[DEVICES], by_windows[DEVICES];
    assert_int_equal(live_meter_new(sense, devices, DEVICES, &live, NULL), 0);
    live_meter_on_event(live, count_event, events);
    assert_int_equal(window_meter_new(sense, devices, DEVICES, true, &windows, NULL), 0);
    assert_int_equal(window_meter_new(sense, devices, DEVICES, false, &seldom, NULL), 0);
    live_meter_begin(live);
    assert_int_equal(window_meter_begin(windows, "whole", NULL), 0);
    assert_int_equal(window_meter_begin(seldom, "whole", NULL), 0);
    for (unsigned i = 0; i < DEVICES; i++)
        true_j[i] = true_energy_j(i);
    poll_for(live, 20);
    for (unsigned i = 0; i < DEVICES; i++)
        true_j[i] = true_energy_j(i) - true_j[i];
    assert_int_equal(window_meter_end(windows, "whole", by_windows, NULL), 0);
    live_meter_end(live, clock_now_ns(), by_live);
    check(by_live, true_j);
    check(by_windows, true_j);
    assert_int_equal(events[LIVE_METER_STOPPED], 1);
    assert_int_equal(events[LIVE_METER_FAILED], 1);
    assert_int_equal(events[LIVE_METER_WENT_BACK], 1);
    assert_int_equal(events[LIVE_METER_READABLE] + events[LIVE_METER_SLOW], 0);
    /* Two reads of a counter do not show that it stopped between them; its next window does. */
    assert_int_equal(window_meter_end(seldom, "whole", by_windows, NULL), 0);
    assert_int_equal(by_windows[LOST].quality, WT_QUALITY_LOST);
    assert_int_equal(by_windows[RESET].source, WT_SOURCE_NONE);
    assert_true(by_windows[RESET].quality & WT_QUALITY_RESET);
    assert_int_equal(window_meter_begin(windows, "after", NULL), 0);
    assert_int_equal(window_meter_begin(seldom, "after", NULL), 0);
    double from_j = true_energy_j(FROZEN);
    clock_sleep_ns(5 * NS_PER_S);
    from_j = true_energy_j(FROZEN) - from_j;
    assert_int_equal(window_meter_end(seldom, "after", by_windows, NULL), 0);
    assert_true(by_windows[FROZEN].quality & WT_QUALITY_STALE);
    assert_true(by_windows[FROZEN].source == WT_SOURCE_NONE ||
                (double)by_windows[FROZEN].energy_error_mj / 1e3 > from_j);
    assert_int_equal(by_windows[RESET].source, WT_SOURCE_COUNTER);
    assert_int_equal(window_meter_end(windows, "after", by_windows, NULL), 0);
    assert_int_equal(by_windows[FROZEN].source, WT_SOURCE_NONE);
    assert_int_equal(by_windows[RESET].quality, WT_QUALITY_GOOD);
    assert_null(window_meter_free(seldom));
    assert_null(window_meter_free(windows));
    assert_null(window_meter_free(NULL));
    live_meter_free(live);
    clock_use(NULL);
    sense_close(sense);
}

static int make_machine(void **state)
{
    (void)state;
    snprintf(machine, sizeof machine, "/tmp/wattune-window-%ld.ini", (long)getpid());
    FILE *file = fopen(machine, "w");
    if (!file)
        return -1;
    fputs("[machine]\ntime_scale = 10\n"
          "[gpu 0]\nmodel = v100\nfault = energy_frozen@8\n"
          "[gpu 1]\nmodel = v100\nfault = lost@8\n"
          "[gpu 2]\nmodel = v100\nfault = energy_reset@8\n"
          "[gpu 3]\nmodel = v100\n",
          file);
    setenv("WATTUNE_VGPU", machine, 1);
    return fclose(file);
}

static int drop_machine(void **state)
{
    (void)state;
    return unlink(machine);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_faults)};
    if (argc != 2)
        return 2;
    library = argv[1];
    return cmocka_run_group_tests(tests, make_machine, drop_machine);
}
