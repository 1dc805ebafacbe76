// SPDX-License-Identifier: Apache-2.0
// Planned faults, each on a machine of its own and through NVML's entry points. Machines run a
// hundred times faster, so the second at which a fault begins is soon over; the truth must not know
// of any fault.
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "machine.h"
#include "models.h"
#include "near.h"
#include "vgpu.h"

static char runtime[] = "/tmp/vgpu-faults-XXXXXX";

// Every test runs in a child on a machine of its own: vgpu_work attaches for the rest of a
// process's life.
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static int64_t begun_ns;

static double machine_s(void)
{
    return (double)(vgpu_now_ns() - begun_ns) * 1e-9;
}

static void wait_until(double s)
{
    while (machine_s() < s)
        usleep(1000);
}

static nvmlDevice_t gpu(unsigned index)
{
    nvmlDevice_t device = NULL;
    CHECK(nvmlDeviceGetHandleByIndex_v2(index, &device) == NVML_SUCCESS);
    return device;
}

static unsigned limit_mw(void)
{
    unsigned mw = 0;
    CHECK(nvmlDeviceGetPowerManagementLimit(gpu(0), &mw) == NVML_SUCCESS);
    return mw;
}

static double counter_j(void)
{
    unsigned long long mj = 0;
    CHECK(nvmlDeviceGetTotalEnergyConsumption(gpu(0), &mj) == NVML_SUCCESS);
    return (double)mj / 1000;
}

static void on_machine(const char *model, const char *faults, int scale, void (*body)(void))
{
    static unsigned number;
    char path[96];
    snprintf(path, sizeof path, "%s/%u.ini", runtime, number++);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "[machine]\ntime_scale = %d\n[gpu 0]\nmodel = %s\nfault = %s\n[gpu 1]\nmodel = v100\n",
            scale, model, faults);
    fclose(file);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(30);
        setenv("WATTUNE_VGPU", path, 1);
        CHECK(nvmlInit_v2() == NVML_SUCCESS);
        begun_ns = vgpu_now_ns(); // the machine is a moment older
        body();
        exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    unlink(path);
    assert_int_equal(status, 0);
}

static void is_lost(void)
{
    nvmlDevice_t device = gpu(0), other = gpu(1);
    char name[96];
    unsigned count = 0;
    CHECK(nvmlDeviceGetName(device, name, sizeof name) == NVML_SUCCESS);
    CHECK(vgpu_work(0, 100, 200, 0.5, 0) ==
          -EIO); // ends when the GPU is lost, not when the work is done
    CHECK(machine_s() > 2 && machine_s() < 60);
    double before_j = vgpu_true_energy_j(0);
    CHECK(nvmlDeviceGetName(device, name, sizeof name) == 15);
    CHECK(nvmlDeviceSetPowerManagementLimit(device, 150000) == 15);
    CHECK(nvmlDeviceGetHandleByIndex_v2(0, &device) == 15);
    CHECK(nvmlDeviceGetCount_v2(&count) == NVML_SUCCESS && count == 2);
    CHECK(nvmlDeviceGetName(other, name, sizeof name) == NVML_SUCCESS);
    CHECK(vgpu_work(0, 0.1, 200, 0.5, 0) == -EIO);
    CHECK(vgpu_work(1, 0.1, 200, 0.5, 0) == 0);
    usleep(10000);
    CHECK(vgpu_true_energy_j(0) > before_j);
}

static void lost(void **state)
{
    (void)state;
    on_machine("v100", "lost@3", 100, is_lost);
}

static void loses_permission(void)
{
    CHECK(nvmlDeviceSetPowerManagementLimit(gpu(0), 200000) == NVML_SUCCESS);
    wait_until(5);
    CHECK(nvmlDeviceSetPowerManagementLimit(gpu(0), 150000) == NVML_ERROR_NO_PERMISSION);
    CHECK(nvmlDeviceSetPowerManagementLimit(gpu(1), 150000) == NVML_SUCCESS);
    CHECK(limit_mw() == 200000);
}

