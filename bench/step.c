/* SPDX-License-Identifier: Apache-2.0
 *
 * Cost of wt_step() inside a run, against an atomic add and a clock read timed in the same
 * process, in turns. Prints: nanoseconds of wt_step(), of the reference, and of wt_step() outside a
 * run.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "measure/progress/channel.h"
#include "wattune.h"

enum { CALLS = 200000, ROUNDS = 15 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double steps(void)
{
    double begin = now_s();
    for (int i = 0; i < CALLS; i++)
        wt_step();
    return (now_s() - begin) / CALLS * 1e9;
}

static _Atomic long count, stamp;

static double reference(void)
{
    double begin = now_s();
    for (int i = 0; i < CALLS; i++) {
        struct timespec t;
        atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
        clock_gettime(CLOCK_MONOTONIC, &t);
        atomic_store_explicit(&stamp, t.tv_nsec, memory_order_relaxed);
    }
    return (now_s() - begin) / CALLS * 1e9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    double inside[ROUNDS], plain[ROUNDS];
    if (argc > 1) { /* outside a run: in a process that never saw a channel */
        printf("%.2f\n", steps());
        return 0;
    }
    struct channel *channel;
    struct wt_error err;
    if (channel_create(&channel, getuid(), &err)) {
        fprintf(stderr, "bench_step: %s\n", err.text);
        return 1;
    }
    setenv("WATTUNE_CHANNEL", channel_path(channel), 1);
    steps();
    for (int i = 0; i < ROUNDS; i++) {
        inside[i] = steps();
        plain[i] = reference();
    }
    qsort(inside, ROUNDS, sizeof inside[0], by_value);
    qsort(plain, ROUNDS, sizeof plain[0], by_value);
    struct wt_progress progress;
    if (channel_read(channel, &progress, &err) ||
        progress.steps != (uint64_t)CALLS * (ROUNDS + 1)) {
        fprintf(stderr, "bench_step: the channel did not count the steps\n");
        return 1;
    }
    channel_close(channel);
    printf("%.2f %.2f\n", inside[ROUNDS / 2], plain[ROUNDS / 2]);
    (void)argv;
    return 0;
}
