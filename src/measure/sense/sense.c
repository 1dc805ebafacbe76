/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources of energy readings: the array of sources and the calls that go through their ops tables.
 */
#include "measure/sense/sense.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "measure/sense/calibration.h"

const struct sense_source_ops *const sense_sources[] = {&sense_replay, &sense_nvml, &sense_hwmon,
                                                        &sense_rapl, NULL};

enum { SOURCES_MOST = 8 };

struct sense {
    unsigned source_count, count, gpu_count;
    struct {
        const struct sense_source_ops *ops;
        void *source;
    } sources[SOURCES_MOST];
    struct place { /* of a device: which source, and its number there */
        unsigned source, i;
        struct wt_device device;
    } places[WT_MAX_DEVICES];
};

/* A limit binds the power of a card, not the reading of its sensor: the worst published one
 * reads 11 % too much (measure/sense/calibration.c); and a limit is kept as a mean over some
 * milliseconds.
 */
static const double SHOWN_MOST = 1.15;

static int open_sources(struct sense *sense, const struct sense_options *options,
                        struct wt_error *err)
{
    int first_rc = 0;
    for (unsigned i = 0; sense_sources[i] && sense->source_count < SOURCES_MOST; i++) {
        const struct sense_source_ops *ops = sense_sources[i];
        struct wt_error source_err;
        void *source;
        if (!ops->wanted(options))
            continue;
        int rc = ops->open(options, &source, &source_err);
        if (rc == 0) {
            sense->sources[sense->source_count].ops = ops;
            sense->sources[sense->source_count++].source = source;
            continue;
        }
        /* Memory that is short now says nothing about the devices: they would be missing without a
         * word. */
        if (rc == WT_E_NO_MEMORY || ops->needed(options))
            return error_set(err, rc, "%s", source_err.text);
        if (first_rc == 0) /* the first is the one to tell when nothing else opens */
            first_rc = error_set(err, rc, "%s", source_err.text);
    }
    return sense->source_count ? 0
           : first_rc          ? first_rc
                               : error_set(err, WT_E_NO_DEVICE, "there is no source of energy");
}

/* Puts the devices of one kind (GPUs, or all others) in their places. */
static void place_devices(struct sense *sense, const struct sense_options *options, bool gpus)
{
    unsigned of_kind[3] = {0};
    for (unsigned s = 0; s < sense->source_count; s++) {
        unsigned count = sense->sources[s].ops->count(sense->sources[s].source), before[3];
        memcpy(before, of_kind, sizeof before); /* indexes go on where the sources before ended */
        for (unsigned i = 0; i < count && sense->count < WT_MAX_DEVICES; i++) {
            struct wt_device device = {.index = i};
            if (sense->sources[s].ops->device(sense->sources[s].source, i, &device, NULL))
                device = (struct wt_device){.index = i}; /* lost: keeps its place without a name */
            if ((device.kind == WT_DEVICE_GPU) != gpus)
                continue;
            if (gpus)
                device.sensor_error_ppm = options->sensor_error_ppm
                                              ? options->sensor_error_ppm
                                              : calibration_error_ppm(device.name);
            device.most_mw = (uint32_t)(SHOWN_MOST * device.limit_max_mw);
            of_kind[device.kind]++;
            device.index += before[device.kind];
            sense->places[sense->count++] = (struct place){s, i, device};
            sense->gpu_count += gpus;
        }
    }
}

int sense_open(const struct sense_options *options, struct sense **out, struct wt_error *err)
{
    struct sense *sense = calloc(1, sizeof *sense);
    if (!sense)
        return error_set(err, WT_E_NO_MEMORY, "open the devices: out of memory");
    int rc = open_sources(sense, options, err);
    if (rc) {
        sense_close(sense);
        return rc;
    }
    place_devices(sense, options, true);
    place_devices(sense, options, false);
    *out = sense;
    return 0;
}

void sense_close(struct sense *sense)
{
    if (!sense)
        return;
    for (unsigned s = 0; s < sense->source_count; s++)
        sense->sources[s].ops->close(sense->sources[s].source);
    free(sense);
}

unsigned sense_device_count(const struct sense *sense)
{
    return sense->count;
}

unsigned sense_gpu_count(const struct sense *sense)
{
    return sense->gpu_count;
}

