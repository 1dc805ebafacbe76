// SPDX-License-Identifier: Apache-2.0
// Handles are addresses inside an array of our own: cheap to check, the same in every process, and
// good for nothing else.
#include "view.h"

#include <math.h>
#include <string.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"
#include "machine.h"
#include "timeline.h"

struct nvml_device {
    char place;
};

static struct nvml_device devices[SPEC_MAX_GPUS];

// From published timings of real calls; the last two are estimates.
static const int64_t cost_ns[] = {
    [COST_NONE] = 0,
    [COST_SENSOR] = 300000,
    [COST_UTILIZATION] = 3000,
    [COST_MEMORY] = 12000,
    [COST_PROCESSES] = 4500000,
    [COST_FAN] = 137000,
    [COST_PCIE_THROUGHPUT] = 20000000,
    [COST_SET] = 5000000,
};

static bool is_handle(nvmlDevice_t device)
{
    return (uintptr_t)device >= (uintptr_t)devices &&
           (uintptr_t)device < (uintptr_t)(devices + SPEC_MAX_GPUS);
}

nvmlDevice_t view_handle(unsigned index)
{
    return &devices[index];
}

nvmlReturn_t view_count(unsigned *count)
{
    struct machine_state *machine = machine_enter();
    if (!machine)
        return NVML_ERROR_UNINITIALIZED;
    nvmlReturn_t result = machine_driver_is_ours(machine) ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
    if (result == NVML_SUCCESS)
        *count = machine->gpu_count;
    machine_leave();
    return result;
}

nvmlReturn_t view_give_handle(unsigned index, nvmlDevice_t *device)
{
    struct machine_state *machine = machine_enter();
    if (!machine)
        return NVML_ERROR_UNINITIALIZED;
    bool lost = faults_in_force(&machine->gpus[index], FAULT_LOST, machine_now_ns(machine));
    machine_leave();
    if (lost)
        return NVML_ERROR_GPU_IS_LOST;
    *device = view_handle(index);
    return NVML_SUCCESS;
}

static int64_t price_ns(const struct machine_state *machine, unsigned index, enum call_cost cost)
{
    int64_t price = machine->real_latency ? cost_ns[cost] : 0;
    const struct fault *slow =
        index < machine->gpu_count
            ? faults_in_force(&machine->gpus[index], FAULT_SLOW, machine_now_ns(machine))
            : NULL;
    return slow ? (int64_t)(slow->value * 1e9) : price;
}

static unsigned index_of(nvmlDevice_t device)
{
    return is_handle(device) ? (unsigned)(device - devices) : SPEC_MAX_GPUS;
}

// Slept through without holding anything: threads that poll must not keep others from letting go.
static void pay(unsigned index, enum call_cost cost)
{
    struct machine_state *machine = machine_enter();
    if (!machine)
        return;
    int64_t real_ns = (int64_t)((double)price_ns(machine, index, cost) / machine->time_scale);
    machine_leave();
    struct timespec pause = {.tv_sec = real_ns / 1000000000, .tv_nsec = real_ns % 1000000000};
    if (real_ns > 0)
        nanosleep(&pause, NULL);
}

// "nvmlDeviceGetName_v2" is named by itself and by "nvmlDeviceGetName".
static bool is_named(const char *name, const char *wanted)
{
    size_t len = strlen(wanted);
    if (strncmp(name, wanted, len) != 0)
        return false;
    const char *rest = name + len;
    return *rest == '\0' || (rest[0] == '_' && rest[1] == 'v' && rest[2] != '\0' &&
                             strspn(rest + 2, "0123456789") == strlen(rest + 2));
}

// Counts this process's calls since the fault began; true for the one that is to fail.
static bool is_the_call(unsigned index, const struct gpu_state *gpu, const struct fault *fault)
{
    static _Atomic uint64_t calls[SPEC_MAX_GPUS][STATE_FAULTS]; // process id above, count below
    _Atomic uint64_t *count = &calls[index][fault - gpu->fixed.faults];
    uint64_t mine = (uint64_t)getpid() << 32, before = atomic_load(count), after;
    do // a forked child begins from 0
        after = (before >> 32 << 32 == mine ? before : mine) + 1;
    while (!atomic_compare_exchange_weak(count, &before, after));
    return (double)(after & UINT32_MAX) == fault->value;
}

// Planned faults of calls act here: the answer of a call of this name on this GPU
// instead, if anything.
static nvmlReturn_t check_faults(const struct machine_state *machine, unsigned index,
                                 const char *name)
{
    const struct gpu_state *gpu = &machine->gpus[index];
    int64_t now_ns = gpu->fixed.fault_count > 0 ? machine_now_ns(machine) : 0;
    nvmlReturn_t result = NVML_SUCCESS;
    for (uint32_t i = 0; i < gpu->fixed.fault_count; i++) {
        const struct fault *fault = &gpu->fixed.faults[i];
        if (gpu->fixed.start_ns + fault->at_ns > now_ns)
            continue;
        if (fault->kind == FAULT_LOST)
            return NVML_ERROR_GPU_IS_LOST;
        if (fault->kind == FAULT_UNSUPPORTED && is_named(name, fault->function))
            result = NVML_ERROR_NOT_SUPPORTED;
        if (fault->kind == FAULT_FAIL_CALL && is_the_call(index, gpu, fault))
            result = NVML_ERROR_UNKNOWN;
    }
    return result;
}

