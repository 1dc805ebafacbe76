/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune top: the readings of `wattune monitor`, live on the whole terminal.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/curses.h"
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

/* A device between two readings. */
struct kept {
    bool has_counter, has_power;
    uint64_t energy_mj;
    uint32_t power_mw;
    int64_t t_ns;
    char why[300];
};

struct top {
    struct view_top view;
    struct view_top_device devices[WT_MAX_DEVICES];
    struct kept kept[WT_MAX_DEVICES];
    int64_t started_ns;
};

/* Energy since the start: the counter's difference, and without a counter power over time.  A
 * counter that went back (the driver was loaded anew) leaves the interval unknown. */
static void add_energy(struct view_top_device *device, struct kept *kept)
{
    const struct wt_state *s = &device->state;
    bool counter = s->known & WT_STATE_ENERGY, power = s->known & WT_STATE_POWER;
    if (counter) {
        if (kept->has_counter && s->energy_mj >= kept->energy_mj)
            device->energy_j += (double)(s->energy_mj - kept->energy_mj) / 1e3;
        else if (!isfinite(device->energy_j))
            device->energy_j = 0;
    } else if (power) {
        device->estimated = true;
        if (!isfinite(device->energy_j))
            device->energy_j = 0;
        if (kept->has_power)
            device->energy_j +=
                (kept->power_mw / 2e3 + s->power_mw / 2e3) * (double)(s->t_ns - kept->t_ns) / 1e9;
    }
    kept->has_counter = counter;
    kept->has_power = power;
    kept->energy_mj = s->energy_mj;
    kept->power_mw = s->power_mw;
    kept->t_ns = s->t_ns;
}

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
            snprintf(top->kept[i].why, sizeof top->kept[i].why, "%.299s", err.text);
            device->why = top->kept[i].why;
            device->state = (struct wt_state){0};
        } else {
            add_energy(device, &top->kept[i]);
        }
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
        top->view.interval_s = next_interval(top->view.interval_s, true);
        break;
    case '-':
        top->view.interval_s = next_interval(top->view.interval_s, false);
        break;
    default:
        break;
    }
    return true;
}

/* A pause holds the picture; counting of energy continues. */
static void loop(struct top *top, const struct devices *devices)
{
    int64_t next_ns = clock_now_ns();
    double scale = clock_scale();
    while (!ended) {
        int64_t now_ns = clock_now_ns();
        if (now_ns >= next_ns) {
            read_all(top, devices);
            if (!top->view.paused)
                draw(top);
            next_ns = now_ns + (int64_t)(top->view.interval_s * (double)NS_PER_S);
        }
        double wait_ms = ceil((double)(next_ns - clock_now_ns()) / scale / 1e6);
        int key =
            screen_key(wait_ms > 1000 ? 1000 : (int)wait_ms); /* notices a signal within a second */
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
        top->started_ns = clock_now_ns();
        top->view = (struct view_top){.unicode = screen_has_unicode(),
                                      .interval_s = settings.interval_s,
                                      .devices = top->devices,
                                      .count = devices.gpu_count};
        for (unsigned i = 0; i < devices.gpu_count; i++) {
            top->devices[i].device = *sense_device(devices.sense, devices.selected[i]);
            top->devices[i].energy_j = NAN;
        }
        loop(top, &devices);
        screen_close();
    }
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