const struct wt_device *sense_device(const struct sense *sense, unsigned i)
{
    return &sense->places[i].device;
}

const char *sense_remark(const struct sense *sense, unsigned i)
{
    for (unsigned s = 0; s < sense->source_count; s++) {
        const char *text = sense->sources[s].ops->remark
                               ? sense->sources[s].ops->remark(sense->sources[s].source)
                               : NULL;
        if (text && text[0] && i-- == 0)
            return text;
    }
    return NULL;
}

/* The call of device i's source, with the source and the device's number there in front. */
#define CALL(sense, i, function, ...)                                                              \
    (sense)->sources[(sense)->places[i].source].ops->function(                                     \
        (sense)->sources[(sense)->places[i].source].source, (sense)->places[i].i, __VA_ARGS__)

int sense_energy(struct sense *sense, unsigned i, struct wt_sample *sample, struct wt_error *err)
{
    const struct wt_device *device = sense_device(sense, i);
    if (!device->has_energy_counter)
        return error_set(err, WT_E_NOT_SUPPORTED, "%s %u (%s) has no energy counter",
                         device->kind == WT_DEVICE_GPU ? "GPU" : "device", device->index,
                         device->name);
    return CALL(sense, i, energy, sample, err);
}

int sense_state(struct sense *sense, unsigned i, unsigned wanted, struct wt_state *state,
                struct wt_error *err)
{
    return CALL(sense, i, state, wanted, state, err);
}

int sense_processes(struct sense *sense, unsigned i, uint32_t pids[], unsigned capacity,
                    unsigned *count, struct wt_error *err)
{
    if (!sense->sources[sense->places[i].source].ops->processes)
        return error_set(err, WT_E_NOT_SUPPORTED,
                         "this device does not tell which processes use it");
    return CALL(sense, i, processes, pids, capacity, count, err);
}

/* The source of the first GPU: the one whose driver names its version and has symbols. */
static unsigned gpu_source(const struct sense *sense)
{
    return sense->gpu_count ? sense->places[0].source : 0;
}

/* The position of device `number` of a source. */
static int position_of(const struct sense *sense, unsigned source, unsigned number,
                       unsigned *position)
{
    for (unsigned i = 0; i < sense->count; i++)
        if (sense->places[i].source == source && sense->places[i].i == number) {
            *position = i;
            return 0;
        }
    return WT_E_NO_DEVICE;
}

int sense_mig_parent(struct sense *sense, const char *mig_uuid, unsigned *i, struct wt_error *err)
{
    int rc = WT_E_NO_DEVICE;
    error_set(err, rc, "there is no GPU with a part %.96s", mig_uuid);
    for (unsigned s = 0; s < sense->source_count; s++) {
        unsigned number;
        if (sense->sources[s].ops->mig_parent)
            rc =
                sense->sources[s].ops->mig_parent(sense->sources[s].source, mig_uuid, &number, err);
        if (sense->sources[s].ops->mig_parent && rc == 0)
            return position_of(sense, s, number, i);
    }
    return rc;
}

void *sense_device_driver(struct sense *sense, unsigned i, const char **source_name)
{
    const struct place *place = &sense->places[i];
    const struct sense_source_ops *ops = sense->sources[place->source].ops;
    void *driver =
        i < sense->count && ops->driver ? ops->driver(sense->sources[place->source].source) : NULL;
    if (driver && source_name)
        *source_name = ops->name;
    return driver;
}

void sense_versions(struct sense *sense, char driver[80], char library[80])
{
    unsigned s = gpu_source(sense);
    driver[0] = library[0] = '\0';
    if (sense->sources[s].ops->versions)
        sense->sources[s].ops->versions(sense->sources[s].source, driver, library);
}

void *sense_symbol(struct sense *sense, const char *name)
{
    unsigned s = gpu_source(sense);
    return sense->sources[s].ops->symbol
               ? sense->sources[s].ops->symbol(sense->sources[s].source, name)
               : NULL;
}

/* The virtual GPU keeps its machine's time; a real NVML has no such symbol. */
int64_t (*sense_clock(struct sense *sense))(void)
{
    union {
        void *address;
        int64_t (*function)(void);
    } symbol = {.address = sense_symbol(sense, "vgpu_now_ns")};
    return symbol.function;
}