static void no_permission(void **state)
{
    (void)state;
    on_machine("v100", "no_permission@5", 100, loses_permission);
}

static void misses_functions(void)
{
    unsigned value, count = 0;
    unsigned long long wide;
    nvmlProcessInfo_v2_t list[4];
    wait_until(2);
    CHECK(nvmlDeviceGetTotalEnergyConsumption(gpu(0), &wide) == NVML_ERROR_NOT_SUPPORTED);
    CHECK(nvmlDeviceGetPowerUsage(gpu(0), &value) == NVML_SUCCESS);
    // without a version all versions are meant, with one only that
    CHECK(nvmlDeviceGetComputeRunningProcesses_v3(gpu(0), &count, list) ==
          NVML_ERROR_NOT_SUPPORTED);
    CHECK(nvmlDeviceGetComputeRunningProcesses_v2(gpu(0), &count, list) ==
          NVML_ERROR_NOT_SUPPORTED);
    nvmlPowerValue_v2_t power = {.version = NVML_VERSIONED(nvmlPowerValue_v2_t, 2),
                                 .power_mw = 200000};
    CHECK(nvmlDeviceSetPowerManagementLimit_v2(gpu(0), &power) == NVML_ERROR_NOT_SUPPORTED);
    CHECK(nvmlDeviceSetPowerManagementLimit(gpu(0), 200000) == NVML_SUCCESS);
    // a name is not a prefix
    CHECK(nvmlDeviceGetPowerManagementLimitConstraints(gpu(0), &value, &value) == NVML_SUCCESS);
    CHECK(nvmlDeviceGetPowerManagementLimit(gpu(0), &value) == NVML_ERROR_NOT_SUPPORTED);
}

static void unsupported(void **state)
{
    (void)state;
    on_machine("v100",
               "unsupported=nvmlDeviceGetTotalEnergyConsumption@1, "
               "unsupported=nvmlDeviceGetComputeRunningProcesses@1, "
               "unsupported=nvmlDeviceSetPowerManagementLimit_v2@1, "
               "unsupported=nvmlDeviceGetPowerManagementLimit@1",
               100, misses_functions);
}

static void freezes(void)
{
    double first_j = counter_j(), true_j = vgpu_true_energy_j(0);
    CHECK(vgpu_work(0, 10, 200, 0, 0) == 0);
    double frozen_j = counter_j();
    CHECK(frozen_j > first_j + 300); // some 4 s before it froze
    CHECK(frozen_j < first_j + 1100);
    CHECK(vgpu_true_energy_j(0) - true_j > 1800);
    usleep(20000);
    CHECK(counter_j() == frozen_j);
}

static void energy_frozen(void **state)
{
    (void)state;
    on_machine("v100", "energy_frozen@5", 100, freezes);
}

static void resets(void)
{
    double first_j = counter_j(), true_j = vgpu_true_energy_j(0);
    CHECK(first_j > 1e5);
    CHECK(vgpu_work(0, 10, 200, 0, 0) == 0);
    double since_j = counter_j();
    CHECK(since_j > 900 && since_j < 1300 + 200 * machine_s()); // since the reset
    CHECK(vgpu_true_energy_j(0) - true_j > 1800);
    CHECK(vgpu_true_energy_j(0) > 1e5);
    CHECK(vgpu_work(0, 1, 200, 0, 0) == 0);
    CHECK(counter_j() > since_j + 150); // and it goes on
}

static void energy_reset(void **state)
{
    (void)state;
    on_machine("v100", "energy_reset@5", 100, resets);
}

static void sticks(void)
{
    unsigned idle = 0, busy = 0;
    wait_until(2);
    CHECK(nvmlDeviceGetPowerUsage(gpu(0), &idle) == NVML_SUCCESS);
    double true_j = vgpu_true_energy_j(0), before_j = counter_j();
    CHECK(vgpu_work(0, 10, 240, 0, 0) == 0);
    CHECK(nvmlDeviceGetPowerUsage(gpu(0), &busy) == NVML_SUCCESS);
    CHECK(idle == busy);
    CHECK(fabs((counter_j() - before_j) / (vgpu_true_energy_j(0) - true_j) - 1) < 0.1);
}

