/* SPDX-License-Identifier: Apache-2.0
 *
 * Cost of a simulation, against its indispensable part: reading a trace against reading the bytes
 * of its files, and a recurrence of the bandit against its random draws alone.  Usage:
 * bench_simulate TRAINING POWER.  Prints: microseconds of a trace and of the bytes, nanoseconds of
 * a recurrence and of the draws.
 *
 * bench_simulate resident COMMAND... prints the most KiB that the command had resident.  A process
 * counts from before its exec() on, when it is as large as whoever started it: this one is small,
 * Python is not.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "sim/simulate.h"

enum { ROUNDS = 15, FEW = 50, MANY = 50000 };

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

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof values[0], by_value);
    return values[ROUNDS / 2];
}

static struct sim sim;

static double run_s(unsigned recurrences)
{
    struct wt_simulation result;
    struct wt_error err;
    sim.study.recurrences = recurrences;
    double begun_s = now_s();
    if (sim_run(&sim, 1, NULL, NULL, &result, &err)) {
        fprintf(stderr, "bench_simulate: %s\n", err.text);
        exit(1);
    }
    return now_s() - begun_s;
}

/* As many draws as a recurrence over 12 arms makes: an order, a normal each, a recorded run. */
static double draws_s(void)
{
    enum { ARMS = 12 };
    struct random random;
    unsigned char order[64];
    volatile double sum = 0;
    random_seed(&random, 1);
    double begun_s = now_s();
    for (unsigned i = 0; i < MANY; i++) {
        random_order(&random, ARMS, order);
        for (unsigned k = 0; k < ARMS; k++)
            sum = sum + random_normal(&random, &sim.normals);
        sum = sum + random_below(&random, 5);
    }
    return now_s() - begun_s;
}

static double bytes_s(char **paths)
{
    double begun_s = now_s();
    for (unsigned i = 0; i < 2; i++) {
        struct buffer text = {0};
        file_read(paths[i], 1u << 30, &text, NULL);
        buffer_clear(&text);
    }
    return now_s() - begun_s;
}

static int resident(char **command)
{
    struct rusage usage;
    int status;
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nowhere, STDOUT_FILENO);
        execv(command[0], command);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status)
        return 1;
    printf("%ld\n", usage.ru_maxrss);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "resident") == 0)
        return resident(argv + 2);
    double reading[ROUNDS], bytes[ROUNDS], recurring[ROUNDS], drawing[ROUNDS];
    struct sim_trace trace;
    struct wt_error err = {.text = "usage: bench_simulate TRAINING POWER"};
    const struct sim_options options = {
        .policy = "zeus", .eta = 0.5, .beta = 2, .max_epochs = 16, .default_size = 192};
    for (unsigned i = 0; i < ROUNDS; i++) {
        double begun_s = now_s();
        int rc = argc == 3 ? sim_trace_read(&trace, argv[1], argv[2],
                                            "librispeech/deepspeech2/adamw", 40, &err)
                           : -1;
        reading[i] = now_s() - begun_s;
        if (rc == 0 && i + 1 == ROUNDS)
            rc = sim_init(&sim, &trace, &options, &err);
        else if (rc == 0)
            sim_trace_free(&trace);
        if (rc) {
            fprintf(stderr, "bench_simulate: %s\n", err.text);
            return 1;
        }
        bytes[i] = bytes_s(argv + 1);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        recurring[i] = (run_s(FEW + MANY) - run_s(FEW)) / MANY; /* pruning is over after some 30 */
        drawing[i] = draws_s() / MANY;
    }
    sim_trace_free(&trace);
    printf("%.1f %.1f %.1f %.1f\n", median(reading) * 1e6, median(bytes) * 1e6,
           median(recurring) * 1e9, median(drawing) * 1e9);
    return 0;
}