static bool may_change(const struct machine_state *machine, unsigned index)
{
    return machine->user_may_set && // refused to everybody: this machine's root is nobody here
           !(index < machine->gpu_count &&
             faults_in_force(&machine->gpus[index], FAULT_NO_PERMISSION, machine_now_ns(machine)));
}

// Every call on a device goes through here: the price paid, the machine held, the handle good.
static nvmlReturn_t enter(nvmlDevice_t device, enum call_cost cost, const char *name,
                          struct machine_state **machine, unsigned *index)
{
    *index = index_of(device);
    pay(*index, cost);
    *machine = machine_enter();
    if (!*machine)
        return NVML_ERROR_UNINITIALIZED;
    nvmlReturn_t result = !machine_driver_is_ours(*machine) ? NVML_ERROR_UNINITIALIZED
                          : *index < (*machine)->gpu_count  ? check_faults(*machine, *index, name)
                                                            : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS && cost == COST_SET && !may_change(*machine, *index))
        result = NVML_ERROR_NO_PERMISSION;
    if (result != NVML_SUCCESS)
        machine_leave();
    return result;
}

nvmlReturn_t view_read(nvmlDevice_t device, enum call_cost cost, const char *name,
                       view_change_fn *read, void *arg)
{
    struct machine_state *machine;
    unsigned index;
    nvmlReturn_t result = enter(device, cost, name, &machine, &index);
    if (result != NVML_SUCCESS)
        return result;
    struct gpu_core *core = machine_begin(machine, index);
    result = NVML_ERROR_UNKNOWN;
    if (core) {
        result = read(&machine->gpus[index], core, arg);
        machine_commit(&machine->gpus[index]);
    }
    machine_leave();
    return result;
}

nvmlReturn_t view_change(nvmlDevice_t device, const char *name, view_change_fn *change, void *arg)
{
    return view_read(device, COST_SET, name, change, arg);
}

static nvmlReturn_t fill(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    struct view *view = arg;
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    view->model = model_at(gpu->fixed.model);
    view->fixed = gpu->fixed;
    view->core = *core;
    view->now_ns = core->now_ns;
    view->real_us = (int64_t)real.tv_sec * 1000000 + real.tv_nsec / 1000;
    view->temperature_c = timeline_temperature_c(gpu, core);
    view->capped_s = timeline_capped_s(core);
    view->enforced_mw = timeline_enforced_mw(gpu, core);
    view->highest_sm_mhz = timeline_highest_sm_mhz(gpu, core);
    view->thermal = faults_in_force(gpu, FAULT_THERMAL, core->now_ns);
    view->sm_mhz = core->segment.activity == GPU_IDLE
                       ? view->model->sm_idle_mhz
                       : (uint32_t)lround(core->segment.clock_ratio * view->model->sm_max_mhz);
    return NVML_SUCCESS;
}

nvmlReturn_t view_look(nvmlDevice_t device, const void *out, enum call_cost cost, const char *name,
                       struct view *view)
{
    if (!out)
        return machine_is_initialised() ? NVML_ERROR_INVALID_ARGUMENT : NVML_ERROR_UNINITIALIZED;
    nvmlReturn_t result = view_read(device, cost, name, fill, view);
    if (result == NVML_SUCCESS)
        view->index = (unsigned)(device - devices);
    return result;
}

uint64_t view_real_us(const struct view *view, int64_t machine_ns)
{
    return (uint64_t)(view->real_us + (machine_ns - view->now_ns) / 1000);
}

nvmlReturn_t view_text(const char *text, char *buffer, unsigned size)
{
    size_t len = strlen(text);
    if (!buffer)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (len >= size)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    memcpy(buffer, text, len + 1);
    return NVML_SUCCESS;
}

unsigned view_utilization(const struct view *view)
{
    return view->core.latch.utilization;
}

// Memory is busy for the part of the work that does not follow the clock, and a little for the
// rest.
unsigned view_memory_utilization(const struct view *view)
{
    const struct segment *segment = &view->core.segment;
    double share = segment->activity == GPU_BUSY ? 1.0 - 0.8 * segment->clock_share : 0.5;
    return (unsigned)lround(view->core.latch.utilization * share);
}

uint64_t view_memory_used(const struct view *view)
{
    uint64_t used = 0;
    for (unsigned i = 0; i < STATE_CONTEXTS; i++)
        used += view->core.contexts[i].pid != 0 ? VIEW_PROCESS_BYTES : 0;
    uint64_t most = view->model->memory_bytes - view->model->reserved_bytes;
    return used < most ? used : most;
}

uint64_t view_reasons(const struct view *view)
{
    uint64_t reasons = view->thermal ? NVML_REASON_HW_SLOWDOWN | NVML_REASON_HW_THERMAL : 0;
    if (view->core.segment.activity == GPU_IDLE)
        return reasons | NVML_REASON_IDLE;
    reasons |= view->core.segment.capped ? NVML_REASON_SW_POWER_CAP : 0;
    if (!view->thermal && view->highest_sm_mhz < view->model->sm_max_mhz)
        reasons |= NVML_REASON_APPLICATION_CLOCKS;
    return reasons;
}

unsigned view_memory_mhz(const struct view *view)
{
    unsigned mhz = view->core.segment.activity == GPU_IDLE ? view->model->memory_idle_mhz
                                                           : view->model->memory_mhz;
    return view->core.memory_lock_max_mhz && view->core.memory_lock_max_mhz < mhz
               ? view->core.memory_lock_max_mhz
               : mhz;
}