static void power_stuck(void **state)
{
    (void)state;
    on_machine("v100", "power_stuck@1", 100, sticks);
}

static void *call_slowly(void *seconds)
{
    double begin_s = machine_s();
    unsigned value;
    nvmlDeviceGetPowerUsage(gpu(0), &value);
    *(double *)seconds = machine_s() - begin_s;
    return NULL;
}

static void is_slow(void)
{
    double slow_s = 0;
    unsigned value;
    pthread_t thread;
    wait_until(1);
    CHECK(pthread_create(&thread, NULL, call_slowly, &slow_s) == 0);
    double begin_s = machine_s();
    CHECK(vgpu_work(0, 0.2, 200, 0, 0) == 0); // nobody else waits
    CHECK(nvmlDeviceGetPowerUsage(gpu(1), &value) == NVML_SUCCESS);
    CHECK(machine_s() - begin_s < 3);
    pthread_join(thread, NULL);
    CHECK(slow_s >= 5 && slow_s < 9);
}

static void slow(void **state)
{
    (void)state;
    on_machine("v100", "slow=5@0", 10, is_slow);
}

static void fails_once(void)
{
    unsigned value;
    nvmlDevice_t device = gpu(0); // handles are not counted
    CHECK(nvmlDeviceGetPowerUsage(gpu(1), &value) == NVML_SUCCESS);
    for (unsigned i = 1; i <= 8; i++)
        CHECK(nvmlDeviceGetPowerUsage(device, &value) ==
              (i == 3 || i == 5 ? NVML_ERROR_UNKNOWN : NVML_SUCCESS));
    pid_t pid = fork(); // another process has a count of its own
    if (pid == 0) {
        for (unsigned i = 1; i <= 6; i++)
            CHECK(nvmlDeviceGetPowerUsage(device, &value) ==
                  (i == 3 || i == 5 ? NVML_ERROR_UNKNOWN : NVML_SUCCESS));
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void fail_call(void **state)
{
    (void)state;
    on_machine("v100", "fail_call=3@0, fail_call=5@0", 100, fails_once);
}

static void ignores_limits(void)
{
    CHECK(nvmlDeviceSetPowerManagementLimit(gpu(0), 200000) == NVML_SUCCESS &&
          limit_mw() == 200000);
    wait_until(5);
    CHECK(nvmlDeviceSetPowerManagementLimit(gpu(0), 150000) == NVML_SUCCESS &&
          limit_mw() == 200000);
    CHECK(nvmlDeviceSetPowerManagementLimit(gpu(0), 1) == NVML_ERROR_INVALID_ARGUMENT);
}

static void limit_ignored(void **state)
{
    (void)state;
    on_machine("v100", "limit_ignored@5", 100, ignores_limits);
}

static double seconds_of_work(void)
{
    double begin_s = machine_s();
    CHECK(vgpu_work(0, 10, 240, 1, 0) == 0);
    return machine_s() - begin_s;
}

static void is_capped(void)
{
    unsigned mw;
    double free_s = seconds_of_work();
    wait_until(20);
    CHECK(nvmlDeviceGetEnforcedPowerLimit(gpu(0), &mw) == NVML_SUCCESS && mw == 125000);
    CHECK(limit_mw() == 250000);
    CHECK(seconds_of_work() > 1.2 * free_s);
    CHECK(nvmlDeviceSetPowerManagementLimit(gpu(0), 100000) == NVML_SUCCESS &&
          limit_mw() == 100000);
    CHECK(nvmlDeviceGetEnforcedPowerLimit(gpu(0), &mw) == NVML_SUCCESS && mw == 100000);
    CHECK(nvmlDeviceSetPowerManagementLimit(gpu(0), 250000) == NVML_SUCCESS);
    wait_until(60); // lifted by a later one that is higher
    CHECK(nvmlDeviceGetEnforcedPowerLimit(gpu(0), &mw) == NVML_SUCCESS && mw == 250000);
    CHECK(seconds_of_work() < 1.1 * free_s);
}

static void enforced_w(void **state)
{
    (void)state;
    on_machine("v100", "enforced_w=125@20, enforced_w=1000@60", 100, is_capped);
}

static void is_hot(void)
{
    unsigned long long reasons;
    unsigned celsius, mhz;
    wait_until(3);
    CHECK(nvmlDeviceGetCurrentClocksEventReasons(gpu(0), &reasons) == NVML_SUCCESS &&
          (reasons & 0x48) == 0x48);
    CHECK(nvmlDeviceGetTemperature(gpu(0), 0, &celsius) == NVML_SUCCESS && celsius > 80);
    CHECK(vgpu_work(0, 1, 100, 0, 0) == 0);
    CHECK(nvmlDeviceGetClockInfo(gpu(0), 1, &mhz) == NVML_SUCCESS && mhz < 800);
    wait_until(14); // cooled down
    CHECK(nvmlDeviceGetCurrentClocksEventReasons(gpu(0), &reasons) == NVML_SUCCESS &&
          (reasons & 0x48) == 0);
    CHECK(nvmlDeviceGetTemperature(gpu(0), 0, &celsius) == NVML_SUCCESS && celsius < 80);
}

static void is_slowed_by_heat(void)
{
    double hot_s = seconds_of_work(); // 2 s, then 10 s at half the clock, then the rest
    CHECK(hot_s > 14.5 && hot_s < 17);
}

static void thermal(void **state)
{
    (void)state;
    on_machine("v100", "thermal@2", 100, is_hot);
    on_machine("v100", "thermal@2", 100, is_slowed_by_heat);
}

static void unloads(void)
{
    nvmlDevice_t device = gpu(0), other = gpu(1);
    unsigned value, count;
    double true_j = vgpu_true_energy_j(0);
    CHECK(nvmlDeviceSetPowerManagementLimit(device, 150000) == NVML_SUCCESS);
    CHECK(nvmlDeviceSetPowerManagementLimit(other, 150000) == NVML_SUCCESS);
    CHECK(vgpu_work(0, 100, 200, 0, 0) == -EIO);
    CHECK(nvmlDeviceGetPowerUsage(device, &value) == NVML_ERROR_UNINITIALIZED);
    CHECK(nvmlDeviceGetPowerUsage(other, &value) == NVML_ERROR_UNINITIALIZED);
    CHECK(nvmlDeviceGetCount_v2(&count) == NVML_ERROR_UNINITIALIZED);
    CHECK(vgpu_true_energy_j(0) > true_j + 300);
    CHECK(nvmlInit_v2() == NVML_SUCCESS);
    CHECK(limit_mw() == 250000);
    CHECK(nvmlDeviceGetPowerManagementLimit(gpu(1), &value) == NVML_SUCCESS && value == 250000);
    CHECK(counter_j() < 1e5);
    CHECK(vgpu_work(0, 0.1, 200, 0, 0) == 0);
}

static void unload(void **state)
{
    (void)state;
    on_machine("v100", "unload@5", 100, unloads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost),          cmocka_unit_test(no_permission),
        cmocka_unit_test(unsupported),   cmocka_unit_test(energy_frozen),
        cmocka_unit_test(energy_reset),  cmocka_unit_test(power_stuck),
        cmocka_unit_test(slow),          cmocka_unit_test(fail_call),
        cmocka_unit_test(limit_ignored), cmocka_unit_test(enforced_w),
        cmocka_unit_test(thermal),       cmocka_unit_test(unload),
    };
    if (!mkdtemp(runtime))
        return 1;
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char path[64];
    snprintf(path, sizeof path, "%s/wattune-vgpu", runtime);
    rmdir(path);
    rmdir(runtime);
    return failed;
}
