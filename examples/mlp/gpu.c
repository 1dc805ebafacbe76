/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the virtual GPU and gives it the work of a step.
 *
 * The load is ResNet-50-like by the law that fits the published power traces: a step takes a fixed
 * host part and a GPU part that grows with the batch; power at full clock grows with the batch and
 * saturates.  Power is a share of the card's default limit, as if the network had been chosen to
 * fill the card; a step lasts as long on any model.
 */
#include "gpu.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Per step and per sample, at full clock: 16 ms a step at 64 samples, a tenth of it on the host. */
static const double host_s = 0.0016, sample_s = 0.000225;
/* Share of the time on the GPU that follows the clock; the rest waits for memory.  ResNet-50 has
 * 0.3 on an A40 to 0.6 on a V100; with this the least cost lies below the highest limit on every
 * model of the virtual GPU. */
static const double clock_share = 0.42;
/* Power of an all but empty card, of a full one, and the batch size half way between; of the
 * default limit.
 */
static const double power_low = 0.45, power_high = 1.01, half_batch = 8;

void gpu_step(const struct gpu *gpu, unsigned batch)
{
    double step_s = host_s + sample_s * batch;
    double power = power_low + (power_high - power_low) * batch / (batch + half_batch);
    gpu->work(gpu->index, step_s, power * gpu->default_limit_w, clock_share, host_s / step_s);
}

struct nvml {
    int (*init)(void);
    int (*count)(unsigned *count);
    int (*handle)(unsigned index, void **device);
    int (*uuid)(void *device, char *uuid, unsigned size);
    int (*default_limit)(void *device, unsigned *limit_mw);
};

/* dlsym() gives a pointer to data; POSIX promises that it may be stored so. */
static int find(void *library, const char *name, void *function)
{
    *(void **)function = dlsym(library, name);
    return *(void **)function != NULL;
}

/* The index of the first visible GPU; -1 when there is none. */
static int first_visible(const struct nvml *nvml, unsigned count)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    if (!visible)
        return count > 0 ? 0 : -1;
    size_t length = strcspn(visible, ",");
    char *end;
    unsigned long index = strtoul(visible, &end, 10);
    if (length > 0 && strspn(visible, "0123456789") == length)
        return index < count ? (int)index : -1;
    for (unsigned i = 0; length > 4 && i < count; i++) {
        void *device;
        char uuid[96];
        if (nvml->handle(i, &device) == 0 && nvml->uuid(device, uuid, sizeof uuid) == 0 &&
            strncmp(uuid, visible, length) == 0)
            return (int)i;
    }
    return -1;
}

const char *gpu_find(struct gpu *gpu)
{
    if (!getenv("WATTUNE_VGPU"))
        return "there is no virtual GPU (WATTUNE_VGPU is not set)";
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    struct nvml nvml;
    if (!library || !find(library, "vgpu_work", &gpu->work) ||
        !find(library, "nvmlInit_v2", &nvml.init) ||
        !find(library, "nvmlDeviceGetCount_v2", &nvml.count) ||
        !find(library, "nvmlDeviceGetHandleByIndex_v2", &nvml.handle) ||
        !find(library, "nvmlDeviceGetUUID", &nvml.uuid) ||
        !find(library, "nvmlDeviceGetPowerManagementDefaultLimit", &nvml.default_limit))
        return "libnvidia-ml.so.1 is not the virtual GPU's (is its folder in LD_LIBRARY_PATH?)";
    unsigned count = 0, limit_mw;
    if (nvml.init() || nvml.count(&count))
        return "the virtual GPU's machine cannot be started";
    int index = first_visible(&nvml, count);
    if (index < 0)
        return "CUDA_VISIBLE_DEVICES leaves no GPU";
    void *device;
    if (nvml.handle((unsigned)index, &device) || nvml.default_limit(device, &limit_mw))
        return "the GPU does not tell its power limit";
    gpu->index = (unsigned)index;
    gpu->default_limit_w = limit_mw / 1000.0;
    return NULL;
}
