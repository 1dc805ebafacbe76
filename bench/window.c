/* SPDX-License-Identifier: Apache-2.0
 *
 * Cost of begin and end of a window over all GPUs, against as many energy reads alone (two a
 * GPU), in turns in one process.  Prints: microseconds of a window, of the reads, and allocations
 * during the windows after the first.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wattune.h"

enum { WINDOWS = 200, ROUNDS = 15, GPUS_MOST = 64 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct {
    int (*init)(void);
    int (*count)(unsigned *);
    int (*handle)(unsigned, void **);
    int (*energy)(void *, unsigned long long *);
} nvml;

static void *library;

static void find(const char *name, void *function)
{
    void *address = dlsym(library, name);
    if (!address) {
        fprintf(stderr, "bench_window: no %s\n", name);
        exit(1);
    }
    memcpy(function, &address, sizeof address);
}

int main(void)
{
    unsigned gpus = 0;
    void *handles[GPUS_MOST];
    double windows_us[ROUNDS], reads_us[ROUNDS];
    library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    if (!library)
        return 1;
    find("nvmlInit_v2", &nvml.init);
    find("nvmlDeviceGetCount_v2", &nvml.count);
    find("nvmlDeviceGetHandleByIndex_v2", &nvml.handle);
    find("nvmlDeviceGetTotalEnergyConsumption", &nvml.energy);
    if (nvml.init() || nvml.count(&gpus) || gpus > GPUS_MOST)
        return 1;
    for (unsigned i = 0; i < gpus; i++)
        nvml.handle(i, &handles[i]);
    struct wt_monitor *monitor;
    struct wt_window_result result;
    if (wt_monitor_open(&monitor) || wt_begin_window(monitor, "step") ||
        wt_end_window(monitor, "step", &result))
        return 1;
    size_t before = mallinfo2().uordblks;
    int failed = 0;
    for (int r = 0; r < ROUNDS; r++) {
        double begin = now_s();
        for (int i = 0; i < WINDOWS; i++)
            failed |= wt_begin_window(monitor, "step") | wt_end_window(monitor, "step", &result);
        double middle = now_s();
        unsigned long long energy_mj;
        for (int i = 0; i < 2 * WINDOWS; i++)
            for (unsigned g = 0; g < gpus; g++)
                failed |= nvml.energy(handles[g], &energy_mj);
        double end = now_s();
        windows_us[r] = (middle - begin) / WINDOWS * 1e6;
        reads_us[r] = (end - middle) / WINDOWS * 1e6;
    }
    size_t after = mallinfo2().uordblks;
    wt_monitor_close(monitor);
    qsort(windows_us, ROUNDS, sizeof windows_us[0], by_value);
    qsort(reads_us, ROUNDS, sizeof reads_us[0], by_value);
    printf("%.3f %.3f %ld\n", windows_us[ROUNDS / 2], reads_us[ROUNDS / 2],
           (long)after - (long)before);
    return failed != 0;
}
