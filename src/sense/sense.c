/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources of energy readings: the array of sources and the calls that go through their ops tables.
 */
#include "sense/sense.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

const struct sense_source_ops *const sense_sources[] = {&sense_replay, &sense_nvml, NULL};

struct sense {
    const struct sense_source_ops *ops;
    void *source;
    unsigned count;
    struct wt_device devices[WT_MAX_DEVICES];
};

int sense_open(const struct sense_options *options, struct sense **out, struct wt_error *err)
{
    struct sense *sense = calloc(1, sizeof *sense);
    if (!sense)
        return error_set(err, WT_E_NO_MEMORY, "open the devices: out of memory");
    int rc = error_set(err, WT_E_NO_DEVICE, "there is no source of energy readings");
    for (unsigned i = 0; sense_sources[i]; i++) {
        if (!sense_sources[i]->wanted(options))
            continue;
        rc = sense_sources[i]->open(options, &sense->source, err);
        if (rc == 0)
            sense->ops = sense_sources[i];
        break; /* what was asked for and does not open is an error, not a reason to read something else */
    }
    if (rc) {
        free(sense);
        return rc;
    }
    sense->count = sense->ops->count(sense->source);
    if (sense->count > WT_MAX_DEVICES)
        sense->count = WT_MAX_DEVICES;
    for (unsigned i = 0; i < sense->count; i++)
        if (sense->ops->device(sense->source, i, &sense->devices[i], NULL))
            sense->devices[i] = (struct wt_device){.index = i}; /* lost: keeps its place without a name */
    *out = sense;
    return 0;
}

void sense_close(struct sense *sense)
{
    if (!sense)
        return;
    sense->ops->close(sense->source);
    free(sense);
}

const char *sense_source_name(const struct sense *sense)
{
    return sense->ops->name;
}

unsigned sense_device_count(const struct sense *sense)
{
    return sense->count;
}

const struct wt_device *sense_device(const struct sense *sense, unsigned i)
{
    return &sense->devices[i];
}

int sense_energy(struct sense *sense, unsigned i, struct wt_sample *sample, struct wt_error *err)
{
    if (!sense->devices[i].has_energy_counter)
        return error_set(err, WT_E_NOT_SUPPORTED, "GPU %u (%s) has no energy counter", sense->devices[i].index,
                         sense->devices[i].name);
    return sense->ops->energy(sense->source, i, sample, err);
}

int sense_state(struct sense *sense, unsigned i, unsigned wanted, struct wt_state *state, struct wt_error *err)
{
    return sense->ops->state(sense->source, i, wanted, state, err);
}

int sense_processes(struct sense *sense, unsigned i, uint32_t pids[], unsigned capacity, unsigned *count,
                    struct wt_error *err)
{
    return sense->ops->processes(sense->source, i, pids, capacity, count, err);
}

int sense_mig_parent(struct sense *sense, const char *mig_uuid, unsigned *i, struct wt_error *err)
{
    return sense->ops->mig_parent(sense->source, mig_uuid, i, err);
}

void *sense_driver(struct sense *sense)
{
    return sense->ops->driver ? sense->ops->driver(sense->source) : NULL;
}

void *sense_symbol(struct sense *sense, const char *name)
{
    return sense->ops->symbol ? sense->ops->symbol(sense->source, name) : NULL;
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
