/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune top: the readings of `wattune monitor`, live on the whole terminal.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/curses.h"
#include "measure/meter/meter.h"
#include "setup/devices.h"
#include "show/text/view.h"

static struct settings {
    double interval_s;
} settings;

static const struct option_row options[] = {{.name = "interval",
                                             .type = OPTION_NUMBER,
                                             .form = "S",
                                             .least = 0.05,
                                             .most = 3600,
                                             .fallback = "1",
                                             .to = OPTION_TO(struct settings, interval_s),
                                             .help = "Seconds between two readings, 0.05 to 3600"},
                                            {0}};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

struct top {
    struct view_top view;
    struct view_top_device devices[WT_MAX_DEVICES];
    char why[WT_MAX_DEVICES][300]; /* a device cannot be read */
    struct live_meter *meter;
    int64_t started_ns;
};

static void add_history(struct view_top_device *device)
{
    const struct wt_state *s = &device->state;
    float power_w = s->known & WT_STATE_POWER ? (float)s->power_mw / 1e3f : NAN;
    if (device->history_count == VIEW_TOP_HISTORY) {
        memmove(device->history_w, device->history_w + 1,
                (VIEW_TOP_HISTORY - 1) * sizeof device->history_w[0]);
        device->history_count--;
    }
    device->history_w[device->history_count++] = power_w;
}

static void read_all(struct top *top, const struct devices *devices)
{
    for (unsigned i = 0; i < top->view.count; i++) {
        struct wt_error err = {0};
        struct view_top_device *device = &top->devices[i];
        device->state = (struct wt_state){0};
        int rc = sense_state(devices->sense, devices->selected[i], ~0u, &device->state, &err);
        device->why = NULL;
        if (rc) { /* shown on the screen; standard error would break it */
            snprintf(top->why[i], sizeof top->why[i], "%.299s", err.text);
            device->why = top->why[i];
            device->state = (struct wt_state){0};
        }
        if (live_meter_so_far(top->meter, i, &device->energy_j))
            device->energy_j = NAN;
        device->estimated = !device->device.has_energy_counter && isfinite(device->energy_j);
        add_history(device);
    }
    top->view.since_s = (double)(clock_now_ns() - top->started_ns) / 1e9;
}

static void draw(struct top *top)
{
    struct buffer page = {0};
    unsigned heading;
    screen_size(&top->view.rows, &top->view.columns);
    view_top(&page, &top->view, &heading);
    screen_draw(buffer_text(&page), 0, heading);
    buffer_clear(&page);
}

/* The next longer or shorter of the usual intervals. */
static double next_interval(double now_s, bool longer)
{
    static const double steps_s[] = {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60};
    enum { COUNT = sizeof steps_s / sizeof steps_s[0] };
    for (unsigned i = 0; longer && i < COUNT; i++)
        if (steps_s[i] > now_s)
            return steps_s[i];
    for (unsigned i = COUNT; !longer && i > 0; i--)
        if (steps_s[i - 1] < now_s)
            return steps_s[i - 1];
    return now_s;
}

/* The meter need not read more often than the screen shows twice. */
static void set_interval(struct top *top, double interval_s)
{
    top->view.interval_s = interval_s;
    live_meter_set_gap(top->meter, (int64_t)(interval_s / 2 * (double)NS_PER_S));
}

/* False: the user wants to quit. */
static bool handle_key(struct top *top, int key)
{
    switch (key) {
    case 'q':
    case 'Q':
        return false;
    case 'p':
    case ' ':
        top->view.paused = !top->view.paused;
        break;
    case '+':
    case '=':
        set_interval(top, next_interval(top->view.interval_s, true));
        break;
    case '-':
        set_interval(top, next_interval(top->view.interval_s, false));
        break;
    default:
        break;
    }
    return true;
}

/* Milliseconds until the screen or the meter wants to read; a signal is noticed within a second. */
static int wait_ms(const struct top *top, int64_t next_ns)
{
    int64_t meter_ns = live_meter_next_ns(top->meter);
    int64_t at_ns = meter_ns < next_ns ? meter_ns : next_ns;
    double ms = ceil((double)(at_ns - clock_now_ns()) / clock_scale() / 1e6);
    return ms > 1000 ? 1000 : ms < 1 ? 1 : (int)ms;
}

/* A pause holds the picture; counting of energy continues. */
static void loop(struct top *top, const struct devices *devices)
{
    int64_t next_ns = clock_now_ns();
    while (!ended) {
        live_meter_poll(top->meter);
        int64_t now_ns = clock_now_ns();
        if (now_ns >= next_ns) {
            read_all(top, devices);
            if (!top->view.paused)
                draw(top);
            next_ns = now_ns + (int64_t)(top->view.interval_s * (double)NS_PER_S);
        }
        int key = screen_key(wait_ms(top, next_ns));
        if (key == SCREEN_NOTHING)
            continue;
        double interval_s = top->view.interval_s;
        if (!handle_key(top, key))
            return;
        if (top->view.interval_s != interval_s)
            next_ns = clock_now_ns();
        draw(top);
    }
}

/* Meters the selected GPUs from here on. */
static int begin(struct top *top, const struct devices *devices, struct wt_error *err)
{
    int rc =
        live_meter_new(devices->sense, devices->selected, devices->gpu_count, &top->meter, err);
    if (rc)
        return rc;
    top->view = (struct view_top){
        .unicode = screen_has_unicode(), .devices = top->devices, .count = devices->gpu_count};
    for (unsigned i = 0; i < devices->gpu_count; i++) {
        const struct wt_device *device = sense_device(devices->sense, devices->selected[i]);
        top->devices[i].device = *device;
    }
    live_meter_keep_up(top->meter);
    set_interval(top, settings.interval_s);
    top->started_ns = clock_now_ns();
    live_meter_begin(top->meter);
    return 0;
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct devices devices;
    struct wt_error err;
    struct sigaction action = {.sa_handler = on_signal};
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct top *top = calloc(1, sizeof *top);
    int rc = top ? screen_check(&err) : error_set(&err, WT_E_NO_MEMORY, "out of memory");
    if (rc == 0)
        rc = devices_open(&devices, setup, true, &err);
    if (rc) {
        free(top);
        return command_failed(&err);
    }
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++)
        sigaction(ends[i], &action, NULL); /* before ncurses, which leaves them alone then */
    rc = screen_open(&err);
    if (rc == 0) {
        rc = begin(top, &devices, &err);
        if (rc == 0)
            loop(top, &devices);
        screen_close();
    }
    live_meter_free(top->meter);
    devices_close(&devices);
    free(top);
    return rc ? command_failed(&err) : EXIT_DONE;
}

const struct command command_top = {
    .name = "top",
    .summary = "show power, limits and energy of each GPU live on the terminal",
    .description = "Shows for every GPU its power, the limit in force, temperature, utilisation, "
                   "memory, the energy since the start and the reason that holds it back, and "
                   "below it the power over the last readings. Energy with a ~ is a sum of power "
                   "readings, because the device has no counter. A - stands for a value that the "
                   "device does not report.\n\n"
                   "Keys: q ends; p holds the picture while energy is still counted; + and - make "
                   "the interval longer and shorter. The terminal returns to its former state "
                   "however the program ends.",
    .examples =
        "  wattune top\n  wattune top --interval 0.2 --gpus 0,1\n  wattune top --vgpu a40:4\n",
    .options = options,
    .groups = COMMON_DEVICES | COMMON_REPLAY,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
