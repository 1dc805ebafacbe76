/* SPDX-License-Identifier: Apache-2.0
 *
 * A training loop to time: STEPS steps, each some host work that keeps a core busy and, with a GPU
 * number, work on every virtual GPU from 0 to that number.  Prints the wall-clock and the processor
 * seconds of the loop, and context switches.
 *
 *   bench_train STEPS HOST_ITERATIONS [GPUS STEP_S]
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "wattune.h"

static int (*vgpu_work)(unsigned, double, double, double, double);
static double step_s;

static double now_s(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *use_gpu(void *gpu)
{
    vgpu_work((unsigned)(size_t)gpu, step_s, 230, 0.5, 0.1);
    return NULL;
}

static void use_gpus(unsigned count)
{
    pthread_t threads[64];
    for (unsigned i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, use_gpu, (void *)(size_t)i);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    long steps = atol(argv[1]), iterations = atol(argv[2]);
    unsigned gpus = argc > 4 ? (unsigned)atoi(argv[3]) : 0;
    if (gpus) {
        void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW),
             *work = library ? dlsym(library, "vgpu_work") : NULL;
        if (!work || gpus > 64)
            return 1;
        memcpy(&vgpu_work, &work, sizeof work);
        step_s = atof(argv[4]);
    }
    volatile double sum = 0;
    double begin = now_s(CLOCK_MONOTONIC), cpu = now_s(CLOCK_PROCESS_CPUTIME_ID);
    for (long s = 0; s < steps; s++) {
        for (long i = 0; i < iterations; i++)
            sum = sum * 0.999 + (double)i;
        if (gpus)
            use_gpus(gpus);
        wt_step();
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%.6f %.6f %ld\n", now_s(CLOCK_MONOTONIC) - begin, now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu,
           usage.ru_nvcsw + usage.ru_nivcsw);
    return 0;
}
