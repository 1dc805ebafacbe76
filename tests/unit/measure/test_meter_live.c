/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch over a device that tells power only, on the virtual GPU in its own time: the library,
 * the source, the reads and the integrator together, against the truth that the machine knows.
 *
 * Arguments: the virtual GPU's library.
 */
#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "measure/meter/meter.h"

static const char *library;
static char machine[64];

/* The child that keeps the virtual GPU busy: steps of `step_s`, with `host_share` of each on the
 * host. */
static pid_t start_load(double step_s, double power_w, double host_share)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    union {
        void *address;
        int (*function)(unsigned, double, double, double, double);
    } work = {.address = dlsym(dlopen(library, RTLD_NOW), "vgpu_work")};
    while (work.function(0, step_s, power_w, 0.3, host_share) == 0)
        ;
    _exit(1);
}

enum { MARKS = 400 };

static double uniform(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (double)(*random >> 11) / 0x1p53;
}

/* Watches for a minute of the machine and asks for windows of 0.2 to 10 s between random moments.
 */
static void check_load(const char *name, double step_s, double power_w, double host_share,
                       double most_fraction)
{
    static int64_t t_ns[MARKS];
    static double truth_j[MARKS];
    struct sense_options options = {.nvml_path = library, .sysfs_path = ""};
    struct sense *sense;
    struct live_meter *watch;
    struct wt_error err;
    const unsigned devices[] = {0};
    pid_t load = start_load(step_s, power_w, host_share);
    if (sense_open(&options, &sense, &err))
        fail_msg("%s", err.text);
    assert_false(sense_device(sense, 0)->has_energy_counter);
    clock_use(sense_clock(sense));
    union {
        void *address;
        double (*function)(unsigned);
    } truth = {.address = sense_symbol(sense, "vgpu_true_energy_j")};
    assert_non_null(truth.address);
    assert_int_equal(live_meter_new(sense, devices, 1, &watch, &err), 0);
    unsigned marks = 0;
    int64_t begin_ns = clock_now_ns();
    uint64_t random = 7;
    live_meter_begin(watch);
    while (marks < MARKS && clock_now_ns() - begin_ns < 45 * NS_PER_S) {
        int64_t next_ns = live_meter_next_ns(watch) - clock_now_ns();
        clock_sleep_ns(next_ns > 20 * NS_PER_MS ? next_ns
                                                : 20 * NS_PER_MS); /* a loop as the supervisor's */
        live_meter_poll(watch);
        if (uniform(&random) < 0.4)
            continue;
        int64_t before_ns = clock_now_ns();
        truth_j[marks] = truth.function(0);
        int64_t after_ns = clock_now_ns();
        t_ns[marks] = before_ns + (after_ns - before_ns) / 2;
        if (after_ns - before_ns <
            NS_PER_MS) /* else we were not running, and the moment is not known */
            marks++;
    }
    kill(load, SIGKILL);
    waitpid(load, NULL, 0);
    unsigned windows = 0, inside = 0, wide = 0;
    double bound = 0;
    int64_t until_ns = live_meter_known_until_ns(watch);
    for (unsigned from = 0; from < marks; from += 3)
        for (unsigned to = from + 1; to < marks; to += 1 + (to - from) / 2) {
            double length_s = (double)(t_ns[to] - t_ns[from]) / 1e9, energy_j, error_j;
            if (length_s < 0.2 || length_s > 10 || t_ns[from] < begin_ns + NS_PER_S ||
                t_ns[to] > until_ns)
                continue;
            assert_int_equal(
                live_meter_energy_between(watch, t_ns[from], t_ns[to], &energy_j, &error_j), 0);
            double true_j = truth_j[to] - truth_j[from];
            windows++;
            inside += fabs(energy_j - true_j) <= error_j + 0.1;
            if (length_s > 1) {
                wide++;
                bound += error_j / true_j;
            }
        }
    struct wt_measurement whole;
    live_meter_end(watch, clock_now_ns(), &whole);
    print_message("%s: %u of %u windows hold the truth, bound beyond 1 s %.2f %%\n", name, inside,
                  windows, 100 * bound / wide);
    assert_true(windows > 100 && wide > 50);
    if (inside < windows * 0.95)
        fail_msg("%s: only %u of %u windows hold the truth", name, inside, windows);
    if (bound / wide > most_fraction) /* wider on a busy host: calls take long there */
        fail_msg("%s: the bound is %.1f %%", name, 100 * bound / wide);
    assert_int_equal(whole.source, WT_SOURCE_INTEGRATED);
    live_meter_free(watch);
    clock_use(NULL);
    sense_close(sense);
}

static void steady(void **state)
{
    (void)state;
    check_load("steady", 1000, 200, 0, 0.1);
}

static void square(void **state)
{
    (void)state;
    check_load("square", 0.3, 220, 0.5, 0.3);
}

static void training(void **state)
{
    (void)state;
    check_load("training", 0.09, 211, 0.2, 0.3);
}

static int make_machine(void **state)
{
    (void)state;
    snprintf(machine, sizeof machine, "/tmp/wattune-watch-%ld.ini", (long)getpid());
    FILE *file = fopen(machine, "w");
    if (!file)
        return -1;
    fputs("[machine]\ntime_scale = 10\n[gpu 0]\nmodel = p100\n", file);
    setenv("WATTUNE_VGPU", machine, 1);
    return fclose(file);
}

static int drop_machine(void **state)
{
    (void)state;
    return unlink(machine);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steady), cmocka_unit_test(square),
                                       cmocka_unit_test(training)};
    if (argc != 2)
        return 2;
    library = argv[1];
    return cmocka_run_group_tests(tests, make_machine, drop_machine);
}
