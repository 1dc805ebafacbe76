/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's windows, through the public header, on virtual GPUs: each group of tests runs in a
 * child process, since a process has one machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wattune.h"

static const char *folder; /* of the virtual GPU */

/* --- In a child: exits 0 when all CHECKs held --- */

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __func__, __LINE__, #what);                             \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static int (*gpu_work)(unsigned, double, double, double, double);
static double (*true_energy_j)(unsigned);

static void find_machine(void)
{
    void *library = dlopen("libnvidia-ml.so.1", RTLD_LAZY);
    CHECK(library);
    void *work = dlsym(library, "vgpu_work"), *energy = dlsym(library, "vgpu_true_energy_j");
    CHECK(work && energy);
    memcpy(&gpu_work, &work, sizeof work);
    memcpy(&true_energy_j, &energy, sizeof energy);
}

static void nested(void)
{
    struct wt_monitor *monitor;
    struct wt_window_result outer, inner[3];
    CHECK(wt_monitor_open(&monitor) == 0);
    find_machine();
    double before_j = true_energy_j(0) + true_energy_j(1);
    CHECK(wt_begin_window(monitor, "run") == 0);
    CHECK(wt_begin_window(monitor, "run") == WT_E_BUSY);
    for (unsigned i = 0; i < 3; i++) {
        double from_j = true_energy_j(0) + true_energy_j(1);
        CHECK(wt_begin_window(monitor, "step") == 0);
        CHECK(gpu_work(i % 2, 0.5, 220, 0.8, 0.1) == 0);
        CHECK(wt_end_window(monitor, "step", &inner[i]) == 0);
        double truth_j = true_energy_j(0) + true_energy_j(1) - from_j;
        CHECK(fabs(inner[i].energy_j - truth_j) <= inner[i].energy_error_j);
        CHECK(inner[i].device_count == 2);
        CHECK(inner[i].time_s > 0.45 && inner[i].time_s < 1.5);
        CHECK(inner[i].energy_error_j < 0.2 * truth_j + 20);
    }
    CHECK(wt_end_window(monitor, "run", &outer) == 0);
    double truth_j = true_energy_j(0) + true_energy_j(1) - before_j;
    CHECK(fabs(outer.energy_j - truth_j) <= outer.energy_error_j);
    CHECK(truth_j > 200);
    CHECK(outer.energy_j + 1e-6 >= inner[0].energy_j + inner[1].energy_j + inner[2].energy_j);
    wt_monitor_close(monitor);
}

/* No allocation by the second window of a name on. */
static void allocations(void)
{
    struct wt_monitor *monitor;
    struct wt_window_result result;
    CHECK(wt_monitor_open(&monitor) == 0);
    size_t used = 0;
    for (unsigned i = 0; i < 100; i++) {
        CHECK(wt_begin_window(monitor, "step") == 0);
        CHECK(wt_end_window(monitor, "step", &result) == 0);
        if (i == 0)
            used = mallinfo2().uordblks;
    }
    CHECK(mallinfo2().uordblks == used);
    wt_monitor_close(monitor);
}

static void *windows_of_a_thread(void *opaque)
{
    struct wt_monitor *monitor = opaque;
    static _Atomic unsigned numbers;
    unsigned number = numbers++;
    char name[32];
    snprintf(name, sizeof name, "thread %u", number);
    for (unsigned i = 0; i < 200; i++) {
        struct wt_window_result result;
        CHECK(wt_begin_window(monitor, name) == 0);
        CHECK(wt_begin_window(monitor, name) == WT_E_BUSY);
        CHECK(wt_end_window(monitor, name, &result) == 0);
        CHECK(result.energy_j >= 0 && result.time_s >= 0);
    }
    return NULL;
}

static void *opens(void *opaque)
{
    (void)opaque;
    for (unsigned i = 0; i < 20; i++) {
        struct wt_monitor *monitor;
        CHECK(wt_monitor_open(&monitor) == 0);
        wt_monitor_close(monitor);
    }
    return NULL;
}

