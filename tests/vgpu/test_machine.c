// SPDX-License-Identifier: Apache-2.0
// Whole machines through NVML's entry points: processes that share one, fork, are killed while they
// work or hold the lock; their leftovers, and the kept state. Comparisons of times have wide
// margins: the test host may be busy.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "machine.h"
#include "near.h"
#include "vgpu.h"

static char runtime[] = "/tmp/vgpu-run-XXXXXX";

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static nvmlDevice_t first_gpu(void)
{
    nvmlDevice_t device = NULL;
    assert_int_equal(nvmlDeviceGetHandleByIndex_v2(0, &device), NVML_SUCCESS);
    return device;
}

static unsigned limit_mw(void)
{
    unsigned mw = 0;
    assert_int_equal(nvmlDeviceGetPowerManagementLimit(first_gpu(), &mw), NVML_SUCCESS);
    return mw;
}

static uint32_t generation_of_first(void)
{
    struct machine_state *machine = machine_enter();
    assert_non_null(machine);
    uint32_t generation = machine->gpus[0].generation;
    machine_leave();
    return generation;
}

static unsigned users(void)
{
    nvmlProcessInfo_v2_t list[STATE_CONTEXTS];
    unsigned count = STATE_CONTEXTS;
    assert_int_equal(nvmlDeviceGetComputeRunningProcesses_v3(first_gpu(), &count, list),
                     NVML_SUCCESS);
    return count;
}

static unsigned files_left(void)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/wattune-vgpu", runtime);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

// Runs body in a child and gives its wait status. Children end with _exit: cmocka is not theirs.
static pid_t spawn(void (*body)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    alarm(20);
    body();
    _exit(0);
}

