/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy windows for programs: the public names over sense and meter.  Counters are read in the
 * caller's thread and without a lock, since a vendor call may take long; the lock is held for the
 * bookkeeping only.
 *
 * Time: a virtual machine has its own clock, and base/clock has one for the whole process.  The
 * first monitor that meets such a machine sets it, and it stays set: the library that holds it is
 * never unloaded (base/dl.h), and another monitor may have windows open on it.  Beside a real
 * driver the clock is never touched.
 */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "measure/meter/sampler.h"
#include "measure/meter/window.h"
#include "measure/sense/sense.h"
#include "wattune.h"

struct wt_monitor {
    struct sense *sense;
    unsigned count;
    unsigned devices[WT_MAX_DEVICES]; /* positions in the source */
    pthread_mutex_t lock;             /* of the meter */
    struct meter *meter;
    struct sampler *sampler; /* of GPUs without a counter; NULL: all have one */
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

int wt_monitor_open(struct wt_monitor **out)
{
    if (!out)
        return WT_E_INVALID;
    struct wt_monitor *monitor = calloc(1, sizeof *monitor);
    if (!monitor)
        return WT_E_NO_MEMORY;
    const char *named = secure_getenv(
        "WATTUNE_NVML"); /* not for a program that runs with more rights than its caller */
    const char *sysfs = secure_getenv("WATTUNE_SYSFS");
    struct sense_options options = {.nvml_path = named && *named ? named : NULL,
                                    .sysfs_path = sysfs && *sysfs ? sysfs : NULL};
    uint32_t most_mw[WT_MAX_DEVICES];
    char words[256];
    int rc = sense_open(&options, &monitor->sense, NULL);
    if (rc)
        goto fail;
    use_machine_clock(sense_clock(monitor->sense));
    rc = sense_select(monitor->sense, NULL, getenv("CUDA_VISIBLE_DEVICES"),
                      getenv("CUDA_DEVICE_ORDER"), monitor->devices, &monitor->count, words, NULL);
    if (rc)
        goto fail;
    for (unsigned i = 0; i < monitor->count; i++)
        most_mw[i] = sense_device(monitor->sense, monitor->devices[i])->most_mw;
    rc = meter_new(monitor->count, most_mw, &monitor->meter, NULL);
    if (rc)
        goto fail;
    if (pthread_mutex_init(&monitor->lock, NULL)) {
        rc = WT_E_NO_MEMORY;
        goto fail;
    }
    rc = sampler_new(monitor->sense, monitor->devices, monitor->count, &monitor->sampler);
    if (rc) {
        pthread_mutex_destroy(&monitor->lock);
        goto fail;
    }
    *out = monitor;
    return 0;
fail:
    meter_free(monitor->meter);
    sense_close(monitor->sense);
    free(monitor);
    return rc;
}

void wt_monitor_close(struct wt_monitor *monitor)
{
    if (!monitor)
        return;
    sampler_free(monitor->sampler);
    pthread_mutex_destroy(&monitor->lock);
    meter_free(monitor->meter);
    sense_close(monitor->sense);
    free(monitor);
}

/* A device that cannot be read leaves its energy unknown; the window goes on for the others. */
static void read_all(struct wt_monitor *monitor, struct wt_sample samples[])
{
    for (unsigned i = 0; i < monitor->count; i++) {
        if (sense_energy(monitor->sense, monitor->devices[i], &samples[i], NULL))
            samples[i] = (struct wt_sample){.t_ns = clock_now_ns(), .source = WT_SOURCE_NONE};
    }
}

int wt_begin_window(struct wt_monitor *monitor, const char *name)
{
    if (!monitor || !name)
        return WT_E_INVALID;
    struct wt_sample samples[WT_MAX_DEVICES];
    read_all(monitor, samples);
    pthread_mutex_lock(&monitor->lock);
    int rc = meter_begin(monitor->meter, name, samples, NULL);
    pthread_mutex_unlock(&monitor->lock);
    if (rc == 0)
        sampler_begin(monitor->sampler, name);
    return rc;
}

int wt_end_window(struct wt_monitor *monitor, const char *name, struct wt_window_result *result)
{
    if (!monitor || !name || !result)
        return WT_E_INVALID;
    struct wt_sample samples[WT_MAX_DEVICES];
    struct wt_measurement measurements[WT_MAX_DEVICES];
    read_all(monitor, samples);
    pthread_mutex_lock(&monitor->lock);
    int rc = meter_end(monitor->meter, name, samples, measurements, NULL);
    pthread_mutex_unlock(&monitor->lock);
    if (rc)
        return rc;
    sampler_end(monitor->sampler, name, measurements);
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
