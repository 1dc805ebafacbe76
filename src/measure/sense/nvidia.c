/* SPDX-License-Identifier: Apache-2.0
 *
 * The source "nvml": GPUs through NVIDIA's management library (measure/driver/nvml.h), real or
 * virtual.
 */
#include "base/clock.h"
#include "measure/driver/nvml.h"
#include "measure/sense/sense.h"

#include <stdlib.h>
#include <string.h>

struct nvml_source {
    struct nvml *nvml;
    int64_t tick_ns[WT_MAX_DEVICES];
};

static bool wanted(const struct sense_options *options)
{
    return !options->replay_path;
}

/* A library that was named must open. */
static bool needed(const struct sense_options *options)
{
    return options->nvml_path != NULL;
}

static int open_source(const struct sense_options *options, void **out, struct wt_error *err)
{
    struct nvml_source *source = calloc(1, sizeof *source);
    if (!source)
        return error_set(err, WT_E_NO_MEMORY, "open NVML: out of memory");
    int rc = nvml_open(options->nvml_path, &source->nvml, err);
    if (rc) {
        free(source);
        return rc;
    }
    *out = source;
    return 0;
}

static void close_source(void *source)
{
    nvml_close(((struct nvml_source *)source)->nvml);
    free(source);
}

static unsigned count(void *source)
{
    return nvml_device_count(((struct nvml_source *)source)->nvml);
}

/* The readings of nvmlDeviceGetPowerUsage, by generation: a mean over `window` that is renewed
 * every `tick` (sensor studies of some 70 cards, SC'24).  The counter moves with the sensor: every
 * 20 ms on Volta, every 100 ms on all later ones as far as published.  First match wins, so the
 * longer of two names stands first; a model that is not listed behaves as the newest. */
static const struct habits {
    const char *name;
    int tick_ms, window_ms;
    uint32_t resolution_mw;
} habits[] = {
    {"A100", 100, 25, 10},     {"A800", 100, 25, 10},        {"A3000", 100, 1000, 10},
    {"A30", 100, 25, 10},      {"V100", 20, 10, 50},         {"TITAN V", 20, 10, 50},
    {"GV100", 20, 10, 50},     {"P100", 20, 10, 50},         {"Tesla P4", 20, 10, 50},
    {"GTX 10", 20, 10, 50},    {"TITAN X", 20, 10, 50},      {"Quadro P", 20, 10, 50},
    {"GP100", 20, 10, 50},     {"Tesla T", 100, 100, 10},    {"RTX 20", 100, 100, 10},
    {"GTX 16", 100, 100, 10},  {"Quadro RTX", 100, 100, 10}, {"TITAN RTX", 100, 100, 10},
    {"Tesla M", 100, 100, 10}, {"GTX 9", 100, 100, 10},      {"Tesla K", 100, 100, 10},
    {"", 100, 1000, 10},
};

static const struct habits *habits_of(const struct wt_device *device)
{
    const struct habits *h = habits;
    while (!strstr(device->name, h->name))
        h++;
    return h;
}

static int device(void *opaque, unsigned i, struct wt_device *found, struct wt_error *err)
{
    struct nvml_source *source = opaque;
    int rc = nvml_device(source->nvml, i, found, err);
    if (rc)
        return rc;
    const struct habits *h = habits_of(found);
    found->counter_tick_ns = source->tick_ns[i] = found->power_tick_ns = h->tick_ms * NS_PER_MS;
    found->power_window_ns = h->window_ms * NS_PER_MS;
    found->power_resolution_mw = h->resolution_mw;
    return 0;
}

static int energy(void *opaque, unsigned i, struct wt_sample *sample, struct wt_error *err)
{
    struct nvml_source *source = opaque;
    int64_t begin_ns = clock_now_ns();
    struct wt_sample read = {.source = WT_SOURCE_COUNTER};
    int rc = nvml_energy_mj(source->nvml, i, &read.energy_mj, err);
    if (rc)
        return rc;
    /* The read happened somewhere inside the call, which may be slow; the value was up to a tick
     * old then. */
    read.t_ns = clock_now_ns();
    read.lag_ns = source->tick_ns[i] + read.t_ns - begin_ns;
    *sample = read;
    return 0;
}

static int state(void *source, unsigned i, unsigned fields, struct wt_state *found,
                 struct wt_error *err)
{
    struct wt_state read = {.t_ns = clock_now_ns()};
    int rc = nvml_state(((struct nvml_source *)source)->nvml, i, fields, &read, err);
    if (rc == 0)
        *found = read;
    return rc;
}

static int processes(void *source, unsigned i, uint32_t pids[], unsigned capacity, unsigned *n,
                     struct wt_error *err)
{
    return nvml_compute_processes(((struct nvml_source *)source)->nvml, i, pids, capacity, n, err);
}

static int mig_parent(void *source, const char *mig_uuid, unsigned *i, struct wt_error *err)
{
    return nvml_mig_parent(((struct nvml_source *)source)->nvml, mig_uuid, i, err);
}

static void *driver(void *source)
{
    return ((struct nvml_source *)source)->nvml;
}

static void *symbol(void *source, const char *name)
{
    return nvml_symbol(((struct nvml_source *)source)->nvml, name);
}

static void versions(void *source, char driver[80], char library[80])
{
    nvml_versions(((struct nvml_source *)source)->nvml, driver, library);
}

const struct sense_source_ops sense_nvml = {
    .name = "nvml",
    .wanted = wanted,
    .needed = needed,
    .open = open_source,
    .close = close_source,
    .count = count,
    .device = device,
    .energy = energy,
    .state = state,
    .processes = processes,
    .mig_parent = mig_parent,
    .driver = driver,
    .symbol = symbol,
    .versions = versions,
};
