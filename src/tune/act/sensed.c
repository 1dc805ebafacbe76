/* SPDX-License-Identifier: Apache-2.0
 *
 * Ops by device.
 */
#include "tune/act/sensed.h"

#include <string.h>

/* The sources whose devices can be set, by name; a source that is not here is read only. */
static const struct {
    const char *source;
    const struct guard_ops *ops;
} SETTABLE[] = {{"nvml", &guard_nvml}};

static const struct guard_ops *ops_of(struct sense *sense, unsigned i, void **driver)
{
    const char *source = NULL;
    *driver = sense_device_driver(sense, i, &source);
    for (unsigned k = 0; *driver && k < sizeof SETTABLE / sizeof SETTABLE[0]; k++)
        if (strcmp(SETTABLE[k].source, source) == 0)
            return SETTABLE[k].ops;
    return NULL;
}

static int find(void *ctx, const struct wt_device *device, const struct guard_ops **ops,
                void **driver, struct wt_error *err)
{
    struct sense *sense = ctx;
    for (unsigned i = 0; i < sense_gpu_count(sense); i++) {
        void *found_driver;
        const struct guard_ops *found = ops_of(sense, i, &found_driver);
        if (!found || strcmp(sense_device(sense, i)->uuid, device->uuid) != 0)
            continue;
        *ops = found;
        *driver = found_driver;
        return 0;
    }
    return error_set(err, WT_E_NOT_SUPPORTED, "nothing can be set on GPU %u (%s)", device->index,
                     device->name);
}

struct guard_finder sensed_finder(struct sense *sense)
{
    return (struct guard_finder){find, sense};
}

bool sensed_can_set(struct sense *sense)
{
    void *driver;
    for (unsigned i = 0; i < sense_gpu_count(sense); i++)
        if (ops_of(sense, i, &driver))
            return true;
    return false;
}
