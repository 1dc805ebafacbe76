// SPDX-License-Identifier: Apache-2.0
// Use of a device: utilisation, memory, processes, accounting, events. A process is
// a user when it put work on the GPU in the last two seconds and lives; attaching and reading are
// not use.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine.h"
#include "view.h"

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates)
{
    struct view view;
    LOOK(device, rates, COST_UTILIZATION, &view);
    *rates = (nvmlUtilization_t){view_utilization(&view), view_memory_utilization(&view)};
    return NVML_SUCCESS;
}

// Video and JPEG engines exist and never work.
static nvmlReturn_t unused_engine(nvmlDevice_t device, unsigned *percent, unsigned *period_us,
                                  const char *name)
{
    struct view view;
    nvmlReturn_t result =
        view_look(device, percent && period_us ? percent : NULL, COST_UTILIZATION, name, &view);
    if (result != NVML_SUCCESS)
        return result;
    *percent = 0;
    *period_us = 166667;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t device, unsigned *percent,
                                             unsigned *period_us)
{
    return unused_engine(device, percent, period_us, __func__);
}

nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t device, unsigned *percent,
                                             unsigned *period_us)
{
    return unused_engine(device, percent, period_us, __func__);
}

nvmlReturn_t nvmlDeviceGetJpgUtilization(nvmlDevice_t device, unsigned *percent,
                                         unsigned *period_us)
{
    return unused_engine(device, percent, period_us, __func__);
}

nvmlReturn_t nvmlDeviceGetOfaUtilization(nvmlDevice_t device, unsigned *percent,
                                         unsigned *period_us)
{
    return unused_engine(device, percent, period_us, __func__);
}

// ---- memory

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    struct view view;
    LOOK(device, memory, COST_MEMORY, &view);
    memory->total_bytes = view.model->memory_bytes;
    memory->used_bytes = view_memory_used(&view) + view.model->reserved_bytes;
    memory->free_bytes = memory->total_bytes - memory->used_bytes;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
    struct view view;
    LOOK(device, memory, COST_MEMORY, &view);
    if (memory->version != NVML_VERSIONED(nvmlMemory_v2_t, 2))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    memory->total_bytes = view.model->memory_bytes;
    memory->reserved_bytes = view.model->reserved_bytes;
    memory->used_bytes = view_memory_used(&view);
    memory->free_bytes = memory->total_bytes - memory->reserved_bytes - memory->used_bytes;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t *memory)
{
    struct view view;
    LOOK(device, memory, COST_MEMORY, &view);
    memory->total_bytes = 256ULL << 20;
    memory->used_bytes = 2ULL << 20;
    memory->free_bytes = memory->total_bytes - memory->used_bytes;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetConfComputeMemSizeInfo(nvmlDevice_t device,
                                                 nvmlConfComputeMemSizeInfo_t *memory)
{
    struct view view;
    LOOK(device, memory, COST_MEMORY, &view);
    memory->protected_kib = 0;
    memory->unprotected_kib = view.model->memory_bytes >> 10;
    return NVML_SUCCESS;
}

// ---- processes

// At work, or at work less than two seconds ago. A context may last longer: until its stopped
// thread wakes.
static bool is_user(const struct view *view, unsigned context)
{
    for (unsigned i = 0; i < STATE_ITEMS; i++) {
        const struct work_item *item = &view->core.items[i];
        if ((item->phase == WORK_HOST || item->phase == WORK_GPU) && item->context == context)
            return true;
    }
    return view->now_ns - view->core.contexts[context].last_ns < STATE_CONTEXT_NS;
}

static unsigned list_users(const struct view *view, const struct context *users[STATE_CONTEXTS])
{
    unsigned count = 0;
    for (unsigned i = 0; i < STATE_CONTEXTS; i++)
        if (view->core.contexts[i].pid != 0 && is_user(view, i))
            users[count++] = &view->core.contexts[i];
    return count;
}

static void write_user(void *list, unsigned place, const struct context *user, size_t entry_size)
{
    nvmlProcessDetail_t whole = {.pid = (unsigned)user->pid,
                                 .used_bytes = VIEW_PROCESS_BYTES,
                                 .gpu_instance = NVML_NO_VALUE,
                                 .compute_instance = NVML_NO_VALUE};
    memcpy((char *)list + place * entry_size, &whole,
           entry_size); // each version begins as the next
}

static nvmlReturn_t list_processes(nvmlDevice_t device, unsigned *count, void *list,
                                   size_t entry_size, bool compute, const char *name)
{
    struct view view;
    const struct context *users[STATE_CONTEXTS];
    nvmlReturn_t result = view_look(device, count && (list || *count == 0) ? count : NULL,
                                    COST_PROCESSES, name, &view);
    if (result != NVML_SUCCESS)
        return result;
    unsigned found = compute ? list_users(&view, users) : 0, room = *count;
    *count = found;
    if (found > room)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < found; i++)
        write_user(list, i, users[i], entry_size);
    return NVML_SUCCESS;
}

