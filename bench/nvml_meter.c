/* SPDX-License-Identifier: Apache-2.0
 *
 * An NVML library that passes every call on to NVML_METER_LIBRARY and counts: at the end it appends
 * "calls energy_reads cpu_ns" to the file NVML_METER_OUT.  `wattune --nvml` takes it, so that our
 * own cost can be told from the driver's.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measure/driver/nvml_abi.h"

static void *library;
static unsigned long calls, energy_reads;
static long long cpu_ns;

static void *symbol(const char *name)
{
    if (!library)
        library = dlopen(getenv("NVML_METER_LIBRARY"), RTLD_NOW);
    return library ? dlsym(library, name) : NULL;
}

static long long thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* All entry points take at most three words and give an int: one shape passes them all on. */
#define PASS(name)                                                                                 \
    __attribute__((visibility("default"))) int name(size_t a, size_t b, size_t c);                 \
    int name(size_t a, size_t b, size_t c)                                                         \
    {                                                                                              \
        static int (*real)(size_t, size_t, size_t);                                                \
        if (!real) {                                                                               \
            void *address = symbol(#name);                                                         \
            memcpy(&real, &address, sizeof address);                                               \
        }                                                                                          \
        long long begin = thread_ns();                                                             \
        int rc = real ? real(a, b, c) : NVML_FUNCTION_NOT_FOUND;                                   \
        cpu_ns += thread_ns() - begin;                                                             \
        calls++;                                                                                   \
        energy_reads += strstr(#name, "TotalEnergy") != NULL;                                      \
        return rc;                                                                                 \
    }

PASS(nvmlInit_v2)
PASS(nvmlShutdown)
PASS(nvmlDeviceGetCount_v2)
PASS(nvmlDeviceGetHandleByIndex_v2)
PASS(nvmlDeviceGetName)
PASS(nvmlDeviceGetUUID)
PASS(nvmlDeviceGetPciInfo_v3)
PASS(nvmlDeviceGetIndex)
PASS(nvmlDeviceGetTotalEnergyConsumption)
PASS(nvmlDeviceGetPowerUsage)
PASS(nvmlDeviceGetPowerManagementLimit)
PASS(nvmlDeviceGetEnforcedPowerLimit)
PASS(nvmlDeviceGetPowerManagementDefaultLimit)
PASS(nvmlDeviceGetPowerManagementLimitConstraints)
PASS(nvmlDeviceSetPowerManagementLimit)
PASS(nvmlDeviceGetTemperature)
PASS(nvmlDeviceGetUtilizationRates)
PASS(nvmlDeviceGetClockInfo)
PASS(nvmlDeviceGetMemoryInfo)
PASS(nvmlDeviceGetCurrentClocksEventReasons)
PASS(nvmlDeviceGetComputeRunningProcesses_v3)

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("NVML_METER_OUT");
    FILE *out = path && calls ? fopen(path, "a") : NULL;
    if (out) {
        fprintf(out, "%lu %lu %lld\n", calls, energy_reads, cpu_ns);
        fclose(out);
    }
}
