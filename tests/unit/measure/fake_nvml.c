/* SPDX-License-Identifier: Apache-2.0
 *
 * A small NVML that does what a test tells it through the exported knobs.  Built three times:
 * whole; OLD, with the old names only and nothing optional; BROKEN, without an entry point nobody
 * can do without.
 */
#include <stdio.h>
#include <string.h>

#pragma GCC visibility push(default)
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

int fake_rc, fake_init_rc,
    fake_lost = -1; /* what calls answer; a GPU whose handle is not given out */
unsigned fake_count = 2, fake_shutdowns, fake_limit_mw = 250000;

#ifdef OLD
int nvmlInit(void)
#else
int nvmlInit_v2(void)
#endif
{
    return fake_init_rc;
}

int nvmlShutdown(void)
{
    fake_shutdowns++;
    return 0;
}

#ifdef OLD
int nvmlDeviceGetCount(unsigned *count)
#else
int nvmlDeviceGetCount_v2(unsigned *count)
#endif
{
    *count = fake_count;
    return 0;
}

#ifdef OLD
int nvmlDeviceGetHandleByIndex(unsigned i, void **handle)
#else
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **handle)
#endif
{
    if ((int)i == fake_lost)
        return 15;
    *handle = (void *)(size_t)(i + 1);
    return 0;
}

int nvmlDeviceGetName(void *handle, char *name, unsigned length)
{
    snprintf(name, length, "Fake V100 %zu", (size_t)handle - 1);
    return 0;
}

#ifndef BROKEN
int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned length)
{
    snprintf(uuid, length, "GPU-fake-%zu", (size_t)handle - 1);
    return 0;
}
#endif

#ifndef OLD
const char *nvmlErrorString(int rc)
{
    return rc == 4    ? "Insufficient Permissions"
           : rc == 15 ? "GPU is lost"
           : rc == 3  ? "Not Supported"
                      : "Error";
}

int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *mj)
{
    if (fake_rc == 0)
        *mj = 5000000000ull + (size_t)handle;
    return fake_rc;
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *mw)
{
    (void)handle;
    if (fake_rc == 0)
        *mw = 123456;
    return fake_rc;
}

int nvmlDeviceGetPowerManagementLimit(void *handle, unsigned *mw)
{
    (void)handle;
    *mw = fake_limit_mw;
    return 0;
}

int nvmlDeviceGetPowerManagementLimitConstraints(void *handle, unsigned *min, unsigned *max)
{
    (void)handle;
    *min = 100000;
    *max = 300000;
    return 0;
}

int nvmlDeviceSetPowerManagementLimit(void *handle, unsigned mw)
{
    (void)handle;
    if (fake_rc == 0)
        fake_limit_mw = mw;
    return fake_rc;
}

struct process {
    unsigned pid;
    unsigned long long used;
    unsigned a, b;
};

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *n, struct process *found)
{
    (void)handle;
    if (*n < 3)
        return 7;
    *n = 3;
    for (unsigned i = 0; i < 3; i++)
        found[i] = (struct process){100 + i, 1u << 30, 7, 8};
    return fake_rc;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, unsigned long long *reasons)
{
    (void)handle;
    *reasons = 0x4 | 0x40 | 0x1;
    return fake_rc;
}
#endif
