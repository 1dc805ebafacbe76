/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy windows: a table of open windows, each with the samples it began at.  Closed slots are
 * reused, so that a training loop allocates only the first time.
 */
#include "measure/meter/window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More than any single GPU board draws, for devices that do not tell their limit. */
static const double NO_GPU_DRAWS_MW = 1.5e6;

struct window {
    bool open;
    char name[METER_NAME_LEN];
    struct wt_sample *begin; /* device_count of them */
};

struct meter {
    unsigned device_count, window_count;
    uint32_t most_mw[WT_MAX_DEVICES];
    struct window *windows;
};

int meter_new(unsigned device_count, const uint32_t most_mw[], struct meter **out,
              struct wt_error *err)
{
    if (device_count == 0 || device_count > WT_MAX_DEVICES)
        return error_set(err, WT_E_INVALID, "a meter needs 1 to %d devices", WT_MAX_DEVICES);
    struct meter *meter = calloc(1, sizeof *meter);
    if (!meter)
        return error_set(err, WT_E_NO_MEMORY, "make a meter: out of memory");
    meter->device_count = device_count;
    memcpy(meter->most_mw, most_mw, device_count * sizeof *most_mw);
    *out = meter;
    return 0;
}

struct meter *meter_free(struct meter *meter)
{
    if (meter) {
        for (unsigned i = 0; i < meter->window_count; i++)
            free(meter->windows[i].begin);
        free(meter->windows);
        free(meter);
    }
    return NULL;
}

static struct window *find(struct meter *meter, const char *name)
{
    for (unsigned i = 0; i < meter->window_count; i++)
        if (meter->windows[i].open && strcmp(meter->windows[i].name, name) == 0)
            return &meter->windows[i];
    return NULL;
}

static struct window *free_slot(struct meter *meter)
{
    for (unsigned i = 0; i < meter->window_count; i++)
        if (!meter->windows[i].open)
            return &meter->windows[i];
    if (meter->window_count == METER_WINDOWS_MOST)
        return NULL;
    unsigned count = meter->window_count + 1;
    struct window *windows = realloc(meter->windows, count * sizeof *windows);
    if (!windows)
        return NULL;
    meter->windows = windows;
    windows[count - 1] =
        (struct window){.begin = calloc(meter->device_count, sizeof(struct wt_sample))};
    if (!windows[count - 1].begin)
        return NULL;
    meter->window_count = count;
    return &windows[count - 1];
}

int meter_begin(struct meter *meter, const char *name, const struct wt_sample samples[],
                struct wt_error *err)
{
    if (!name || !*name || strlen(name) >= METER_NAME_LEN)
        return error_set(err, WT_E_INVALID, "a window's name has 1 to %d bytes",
                         METER_NAME_LEN - 1);
    if (find(meter, name))
        return error_set(err, WT_E_BUSY, "the window %s is open already", name);
    struct window *window = free_slot(meter);
    if (!window)
        return error_set(err, WT_E_NO_MEMORY,
                         "open the window %s: too many are open, or out of memory", name);
    memcpy(window->name, name, strlen(name) + 1);
    memcpy(window->begin, samples, meter->device_count * sizeof *samples);
    window->open = true;
    return 0;
}

int meter_end(struct meter *meter, const char *name, const struct wt_sample samples[],
              struct wt_measurement measurements[], struct wt_error *err)
{
    struct window *window = name ? find(meter, name) : NULL;
    if (!window)
        return error_set(err, WT_E_NOT_FOUND, "no window %s is open",
                         name ? name : "without a name");
    for (unsigned i = 0; i < meter->device_count; i++)
        measurements[i] = meter_between(&window->begin[i], &samples[i], meter->most_mw[i]);
    window->open = false;
    return 0;
}

struct wt_measurement meter_between(const struct wt_sample *begin, const struct wt_sample *end,
                                    uint32_t most_mw)
{
    struct wt_measurement window = {.begin_ns = begin->t_ns,
                                    .end_ns = end->t_ns,
                                    .source = WT_SOURCE_NONE,
                                    .quality = begin->quality | end->quality};
    if (begin->source == WT_SOURCE_NONE || end->source == WT_SOURCE_NONE || end->t_ns < begin->t_ns)
        return window;
    if (end->energy_mj < begin->energy_mj || (window.quality & WT_QUALITY_RESET)) {
        window.quality |=
            WT_QUALITY_RESET; /* the driver was reloaded: what was used before is gone */
        return window;
    }
    window.source = begin->source == end->source ? end->source : WT_SOURCE_ESTIMATED;
    /* A value that may be lag_ns old misses at most that long at the most power there can be, and
     * no window holds more than that power over its length: the truth lies between the two bounds,
     * and their middle is given.  For a window much longer than the lag that is the difference of
     * the two values; for one shorter than a tick it is an estimate where the difference would be 0
     * or a whole tick. */
    double seconds = (double)(end->t_ns - begin->t_ns) / 1e9;
    double lag_s = (double)(begin->lag_ns > end->lag_ns ? begin->lag_ns : end->lag_ns) / 1e9;
    double highest_mw = most_mw ? most_mw : NO_GPU_DRAWS_MW;
    double difference = (double)(end->energy_mj - begin->energy_mj);
    double slack = (double)(begin->energy_error_mj + end->energy_error_mj);
    double missed = lag_s * highest_mw + slack;
    double least = fmax(difference - missed, 0), most = difference + missed;
    if (lag_s > 0) {
        most = fmin(most, fmax(highest_mw * seconds + slack, least));
        if (seconds < lag_s)
            window.source = WT_SOURCE_ESTIMATED;
    } else {
        least = difference - missed; /* nothing is cut off: the difference is the middle */
    }
    window.energy_mj = (uint64_t)llround(fmax((least + most) / 2, 0));
    window.energy_error_mj = (uint64_t)ceil((most - least) / 2);
    return window;
}

struct wt_measurement meter_sum(const struct wt_measurement measurements[], unsigned count)
{
    struct wt_measurement sum = {.source = WT_SOURCE_NONE};
    for (unsigned i = 0; i < count; i++) {
        const struct wt_measurement *one = &measurements[i];
        sum.quality |= one->quality;
        if (one->source == WT_SOURCE_NONE) {
            sum.source = WT_SOURCE_NONE;
            return sum;
        }
        if (i == 0) {
            sum = *one;
            continue;
        }
        sum.energy_mj += one->energy_mj;
        sum.energy_error_mj += one->energy_error_mj;
        sum.source = sum.source == one->source ? sum.source : WT_SOURCE_ESTIMATED;
        sum.begin_ns = one->begin_ns < sum.begin_ns ? one->begin_ns : sum.begin_ns;
        sum.end_ns = one->end_ns > sum.end_ns ? one->end_ns : sum.end_ns;
    }
    return sum;
}

double meter_sensor_error(const struct wt_measurement measurements[],
                          const struct wt_device devices[], unsigned count)
{
    double energy = 0, error = 0;
    for (unsigned i = 0; i < count; i++) {
        if (measurements[i].source == WT_SOURCE_NONE || !devices[i].sensor_error_ppm)
            return NAN;
        energy += (double)measurements[i].energy_mj;
        error += (double)measurements[i].energy_mj * devices[i].sensor_error_ppm / 1e6;
    }
    return energy > 0 ? error / energy : (double)NAN;
}