static void threads(void)
{
    struct wt_monitor *monitor;
    pthread_t ids[6];
    CHECK(wt_monitor_open(&monitor) == 0);
    for (unsigned i = 0; i < 6; i++)
        CHECK(pthread_create(&ids[i], NULL, i < 4 ? windows_of_a_thread : opens, monitor) == 0);
    for (unsigned i = 0; i < 6; i++)
        CHECK(pthread_join(ids[i], NULL) == 0);
    wt_monitor_close(monitor);
}

/* The same windows while a thread of the library reads too. */
static void tracked_threads(void)
{
    struct wt_monitor *monitor;
    pthread_t ids[4];
    CHECK(wt_monitor_open_flags(&monitor, WT_MONITOR_TRACK) == 0);
    for (unsigned i = 0; i < 4; i++)
        CHECK(pthread_create(&ids[i], NULL, windows_of_a_thread, monitor) == 0);
    for (unsigned i = 0; i < 4; i++)
        CHECK(pthread_join(ids[i], NULL) == 0);
    wt_monitor_close(monitor);
}

static unsigned threads_of_ours(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/* A GPU that tells power only: read by one thread as long as a monitor is open, in the process that
 * opened it. */
static void sampled(void)
{
    struct wt_monitor *monitor, *second;
    struct wt_window_result result;
    unsigned before = threads_of_ours();
    CHECK(wt_monitor_open(&monitor) == 0);
    find_machine();
    unsigned open = threads_of_ours(); /* a sanitizer may have started one of its own */
    CHECK(open > before);
    CHECK(wt_begin_window(monitor, "outer") == 0);
    double outer_j = true_energy_j(0);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(wt_begin_window(monitor, "step") == 0);
        double from_j = true_energy_j(0);
        CHECK(gpu_work(0, 0.3, 200, 0.5, 0.2) == 0);
        CHECK(wt_end_window(monitor, "step", &result) == 0);
        double true_j = true_energy_j(0) - from_j;
        CHECK(result.energy_j > 0 && fabs(result.energy_j - true_j) <= result.energy_error_j + 1);
    }
    pid_t child = fork();
    if (child == 0) { /* no thread here, and nothing to wait for */
        CHECK(wt_begin_window(monitor, "child") == 0);
        CHECK(wt_end_window(monitor, "child", &result) == 0 && isnan(result.energy_j));
        CHECK(wt_end_window(monitor, "outer", &result) == 0 && isnan(result.energy_j));
        wt_monitor_close(monitor);
        _exit(0);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(wt_monitor_open(&second) == 0);
    CHECK(threads_of_ours() == open + 1);
    wt_monitor_close(second);
    CHECK(threads_of_ours() == open);
    CHECK(wt_end_window(monitor, "outer", &result) == 0);
    CHECK(result.energy_j > 0 &&
          fabs(result.energy_j - (true_energy_j(0) - outer_j)) <= result.energy_error_j + 1);
    CHECK(wt_begin_window(monitor, "left open") == 0);
    wt_monitor_close(monitor);
    CHECK(threads_of_ours() == open - 1);
}

enum { TRACKED_WINDOWS = 12 };

/* Windows of 0.3 s over a counter that ticks every 100 ms, by two monitors at once.  True when the
 * errors of the one that tracks are far smaller; they hold the truth in any case. */
static bool tracks_well(struct wt_monitor *monitors[2])
{
    struct wt_window_result results[2];
    double plain_j = 0, tracked_j[TRACKED_WINDOWS];
    unsigned inside = 0, small = 0;
    CHECK(gpu_work(0, 3, 200, 0.8, 0) == 0); /* for the ticks to be learned */
    for (unsigned i = 0; i < TRACKED_WINDOWS; i++) {
        CHECK(wt_begin_window(monitors[0], "step") == 0);
        CHECK(wt_begin_window(monitors[1], "step") == 0);
        double from_j = true_energy_j(0);
        CHECK(gpu_work(0, 0.3, 200, 0.8, 0) == 0);
        double true_j = true_energy_j(0) - from_j;
        for (unsigned k = 2; k-- > 0;) {
            CHECK(wt_end_window(monitors[k], "step", &results[k]) == 0);
            CHECK(results[k].energy_j > 0);
        }
        plain_j += results[0].energy_error_j / TRACKED_WINDOWS;
        tracked_j[i] = results[1].energy_error_j;
        CHECK(fabs(results[0].energy_j - true_j) <= results[0].energy_error_j + 1);
        inside += fabs(results[1].energy_j - true_j) <= results[1].energy_error_j + 1;
    }
    CHECK(inside >= TRACKED_WINDOWS - 1); /* it is a bound for 95 in 100 */
    for (unsigned i = 0; i < TRACKED_WINDOWS; i++)
        small += tracked_j[i] < plain_j / 2; /* power since the last tick is open */
    return small > TRACKED_WINDOWS / 2;
}

/* A host that wakes the thread late leaves wide bounds, and rightly: it gets three rounds. */
static void tracked(void)
{
    struct wt_monitor *monitors[2];
    unsigned before = threads_of_ours();
    bool well = false;
    CHECK(wt_monitor_open(&monitors[0]) == 0);
    unsigned plain = threads_of_ours(); /* a sanitizer may have started one of its own */
    CHECK(wt_monitor_open_flags(&monitors[1], WT_MONITOR_TRACK) == 0);
    CHECK(threads_of_ours() > plain && plain >= before);
    unsigned open = threads_of_ours();
    find_machine();
    for (unsigned round = 0; round < 3 && !well; round++)
        well = tracks_well(monitors);
    CHECK(well);
    wt_monitor_close(monitors[0]);
    CHECK(threads_of_ours() == open);
    wt_monitor_close(monitors[1]);
    CHECK(threads_of_ours() == open - 1);
}

/* A child has no thread.  It neither waits for a lock that the thread may have held as it was
 * forked, nor takes what the tracks knew then for knowledge of now. */
static void tracked_fork(void)
{
    struct wt_monitor *monitor;
    struct wt_window_result result;
    CHECK(wt_monitor_open_flags(&monitor, WT_MONITOR_TRACK) == 0);
    find_machine();
    CHECK(wt_begin_window(monitor, "outer") == 0);
    double from_j = true_energy_j(0);
    CHECK(gpu_work(0, 1, 200, 0.8, 0) == 0);
    for (unsigned i = 0; i < 200; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            CHECK(wt_begin_window(monitor, "child") == 0);
            CHECK(wt_begin_window(monitor, "child") == WT_E_BUSY);
            usleep(i == 0 ? 300000 : 0);
            CHECK(wt_end_window(monitor, "child", &result) == 0 && result.energy_j >= 0);
            CHECK(wt_end_window(monitor, "outer", &result) == 0);
            double true_j = true_energy_j(0) - from_j;
            CHECK(result.energy_error_j > 5); /* of two reads */
            CHECK(fabs(result.energy_j - true_j) <= result.energy_error_j + 1);
            wt_monitor_close(monitor);
            _exit(0);
        }
        int status = 1;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    double true_j = true_energy_j(0) - from_j;
    CHECK(wt_end_window(monitor, "outer", &result) == 0);
    CHECK(fabs(result.energy_j - true_j) <= result.energy_error_j + 1);
    wt_monitor_close(monitor);
}

/* Neither a counter nor power. */
static void unknown(void)
{
    struct wt_monitor *monitor;
    struct wt_window_result result;
    char machine[] = "/tmp/wattune-lib-XXXXXX.ini";
    int fd = mkstemps(machine, 4);
    static const char text[] =
        "[gpu 0]\nmodel = p100\nfault = unsupported=nvmlDeviceGetPowerUsage@0\n";
    CHECK(fd >= 0 && write(fd, text, sizeof text - 1) == sizeof text - 1);
    setenv("WATTUNE_VGPU", machine, 1);
    CHECK(wt_monitor_open(&monitor) == 0);
    unlink(machine);
    CHECK(wt_begin_window(monitor, "w") == 0);
    usleep(50000);
    CHECK(wt_end_window(monitor, "w", &result) == 0);
    CHECK(isnan(result.energy_j) && isnan(result.energy_error_j) && result.device_count == 1);
    CHECK(result.time_s > 0.04 && result.time_s < 5);
    wt_monitor_close(monitor);
}

static void wrong_use(void)
{
    struct wt_monitor *monitor = (void *)&monitor;
    struct wt_window_result result = {.device_count = 77};
    setenv("CUDA_VISIBLE_DEVICES", "-1", 1);
    CHECK(wt_monitor_open(&monitor) == WT_E_NO_DEVICE);
    CHECK(monitor == (void *)&monitor);
    setenv("WATTUNE_NVML", "/nowhere/libnvidia-ml.so.1", 1);
    CHECK(wt_monitor_open(&monitor) == WT_E_NO_LIBRARY);
    unsetenv("WATTUNE_NVML");
    unsetenv("CUDA_VISIBLE_DEVICES");
    CHECK(wt_monitor_open(NULL) == WT_E_INVALID);
    CHECK(wt_monitor_open_flags(NULL, WT_MONITOR_TRACK) == WT_E_INVALID);
    monitor = (void *)&monitor;
    CHECK(wt_monitor_open_flags(&monitor, WT_MONITOR_TRACK << 1) == WT_E_INVALID);
    CHECK(monitor == (void *)&monitor);
    CHECK(wt_monitor_open(&monitor) == 0);
    char name[65];
    memset(name, 'n', 64);
    name[64] = '\0';
    CHECK(wt_begin_window(monitor, name) == WT_E_INVALID);
    CHECK(wt_begin_window(monitor, "") == WT_E_INVALID);
    CHECK(wt_begin_window(monitor, NULL) == WT_E_INVALID);
    CHECK(wt_begin_window(NULL, "w") == WT_E_INVALID);
    CHECK(wt_end_window(monitor, "w", &result) == WT_E_NOT_FOUND);
    CHECK(result.device_count == 77);
    CHECK(wt_begin_window(monitor, "w") == 0);
    CHECK(wt_end_window(monitor, "w", NULL) == WT_E_INVALID);
    CHECK(wt_end_window(monitor, "w", &result) == 0);
    CHECK(result.device_count == 2);
    wt_monitor_close(monitor);
    wt_monitor_close(NULL);
}

/* A selection is the caller's: one of two GPUs, by its index. */
static void selected(void)
{
    struct wt_monitor *monitor;
    struct wt_window_result result;
    setenv("CUDA_VISIBLE_DEVICES", "1", 1);
    CHECK(wt_monitor_open(&monitor) == 0);
    find_machine();
    CHECK(wt_begin_window(monitor, "w") == 0);
    double from_j = true_energy_j(1);
    CHECK(gpu_work(0, 0.4, 240, 1, 0) == 0);
    CHECK(wt_end_window(monitor, "w", &result) == 0);
    CHECK(result.device_count == 1);
    CHECK(fabs(result.energy_j - (true_energy_j(1) - from_j)) <= result.energy_error_j + 1);
    wt_monitor_close(monitor);
}

static const struct child {
    const char *name, *spec;
    void (*run)(void);
} children[] = {
    {"nested", "v100:2", nested},           {"allocations", "v100:2", allocations},
    {"threads", "a100", threads},           {"sampled", "p100", sampled},
    {"unknown", "p100", unknown},           {"wrong_use", "v100:2", wrong_use},
    {"selected", "v100:2", selected},       {"tracked", "a40", tracked},
    {"tracked_fork", "v100", tracked_fork}, {"tracked_threads", "v100", tracked_threads},
};

static void in_a_child(void **state)
{
    const struct child *child = *state;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("WATTUNE_VGPU", child->spec, 1);
        setenv("LD_LIBRARY_PATH", folder, 1);
        unsetenv("CUDA_VISIBLE_DEVICES");
        unsetenv("WATTUNE_NVML");
        execl("/proc/self/exe", "test_lib_monitor", folder, child->name, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[sizeof children / sizeof children[0]];
    folder = argv[1];
    for (unsigned i = 0; i < sizeof children / sizeof children[0]; i++) {
        tests[i] =
            (struct CMUnitTest){children[i].name, in_a_child, NULL, NULL, (void *)&children[i]};
        if (argc > 2 && strcmp(argv[2], children[i].name) == 0) {
            children[i].run();
            return 0;
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
