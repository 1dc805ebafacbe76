/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy windows for programs: the public names over sense and a window meter.
 *
 * Time: a virtual machine has its own clock, and base/clock has one for the whole process.  The
 * first monitor that meets such a machine sets it, and it stays set: base/dl.h never unloads the
 * library that holds it, and another monitor may have windows open on it.  Beside a real driver
 * nobody touches the clock.
 */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "measure/meter/meter.h"
#include "measure/sense/sense.h"
#include "wattune.h"

struct wt_monitor {
    struct sense *sense;
    unsigned count;
    unsigned devices[WT_MAX_DEVICES]; /* positions in the source */
    struct window_meter *meter;
};

static void use_machine_clock(int64_t (*now_ns)(void))
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool used;
    pthread_mutex_lock(&lock);
    if (now_ns && !used) {
        clock_use(now_ns);
        used = true;
    }
    pthread_mutex_unlock(&lock);
}

static int open_sense(struct wt_monitor *monitor)
{
    /* secure_getenv: not for a program that runs with more rights than its caller */
    const char *named = secure_getenv("WATTUNE_NVML"), *sysfs = secure_getenv("WATTUNE_SYSFS");
    struct sense_options options = {.nvml_path = named && *named ? named : NULL,
                                    .sysfs_path = sysfs && *sysfs ? sysfs : NULL};
    char words[256];
    int rc = sense_open(&options, &monitor->sense, NULL);
    if (rc)
        return rc;
    use_machine_clock(sense_clock(monitor->sense));
    return sense_select(monitor->sense, NULL, getenv("CUDA_VISIBLE_DEVICES"),
                        getenv("CUDA_DEVICE_ORDER"), monitor->devices, &monitor->count, words,
                        NULL);
}

int wt_monitor_open_flags(struct wt_monitor **out, unsigned flags)
{
    if (!out || (flags & ~(unsigned)WT_MONITOR_TRACK))
        return WT_E_INVALID;
    struct wt_monitor *monitor = calloc(1, sizeof *monitor);
    if (!monitor)
        return WT_E_NO_MEMORY;
    int rc = open_sense(monitor);
    if (rc == 0)
        rc = window_meter_new(monitor->sense, monitor->devices, monitor->count,
                              flags & WT_MONITOR_TRACK, &monitor->meter, NULL);
    if (rc) {
        wt_monitor_close(monitor);
        return rc;
    }
    *out = monitor;
    return 0;
}

int wt_monitor_open(struct wt_monitor **out)
{
    return wt_monitor_open_flags(out, 0);
}

void wt_monitor_close(struct wt_monitor *monitor)
{
    if (!monitor)
        return;
    window_meter_free(monitor->meter);
    sense_close(monitor->sense);
    free(monitor);
}

int wt_begin_window(struct wt_monitor *monitor, const char *name)
{
    return monitor && name ? window_meter_begin(monitor->meter, name, NULL) : WT_E_INVALID;
}

int wt_end_window(struct wt_monitor *monitor, const char *name, struct wt_window_result *result)
{
    if (!monitor || !name || !result)
        return WT_E_INVALID;
    struct wt_measurement measurements[WT_MAX_DEVICES];
    int rc = window_meter_end(monitor->meter, name, measurements, NULL);
    if (rc)
        return rc;
    struct wt_measurement sum = meter_sum(measurements, monitor->count);
    bool known = sum.source != WT_SOURCE_NONE;
    *result = (struct wt_window_result){
        .time_s = (double)(measurements[0].end_ns - measurements[0].begin_ns) / (double)NS_PER_S,
        .energy_j = known ? (double)sum.energy_mj / 1000 : NAN,
        .energy_error_j = known ? (double)sum.energy_error_mj / 1000 : NAN,
        .device_count = monitor->count,
    };
    return 0;
}