static int finish(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "child: %s:%d: %s\n", __FILE__, __LINE__, #condition);                 \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void init(void)
{
    assert_int_equal(nvmlInit_v2(), NVML_SUCCESS);
}

static void stop(void)
{
    assert_int_equal(nvmlShutdown(), NVML_SUCCESS);
}

static void write_machine(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

// ---- the interface's manners

static void answers_by_the_book(void **state)
{
    (void)state;
    unsigned value = 0;
    nvmlDevice_t device = NULL;
    assert_int_equal(nvmlDeviceGetCount_v2(&value), NVML_ERROR_UNINITIALIZED);
    assert_int_equal(nvmlShutdown(), NVML_ERROR_UNINITIALIZED);
    assert_int_equal(nvmlDeviceGetPowerUsage(NULL, NULL), NVML_ERROR_UNINITIALIZED);
    init();
    init();
    stop(); // counted: still there
    device = first_gpu();
    assert_int_equal(nvmlDeviceGetHandleByIndex_v2(1, &device), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvmlDeviceGetHandleByIndex_v2(0, NULL), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvmlDeviceGetPowerUsage(device, NULL), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvmlDeviceGetPowerUsage(NULL, &value), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvmlDeviceGetPowerUsage((nvmlDevice_t)&value, &value),
                     NVML_ERROR_INVALID_ARGUMENT);
    char text[96];
    assert_int_equal(nvmlDeviceGetName(device, text, 4), NVML_ERROR_INSUFFICIENT_SIZE);
    assert_int_equal(nvmlDeviceGetName(device, text, sizeof text), NVML_SUCCESS);
    assert_string_equal(text, "Tesla V100-PCIE-16GB");
    nvmlMemory_v2_t memory = {.version = 2};
    assert_int_equal(nvmlDeviceGetMemoryInfo_v2(device, &memory),
                     NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    memory.version = 0x02000028;
    assert_int_equal(nvmlDeviceGetMemoryInfo_v2(device, &memory), NVML_SUCCESS);
    assert_int_equal(memory.total_bytes,
                     memory.free_bytes + memory.used_bytes + memory.reserved_bytes);
    unsigned count = 0;
    assert_int_equal(nvmlDeviceGetSupportedMemoryClocks(device, &count, NULL),
                     NVML_ERROR_INSUFFICIENT_SIZE);
    assert_int_equal(count, 1);
    assert_int_equal(nvmlDeviceGetSupportedGraphicsClocks(device, 1, &count, NULL),
                     NVML_ERROR_NOT_FOUND);
    assert_int_equal(nvmlDeviceGetMigMode(device, &value, &count), NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(nvmlDeviceGetFanSpeed(device, &value), NVML_ERROR_NOT_SUPPORTED);
    assert_string_equal(nvmlErrorString(NVML_ERROR_NO_PERMISSION), "Insufficient Permissions");
    stop();
    assert_int_equal(nvmlDeviceGetPowerUsage(device, &value), NVML_ERROR_UNINITIALIZED);
    assert_int_equal(files_left(), 0);
}

static void limits_have_a_range(void **state)
{
    (void)state;
    init();
    nvmlDevice_t device = first_gpu();
    assert_int_equal(nvmlDeviceSetPowerManagementLimit(device, 99999), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvmlDeviceSetPowerManagementLimit(device, 250001),
                     NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(limit_mw(), 250000);
    assert_int_equal(nvmlDeviceSetPowerManagementLimit(device, 100000), NVML_SUCCESS);
    assert_int_equal(limit_mw(), 100000);
    uint32_t generation = generation_of_first();
    assert_int_equal(nvmlDeviceSetPowerManagementLimit(device, 100000), NVML_SUCCESS);
    assert_int_not_equal(generation_of_first(),
                         generation); // wakes threads that sleep through their work
    nvmlFieldValue_t fields[] = {
        {.field = 185}, {.field = 186}, {.field = 186, .scope = 1}, {.field = 192}, {.field = 9}};
    assert_int_equal(nvmlDeviceGetFieldValues(device, 5, fields), NVML_SUCCESS);
    assert_int_equal(fields[0].result, NVML_ERROR_NOT_SUPPORTED); // no 1 s average before Ampere
    assert_int_equal(fields[1].result, NVML_SUCCESS);
    assert_in_range(fields[1].value.ui, 30000, 45000); // idle, within gain and offset
    assert_int_equal(fields[2].result, NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(fields[3].value.ui, 100000);
    assert_int_equal(fields[4].result, NVML_ERROR_NOT_SUPPORTED);
    stop();
    assert_int_equal(vgpu_ends_with_us(), 1);
    init(); // nobody held it: forgotten
    assert_int_equal(limit_mw(), 250000);
    stop();
}

// ---- processes

static void set_limit_in_child(void)
{
    CHECK(nvmlInit_v2() == NVML_SUCCESS);
    nvmlDevice_t device;
    CHECK(nvmlDeviceGetHandleByIndex_v2(0, &device) == NVML_SUCCESS);
    CHECK(nvmlDeviceSetPowerManagementLimit(device, 130000) == NVML_SUCCESS);
}

static void processes_share_a_machine(void **state)
{
    (void)state;
    char before[96], after[96];
    init();
    assert_int_equal(nvmlDeviceGetUUID(first_gpu(), before, sizeof before), NVML_SUCCESS);
    assert_int_equal(finish(spawn(set_limit_in_child)), 0);
    assert_int_equal(limit_mw(), 130000);
    stop();
    assert_int_equal(files_left(), 0);
    init();
    assert_int_equal(nvmlDeviceGetUUID(first_gpu(), after, sizeof after), NVML_SUCCESS);
    assert_string_equal(before, after);
    stop();
}

static void use_inherited(void)
{
    // Initialised by the parent, never here: the child attaches on its own, and outlives the
    // parent's hold.
    nvmlDevice_t device;
    CHECK(nvmlDeviceGetHandleByIndex_v2(0, &device) == NVML_SUCCESS);
    CHECK(nvmlDeviceSetPowerManagementLimit(device, 140000) == NVML_SUCCESS);
    raise(SIGSTOP);
    unsigned mw = 0;
    CHECK(nvmlDeviceGetPowerManagementLimit(device, &mw) == NVML_SUCCESS && mw == 140000);
}

static void a_forked_child_holds_on_its_own(void **state)
{
    (void)state;
    int status;
    init();
    pid_t pid = spawn(use_inherited);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(limit_mw(), 140000);
    assert_int_equal(vgpu_ends_with_us(), 0);
    stop(); // the child still holds the machine
    assert_int_equal(files_left(), 1);
    init();
    assert_int_equal(limit_mw(), 140000);
    stop();
    kill(pid, SIGCONT);
    assert_int_equal(finish(pid), 0);
    assert_int_equal(vgpu_ends_with_us(), 1);
    init(); // sweeps the file that _exit left
    assert_int_equal(limit_mw(), 250000);
    stop();
    assert_int_equal(files_left(), 0);
}

static void idle_child(void)
{
    raise(SIGSTOP);
}

static void a_forked_child_that_asks_for_nothing_holds_nothing(void **state)
{
    (void)state;
    int status;
    init();
    pid_t pid = spawn(idle_child);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    stop();
    assert_int_equal(files_left(), 0);
    kill(pid, SIGKILL);
    finish(pid);
}

static void leave_a_child_behind(void)
{
    set_limit_in_child();
    pid_t pid = fork();
    if (pid == 0) {
        usleep(700000); // asks for nothing
        _exit(0);
    }
    usleep(100000); // the child lets go as its fork returns, which may be a moment after ours
    raise(SIGKILL);
}

static void an_orphan_does_not_keep_its_parents_machine(void **state)
{
    (void)state;
    finish(spawn(leave_a_child_behind));
    init();
    assert_int_equal(limit_mw(), 250000);
    stop();
}

static void work_long(void)
{
    vgpu_work(0, 1000, 200, 0.5, 0);
}

static bool wait_for_users(unsigned wanted)
{
    for (int i = 0; i < 500; i++) {
        if (users() == wanted)
            return true;
        usleep(10000);
    }
    return false;
}

static void a_killed_worker_is_forgotten(void **state)
{
    (void)state;
    init();
    assert_int_equal(users(), 0); // reading is not use
    pid_t pid = spawn(work_long);
    assert_true(wait_for_users(1));
    kill(pid, SIGKILL);
    // Not yet reaped by its parent, a zombie: it counts as dead.
    assert_true(wait_for_users(0));
    finish(pid);
    double begun_s = now_s();
    assert_int_equal(vgpu_work(0, 0.2, 200, 0.5, 0), 0);
    assert_true(now_s() - begun_s >= 0.2); // and not shared with the dead
    assert_true(now_s() - begun_s < 0.38);
    stop();
}

static void die_with_the_lock(void)
{
    CHECK(nvmlInit_v2() == NVML_SUCCESS);
    struct machine_state *machine = machine_enter();
    CHECK(machine);
    struct gpu_core *core = machine_begin(machine, 0);
    CHECK(core);
    core->limit_mw = 1; // begun, never made true
    memset(core->items, 0xff, sizeof core->items);
    raise(SIGKILL);
}

static void a_killed_lock_holder_breaks_nothing(void **state)
{
    (void)state;
    init();
    for (int i = 0; i < 3; i++) {
        int status = finish(spawn(die_with_the_lock));
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_int_equal(limit_mw(), 250000);
        assert_int_equal(vgpu_work(0, 0.005, 200, 0.5, 0.5), 0);
    }
    stop();
}

static void work_and_look(void)
{
    nvmlDevice_t device;
    unsigned value;
    CHECK(nvmlInit_v2() == NVML_SUCCESS);
    CHECK(nvmlDeviceGetHandleByIndex_v2(0, &device) == NVML_SUCCESS);
    for (unsigned i = 0;; i++) {
        CHECK(vgpu_work(0, 0.0004, 200, 0.5, 0.3) == 0);
        CHECK(nvmlDeviceGetPowerUsage(device, &value) == NVML_SUCCESS);
        CHECK(nvmlDeviceSetPowerManagementLimit(device, 100000 + i % 150 * 1000) == NVML_SUCCESS);
    }
}

// Kills at random moments, most of them inside a transaction or a wait. The machine goes on, energy
// only grows.
static void a_storm_of_kills(void **state)
{
    (void)state;
    unsigned seed = 12345;
    double last_j = 0;
    init();
    for (int round = 0; round < 25; round++) {
        pid_t pids[4];
        for (int i = 0; i < 4; i++)
            pids[i] = spawn(work_and_look);
        usleep(5000 + (unsigned)rand_r(&seed) % 15000);
        for (int i = 0; i < 4; i++) {
            kill(pids[i], SIGKILL);
            usleep((unsigned)rand_r(&seed) % 1000);
        }
        for (int i = 0; i < 4; i++) {
            int status = finish(pids[i]);
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        }
        double now_j = vgpu_true_energy_j(0);
        assert_true(now_j > last_j && (round == 0 || now_j < last_j + 2000));
        last_j = now_j;
        assert_in_range(limit_mw(), 100000, 250000);
    }
    assert_true(wait_for_users(0));
    assert_int_equal(vgpu_work(0, 0.001, 100, 0.5, 0.5), 0);
    stop();
}

static void *read_all_the_time(void *stop_now)
{
    nvmlDevice_t device;
    unsigned long long last_mj = 0, mj;
    while (!*(_Atomic int *)stop_now) {
        if (nvmlInit_v2() != NVML_SUCCESS ||
            nvmlDeviceGetHandleByIndex_v2(0, &device) != NVML_SUCCESS)
            return "init";
        for (int i = 0; i < 50; i++) {
            if (nvmlDeviceGetTotalEnergyConsumption(device, &mj) != NVML_SUCCESS || mj < last_mj)
                return "energy";
            last_mj = mj;
        }
        if (nvmlShutdown() != NVML_SUCCESS)
            return "shutdown";
    }
    return NULL;
}

static void *work_all_the_time(void *stop_now)
{
    while (!*(_Atomic int *)stop_now)
        if (vgpu_work(0, 0.001, 200, 0.5, 0.5) != 0)
            return "work";
    return NULL;
}

static void look_once(void)
{
    CHECK(nvmlInit_v2() == NVML_SUCCESS);
    CHECK(vgpu_work(0, 0.001, 100, 0.5, 0.5) == 0);
}

static void threads_and_forks(void **state)
{
    (void)state;
    pthread_t threads[4];
    _Atomic int stop_now = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i < 2 ? read_all_the_time : work_all_the_time, &stop_now),
                         0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(finish(spawn(look_once)), 0);
    stop_now = 1;
    for (int i = 0; i < 4; i++) {
        void *complaint = NULL;
        assert_int_equal(pthread_join(threads[i], &complaint), 0);
        if (complaint)
            fail_msg("%s", (const char *)complaint);
    }
}

static void set_and_die(void)
{
    set_limit_in_child();
    raise(SIGKILL);
}

static void leftovers_of_the_killed_are_not_joined(void **state)
{
    (void)state;
    finish(spawn(set_and_die));
    init();
    assert_int_equal(limit_mw(), 250000);
    stop();
    finish(spawn(set_and_die));
    setenv("WATTUNE_VGPU", "a40", 1); // another machine sweeps it
    init();
    assert_int_equal(files_left(), 1);
    stop();
    setenv("WATTUNE_VGPU", "v100", 1);
    assert_int_equal(files_left(), 0);
}

static void closing_every_descriptor_harms_nobody(void)
{
    CHECK(nvmlInit_v2() == NVML_SUCCESS);
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    int own = open("/dev/null", O_RDONLY), second = open("/dev/null", O_RDONLY);
    CHECK(nvmlShutdown() == NVML_SUCCESS);
    CHECK(fcntl(own, F_GETFD) >= 0 && fcntl(second, F_GETFD) >= 0);
}

static void survives_daemonisation(void **state)
{
    (void)state;
    assert_int_equal(finish(spawn(closing_every_descriptor_harms_nobody)), 0);
}

static void attach_without_room(void)
{
    struct rlimit none = {4096, 4096};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    CHECK(nvmlInit_v2() != NVML_SUCCESS);
    CHECK(vgpu_work(0, 0, 0, 0, 0) == -ENXIO);
    CHECK(isnan(vgpu_true_energy_j(0)));
    CHECK(files_left() == 0);
}

static void no_room_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(finish(spawn(attach_without_room)), 0);
}

// ---- work and time

static void limits_slow_work(void **state)
{
    (void)state;
    init();
    assert_int_equal(nvmlDeviceSetPowerManagementLimit(first_gpu(), 250000), NVML_SUCCESS);
    double begun_s = now_s(), begun_j = vgpu_true_energy_j(0);
    assert_int_equal(vgpu_work(0, 0.3, 237, 0.67, 0.1), 0);
    double full_s = now_s() - begun_s, full_j = vgpu_true_energy_j(0) - begun_j;
    assert_int_equal(nvmlDeviceSetPowerManagementLimit(first_gpu(), 100000), NVML_SUCCESS);
    begun_s = now_s();
    assert_int_equal(vgpu_work(0, 0.3, 237, 0.67, 0.1), 0);
    double slow_s = now_s() - begun_s;
    assert_true(full_s >= 0.3 && full_s < 0.45);
    assert_true(slow_s > 0.55 &&
                slow_s < 0.8); // phi 0.389: 0.03 + 0.27 * (0.33 + 0.67 / 0.389) = 0.584
    // 0.27 s at 237 W and the rest at the host's 66.4 W, seen by a sensor within 5 % and 2 W.
    double least_j = 0.27 * 237 + (full_s - 0.27) * 66.4;
    assert_near(full_j, least_j, 0.06 * least_j + 2);
    stop();
}

static void sets_limit_soon(void)
{
    usleep(100000);
    set_limit_in_child();
    usleep(600000); // hold it
}

static void a_limit_reaches_a_sleeper(void **state)
{
    (void)state;
    init();
    assert_int_equal(nvmlDeviceSetPowerManagementLimit(first_gpu(), 250000), NVML_SUCCESS);
    pid_t pid = spawn(sets_limit_soon);
    double begun_s = now_s();
    assert_int_equal(vgpu_work(0, 0.4, 237, 1.0, 0), 0);
    double took_s = now_s() - begun_s;
    // 0.1 s at full clock, the rest at phi 0.599: 0.1 + 0.3 / 0.599 = 0.60 s if the limit comes at
    // once.
    assert_true(took_s > 0.45 && took_s < 0.8);
    assert_int_equal(finish(pid), 0);
    stop();
}

static void work_briefly(void)
{
    CHECK(vgpu_work(0, 0.25, 200, 0.5, 0) == 0);
}

static void two_workers_share(void **state)
{
    (void)state;
    init();
    vgpu_work(0, 0.001, 100, 0.5, 0);
    double begun_s = now_s();
    pid_t a = spawn(work_briefly), b = spawn(work_briefly);
    assert_int_equal(finish(a), 0);
    assert_int_equal(finish(b), 0);
    double took_s = now_s() - begun_s;
    assert_true(took_s > 0.49 && took_s < 0.75);
    stop();
}

static void work_costs_no_processor_time(void **state)
{
    (void)state;
    struct rusage before, after;
    init();
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 100; i++)
        vgpu_work(0, 0.002, 200, 0.5, 0.2);
    getrusage(RUSAGE_SELF, &after);
    double used_s = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec +
                             after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                    (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                             after.ru_stime.tv_usec - before.ru_stime.tv_usec) *
                        1e-6;
    assert_true(used_s < 0.1); // spinning would take all of the 0.2 s
    stop();
}

static void bad_work_is_refused(void **state)
{
    (void)state;
    assert_int_equal(vgpu_work(1, 0.1, 100, 0.5, 0.5), -ENODEV);
    assert_int_equal(vgpu_work(0, -1, 100, 0.5, 0.5), -EINVAL);
    assert_int_equal(vgpu_work(0, (double)NAN, 100, 0.5, 0.5), -EINVAL);
    assert_int_equal(vgpu_work(0, (double)INFINITY, 100, 0.5, 0.5), -EINVAL);
    assert_int_equal(vgpu_work(0, 0.1, 100, 1.5, 0.5), -EINVAL);
    assert_int_equal(vgpu_work(0, 0.1, 100, 0.5, -0.1), -EINVAL);
    assert_int_equal(vgpu_work(0, 0, 0, 0, 0), 0);
    assert_true(isnan(vgpu_true_energy_j(1)));
}

static void use_scaled(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/scaled.ini", runtime);
    setenv("WATTUNE_VGPU", path, 1);
    CHECK(nvmlInit_v2() == NVML_SUCCESS);
    double begun_s = now_s();
    int64_t begun_ns = vgpu_now_ns();
    double begun_j = vgpu_true_energy_j(0);
    CHECK(vgpu_work(0, 10, 200, 0.5, 0) == 0);
    double took_s = now_s() - begun_s, machine_s = (double)(vgpu_now_ns() - begun_ns) * 1e-9;
    CHECK(took_s >= 0.1 && took_s < 0.4);
    CHECK(machine_s >= 10 && fabs(machine_s - 100 * took_s) < 1);
    double energy_j = vgpu_true_energy_j(0) - begun_j;
    CHECK(energy_j > 0.94 * 2000 - 20 && energy_j < 1.06 * (2000 + (machine_s - 10) * 200) + 20);
    nvmlDevice_t device;
    CHECK(nvmlDeviceGetHandleByIndex_v2(0, &device) == NVML_SUCCESS);
    CHECK(nvmlDeviceSetPowerManagementLimit(device, 200000) == NVML_ERROR_NO_PERMISSION);
    CHECK(nvmlDeviceSetPersistenceMode(device, 1) == NVML_ERROR_NO_PERMISSION);
    nvmlShutdown();
}

static void time_can_run_faster_and_limits_be_forbidden(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/scaled.ini", runtime);
    write_machine(path,
                  "[machine]\ntime_scale = 100\nuser_may_set = false\n[gpu 0]\nmodel = v100\n");
    assert_int_equal(finish(spawn(use_scaled)), 0);
    assert_int_equal(vgpu_now_ns() / 1000000000 - (int64_t)now_s(),
                     0); // at scale 1 it is the same clock
    unlink(path);
}

static void keep_state(void **state)
{
    (void)state;
    char ini[64], kept[64];
    snprintf(ini, sizeof ini, "%s/kept.ini", runtime);
    snprintf(kept, sizeof kept, "%s/vm.state", runtime);
    write_machine(ini, "[machine]\nstate = vm.state\ntime_scale = 100\n[gpu 0]\nmodel = v100\n");
    setenv("WATTUNE_VGPU", ini, 1);
    unsigned long long first_mj = 0, later_mj = 0;
    init();
    assert_int_equal(nvmlDeviceSetPowerManagementLimit(first_gpu(), 175000), NVML_SUCCESS);
    assert_int_equal(nvmlDeviceGetTotalEnergyConsumption(first_gpu(), &first_mj), NVML_SUCCESS);
    stop();
    assert_int_equal(access(kept, F_OK), 0);
    double begun_s = now_s();
    pid_t pid = spawn(work_long); // killed at work: a kept machine must not stay busy
    usleep(50000);
    kill(pid, SIGKILL);
    finish(pid);
    double alive_s = now_s() - begun_s;
    usleep(500000);
    init();
    double gone_s = now_s() - begun_s - alive_s;
    assert_int_equal(limit_mw(), 175000);
    assert_int_equal(nvmlDeviceGetTotalEnergyConsumption(first_gpu(), &later_mj), NVML_SUCCESS);
    assert_true(later_mj >= first_mj);
    // A hundred times faster than ours: 175 W for as long as it lived, idle afterwards.
    assert_true((double)(later_mj - first_mj) / 1000 < 100 * (alive_s * 200 + gone_s * 45));
    assert_int_equal(users(), 0);
    assert_int_equal(vgpu_ends_with_us(), 0);
    stop();
    // Another file there is not ours to overwrite.
    write_machine(kept, "precious");
    assert_int_not_equal(nvmlInit_v2(), NVML_SUCCESS);
    FILE *file = fopen(kept, "r");
    char text[16] = "";
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "precious");
    unlink(kept);
    unlink(ini);
    setenv("WATTUNE_VGPU", "v100", 1);
}

static void use_shared_as_nobody(void)
{
    CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    unsetenv("XDG_RUNTIME_DIR");
    set_limit_in_child();
    CHECK(nvmlShutdown() == NVML_SUCCESS);
    CHECK(nvmlShutdown() == NVML_SUCCESS); // the hold inherited from the parent
}

static void a_shared_machine_lets_others_in(void **state)
{
    (void)state;
    char ini[64];
    if (geteuid() != 0) {
        print_message("skipped: only root can become somebody else\n");
        skip();
    }
    snprintf(ini, sizeof ini, "%s/shared.ini", runtime);
    setenv("WATTUNE_VGPU", ini, 1);
    assert_int_equal(chmod(runtime, 0755), 0);
    // First a private machine: another user who may read the file gets one of his own.
    write_machine(ini, "[gpu 0]\nmodel = v100\n");
    init();
    assert_int_equal(finish(spawn(use_shared_as_nobody)), 0);
    assert_int_equal(limit_mw(), 250000);
    stop();
    write_machine(ini, "[machine]\nmode = 0666\n[gpu 0]\nmodel = v100\n");
    init();
    assert_int_equal(finish(spawn(use_shared_as_nobody)), 0);
    assert_int_equal(limit_mw(), 130000);
    stop();
    unlink(ini);
    chmod(runtime, 0700);
    setenv("WATTUNE_VGPU", "v100", 1);
}

static void time_calls(void)
{
    CHECK(nvmlInit_v2() == NVML_SUCCESS);
    nvmlDevice_t device;
    unsigned value;
    CHECK(nvmlDeviceGetHandleByIndex_v2(0, &device) == NVML_SUCCESS);
    double begun_s = now_s();
    for (int i = 0; i < 20; i++)
        CHECK(nvmlDeviceGetPowerUsage(device, &value) == NVML_SUCCESS);
    double power_s = (now_s() - begun_s) / 20;
    begun_s = now_s();
    CHECK(nvmlDeviceGetPcieThroughput(device, 0, &value) == NVML_SUCCESS);
    CHECK(power_s >= 300e-6 && power_s < 20e-3);
    CHECK(now_s() - begun_s >= 20e-3);
    nvmlShutdown();
}

static void calls_can_cost_time(void **state)
{
    (void)state;
    char ini[64];
    snprintf(ini, sizeof ini, "%s/slow.ini", runtime);
    write_machine(ini, "[machine]\nlatency = real\n[gpu 0]\nmodel = v100\n");
    setenv("WATTUNE_VGPU", ini, 1);
    assert_int_equal(finish(spawn(time_calls)), 0);
    setenv("WATTUNE_VGPU", "v100", 1);
    unlink(ini);
}

static void bad_spec_is_said(void **state)
{
    (void)state;
    char message[256];
    setenv("WATTUNE_VGPU", "k80", 1);
    assert_int_equal(nvmlInit_v2(), NVML_ERROR_DRIVER_NOT_LOADED);
    setenv("WATTUNE_VGPU", "v100", 1);
    assert_int_equal(vgpu_check_spec("a40:4", message, sizeof message), 0);
    assert_true(vgpu_check_spec("k80", message, sizeof message) < 0);
    assert_non_null(strstr(message, "k80"));
    assert_true(vgpu_check_spec("k80", NULL, 0) < 0);
}

static int all_tests(void)
{
    // Those that make this process stay attached (vgpu_*) come last: nobody can let go of that.
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_by_the_book),
        cmocka_unit_test(limits_have_a_range),
        cmocka_unit_test(processes_share_a_machine),
        cmocka_unit_test(a_forked_child_holds_on_its_own),
        cmocka_unit_test(a_forked_child_that_asks_for_nothing_holds_nothing),
        cmocka_unit_test(an_orphan_does_not_keep_its_parents_machine),
        cmocka_unit_test(leftovers_of_the_killed_are_not_joined),
        cmocka_unit_test(survives_daemonisation),
        cmocka_unit_test(no_room_is_an_error),
        cmocka_unit_test(keep_state),
        cmocka_unit_test(a_shared_machine_lets_others_in),
        cmocka_unit_test(calls_can_cost_time),
        cmocka_unit_test(bad_spec_is_said),
        cmocka_unit_test(time_can_run_faster_and_limits_be_forbidden),
        cmocka_unit_test(a_killed_worker_is_forgotten),
        cmocka_unit_test(a_killed_lock_holder_breaks_nothing),
        cmocka_unit_test(a_storm_of_kills),
        cmocka_unit_test(threads_and_forks),
        cmocka_unit_test(limits_slow_work),
        cmocka_unit_test(a_limit_reaches_a_sleeper),
        cmocka_unit_test(two_workers_share),
        cmocka_unit_test(work_costs_no_processor_time),
        cmocka_unit_test(bad_work_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// The tests run in a child, so that the end of an attached process can be looked at too.
int main(void)
{
    char path[64];
    if (!mkdtemp(runtime))
        return 1;
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    setenv("WATTUNE_VGPU", "v100", 1);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        exit(all_tests());
    int status = finish(pid);
    unsigned left = files_left();
    if (left > 0)
        fprintf(stderr, "%u machines left behind at exit\n", left);
    snprintf(path, sizeof path, "%s/wattune-vgpu", runtime);
    rmdir(path);
    rmdir(runtime);
    return WIFEXITED(status) ? WEXITSTATUS(status) + (left > 0) : 1;
}