// The unnumbered names are the oldest entries; versions 2 and 3 share theirs.
#define PROCESS_LIST(name, entry, compute)                                                         \
    nvmlReturn_t name(nvmlDevice_t device, unsigned *count, entry *list)                           \
    {                                                                                              \
        return list_processes(device, count, list, sizeof *list, compute, __func__);               \
    }

PROCESS_LIST(nvmlDeviceGetComputeRunningProcesses, nvmlProcessInfo_v1_t, true)
PROCESS_LIST(nvmlDeviceGetComputeRunningProcesses_v2, nvmlProcessInfo_v2_t, true)
PROCESS_LIST(nvmlDeviceGetComputeRunningProcesses_v3, nvmlProcessInfo_v2_t, true)
PROCESS_LIST(nvmlDeviceGetGraphicsRunningProcesses, nvmlProcessInfo_v1_t, false)
PROCESS_LIST(nvmlDeviceGetGraphicsRunningProcesses_v2, nvmlProcessInfo_v2_t, false)
PROCESS_LIST(nvmlDeviceGetGraphicsRunningProcesses_v3, nvmlProcessInfo_v2_t, false)
PROCESS_LIST(nvmlDeviceGetMPSComputeRunningProcesses, nvmlProcessInfo_v1_t, false)
PROCESS_LIST(nvmlDeviceGetMPSComputeRunningProcesses_v2, nvmlProcessInfo_v2_t, false)
PROCESS_LIST(nvmlDeviceGetMPSComputeRunningProcesses_v3, nvmlProcessInfo_v2_t, false)

nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device,
                                                   nvmlProcessDetailList_t *list)
{
    struct view view;
    LOOK(device, list, COST_NONE, &view);
    if (list->version != NVML_VERSIONED(nvmlProcessDetailList_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (list->mode > 2)
        return NVML_ERROR_INVALID_ARGUMENT;
    unsigned room = list->processes ? list->count : 0;
    nvmlReturn_t result = list_processes(device, &room, list->processes, sizeof *list->processes,
                                         list->mode == 0, __func__);
    list->count = room;
    return result;
}

static unsigned percent_of(double share)
{
    return (unsigned)(100.0 * share + 0.5);
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device,
                                             nvmlProcessUtilizationSample_t *samples,
                                             unsigned *count, unsigned long long last_seen_us)
{
    struct view view;
    const struct context *users[STATE_CONTEXTS];
    LOOK(device, count, COST_PROCESSES, &view);
    unsigned found = list_users(&view, users), room = *count;
    uint64_t at_us = view_real_us(&view, view.core.sampled_ns);
    if (at_us <= last_seen_us)
        found = 0;
    *count = found;
    if (found == 0)
        return NVML_ERROR_NOT_FOUND;
    if (!samples || room < found)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < found; i++)
        samples[i] = (nvmlProcessUtilizationSample_t){
            .pid = (unsigned)users[i]->pid,
            .time_us = at_us,
            .sm_percent = percent_of(users[i]->utilization),
            .memory_percent = percent_of(users[i]->utilization / 2)};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device,
                                                   nvmlProcessesUtilizationInfo_t *info)
{
    struct view view;
    const struct context *users[STATE_CONTEXTS];
    LOOK(device, info, COST_PROCESSES, &view);
    if (info->version != NVML_VERSIONED(nvmlProcessesUtilizationInfo_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    unsigned found = list_users(&view, users), room = info->count;
    uint64_t at_us = view_real_us(&view, view.core.sampled_ns);
    info->count = found;
    if (found == 0 || at_us <= info->last_seen_us)
        return NVML_ERROR_NOT_FOUND;
    if (!info->processes || room < found)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < found; i++)
        info->processes[i] =
            (nvmlProcessUtilizationInfo_t){.pid = (unsigned)users[i]->pid,
                                           .time_us = at_us,
                                           .sm_percent = percent_of(users[i]->utilization),
                                           .memory_percent = percent_of(users[i]->utilization / 2)};
    return NVML_SUCCESS;
}

// ---- accounting: of the processes that use the GPU now; the dead are not remembered

static nvmlReturn_t forget_pids(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    (void)gpu;
    (void)core;
    (void)arg; // the dead are forgotten anyway
    return NVML_SUCCESS;
}

static nvmlReturn_t change_accounting(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    (void)gpu;
    core->accounting = *(const unsigned *)arg;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetAccountingMode(nvmlDevice_t device, unsigned mode)
{
    struct view view;
    LOOK(device, &mode, COST_NONE, &view);
    return mode > 1 ? NVML_ERROR_INVALID_ARGUMENT
                    : view_change(device, __func__, change_accounting, &mode);
}

nvmlReturn_t nvmlDeviceClearAccountingPids(nvmlDevice_t device)
{
    return view_change(device, __func__, forget_pids, NULL);
}

nvmlReturn_t nvmlDeviceGetAccountingPids(nvmlDevice_t device, unsigned *count, unsigned *pids)
{
    struct view view;
    const struct context *users[STATE_CONTEXTS];
    LOOK(device, count, COST_NONE, &view);
    unsigned found = view.core.accounting ? list_users(&view, users) : 0, room = *count;
    *count = found;
    if (found > room || (found > 0 && !pids))
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < found; i++)
        pids[i] = (unsigned)users[i]->pid;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetAccountingStats(nvmlDevice_t device, unsigned pid,
                                          nvmlAccountingStats_t *stats)
{
    struct view view;
    const struct context *users[STATE_CONTEXTS];
    LOOK(device, stats, COST_NONE, &view);
    unsigned found = view.core.accounting ? list_users(&view, users) : 0;
    for (unsigned i = 0; i < found; i++) {
        if ((unsigned)users[i]->pid != pid)
            continue;
        double lived_s = (double)(view.now_ns - users[i]->first_ns) * 1e-9;
        *stats = (nvmlAccountingStats_t){
            .gpu_percent = lived_s > 0 ? percent_of(users[i]->busy_s / lived_s) : 0,
            .memory_percent = lived_s > 0 ? percent_of(users[i]->busy_s / lived_s / 2) : 0,
            .most_memory_bytes = VIEW_PROCESS_BYTES,
            .time_ms = 0, // of a process that still runs
            .start_us = view_real_us(&view, users[i]->first_ns),
            .running = 1,
        };
        return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_FOUND;
}

// ---- events: sets can be made and waited for; nothing ever happens to these cards

struct nvml_event_set {
    unsigned long long types;
};

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set)
{
    if (!machine_is_initialised())
        return NVML_ERROR_UNINITIALIZED;
    if (!set)
        return NVML_ERROR_INVALID_ARGUMENT;
    *set = calloc(1, sizeof **set);
    return *set ? NVML_SUCCESS : NVML_ERROR_MEMORY;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set)
{
    if (!machine_is_initialised())
        return NVML_ERROR_UNINITIALIZED;
    if (!set)
        return NVML_ERROR_INVALID_ARGUMENT;
    free(set);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *types)
{
    struct view view;
    LOOK(device, types, COST_NONE, &view);
    *types = NVML_EVENTS_SUPPORTED;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types,
                                      nvmlEventSet_t set)
{
    struct view view;
    LOOK(device, set, COST_NONE, &view);
    if (types & ~NVML_EVENTS_SUPPORTED)
        return NVML_ERROR_NOT_SUPPORTED;
    set->types |= types;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *event, unsigned timeout_ms)
{
    if (!machine_is_initialised())
        return NVML_ERROR_UNINITIALIZED;
    if (!set || !event)
        return NVML_ERROR_INVALID_ARGUMENT;
    struct timespec pause = {.tv_sec = timeout_ms / 1000,
                             .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    nanosleep(&pause, NULL); // a signal may end it early, as it may a real wait
    return NVML_ERROR_TIMEOUT;
}

nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t *event, unsigned timeout_ms)
{
    return nvmlEventSetWait_v2(set, event, timeout_ms);
}
