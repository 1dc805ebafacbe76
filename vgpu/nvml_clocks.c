// SPDX-License-Identifier: Apache-2.0
// Clocks: current and supported ones, locks, and throttle reasons. A lock caps the ratio that the
// power model works with, so it slows work and saves power just as a limit does.
#include "timeline.h"
#include "view.h"

static nvmlReturn_t current_mhz(const struct view *view, unsigned clock, unsigned *mhz)
{
    switch (clock) {
    case NVML_CLOCK_GRAPHICS:
    case NVML_CLOCK_SM:
        *mhz = view->sm_mhz;
        return NVML_SUCCESS;
    case NVML_CLOCK_MEM:
        *mhz = view_memory_mhz(view);
        return NVML_SUCCESS;
    case NVML_CLOCK_VIDEO:
        *mhz = (unsigned)((unsigned long)view->model->video_max_mhz * view->sm_mhz /
                          view->model->sm_max_mhz);
        return NVML_SUCCESS;
    default:
        return NVML_ERROR_INVALID_ARGUMENT;
    }
}

static nvmlReturn_t highest_mhz(const struct view *view, unsigned clock, unsigned *mhz)
{
    const unsigned highest[] = {view->model->sm_max_mhz, view->model->sm_max_mhz,
                                view->model->memory_mhz, view->model->video_max_mhz};
    if (clock > NVML_CLOCK_VIDEO)
        return NVML_ERROR_INVALID_ARGUMENT;
    *mhz = highest[clock];
    return NVML_SUCCESS;
}

static nvmlReturn_t application_mhz(const struct view *view, unsigned clock, unsigned *mhz)
{
    if (clock > NVML_CLOCK_MEM)
        return NVML_ERROR_INVALID_ARGUMENT;
    unsigned set =
        clock == NVML_CLOCK_MEM ? view->core.application_memory_mhz : view->core.application_sm_mhz;
    if (set == 0)
        return highest_mhz(view, clock, mhz);
    *mhz = set;
    return NVML_SUCCESS;
}

typedef nvmlReturn_t clock_fn(const struct view *, unsigned, unsigned *);

static clock_fn *const by_clock_id[] = {
    [NVML_CLOCK_ID_CURRENT] = current_mhz,
    [NVML_CLOCK_ID_APP_TARGET] = application_mhz,
    [NVML_CLOCK_ID_APP_DEFAULT] = highest_mhz,
    [NVML_CLOCK_ID_CUSTOMER_MAX] = highest_mhz,
};

nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t device, unsigned clock, unsigned id, unsigned *mhz)
{
    struct view view;
    LOOK(device, mhz, COST_NONE, &view);
    return id > NVML_CLOCK_ID_CUSTOMER_MAX ? NVML_ERROR_INVALID_ARGUMENT
                                           : by_clock_id[id](&view, clock, mhz);
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned clock, unsigned *mhz)
{
    return nvmlDeviceGetClock(device, clock, NVML_CLOCK_ID_CURRENT, mhz);
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, unsigned clock, unsigned *mhz)
{
    return nvmlDeviceGetClock(device, clock, NVML_CLOCK_ID_CUSTOMER_MAX, mhz);
}

nvmlReturn_t nvmlDeviceGetMaxCustomerBoostClock(nvmlDevice_t device, unsigned clock, unsigned *mhz)
{
    return nvmlDeviceGetClock(device, clock, NVML_CLOCK_ID_CUSTOMER_MAX, mhz);
}

nvmlReturn_t nvmlDeviceGetApplicationsClock(nvmlDevice_t device, unsigned clock, unsigned *mhz)
{
    return nvmlDeviceGetClock(device, clock, NVML_CLOCK_ID_APP_TARGET, mhz);
}

nvmlReturn_t nvmlDeviceGetDefaultApplicationsClock(nvmlDevice_t device, unsigned clock,
                                                   unsigned *mhz)
{
    return nvmlDeviceGetClock(device, clock, NVML_CLOCK_ID_APP_DEFAULT, mhz);
}

// ---- supported clocks

static nvmlReturn_t give_list(unsigned needed, unsigned *count, unsigned *list)
{
    unsigned room = *count;
    *count = needed;
    return room < needed || !list ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedMemoryClocks(nvmlDevice_t device, unsigned *count, unsigned *mhz)
{
    struct view view;
    LOOK(device, count, COST_NONE, &view);
    const unsigned clocks[] = {view.model->memory_mhz, view.model->memory_idle_mhz};
    unsigned needed = clocks[0] == clocks[1] ? 1 : 2;
    nvmlReturn_t result = give_list(needed, count, mhz);
    for (unsigned i = 0; result == NVML_SUCCESS && i < needed; i++)
        mhz[i] = clocks[i];
    return result;
}

nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(nvmlDevice_t device, unsigned memory_mhz,
                                                  unsigned *count, unsigned *mhz)
{
    struct view view;
    LOOK(device, count, COST_NONE, &view);
    const struct vgpu_model *model = view.model;
    bool idle_memory = memory_mhz == model->memory_idle_mhz && memory_mhz != model->memory_mhz;
    if (memory_mhz != model->memory_mhz && !idle_memory)
        return NVML_ERROR_NOT_FOUND;
    unsigned needed =
        idle_memory ? 1 : (model->sm_max_mhz - model->sm_min_mhz) * 1000 / model->sm_step_khz + 1;
    nvmlReturn_t result = give_list(needed, count, mhz);
    for (unsigned i = 0; result == NVML_SUCCESS && i < needed; i++)
        mhz[i] = idle_memory ? model->sm_idle_mhz
                             : (model->sm_max_mhz * 1000 - i * model->sm_step_khz) / 1000;
    return result;
}

nvmlReturn_t nvmlDeviceGetMinMaxClockOfPState(nvmlDevice_t device, unsigned clock, unsigned pstate,
                                              unsigned *min_mhz, unsigned *max_mhz)
{
    struct view view;
    LOOK(device, min_mhz && max_mhz ? min_mhz : NULL, COST_NONE, &view);
    if (pstate != 0 && pstate != 8)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = highest_mhz(&view, clock, max_mhz);
    if (result == NVML_SUCCESS)
        *min_mhz = clock == NVML_CLOCK_MEM ? view.model->memory_idle_mhz : view.model->sm_min_mhz;
    return result;
}

// ---- locks

struct range {
    unsigned min_mhz, max_mhz;
};

static unsigned resolve(unsigned mhz, unsigned highest)
{
    return mhz == NVML_CLOCK_LIMIT_TDP || mhz == NVML_CLOCK_LIMIT_UNLIMITED ? highest : mhz;
}

static nvmlReturn_t change_sm_lock(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    const struct range *range = arg;
    const struct vgpu_model *model = model_at(gpu->fixed.model);
    unsigned low = resolve(range->min_mhz, model->sm_max_mhz),
             high = resolve(range->max_mhz, model->sm_max_mhz);
    if (low > high || high < model->sm_min_mhz ||
        low > model->sm_max_mhz) // no clock left to run at
        return NVML_ERROR_INVALID_ARGUMENT;
    core->lock_min_mhz = low;
    core->lock_max_mhz = high > model->sm_max_mhz ? model->sm_max_mhz : high;
    timeline_retune(gpu, core);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetGpuLockedClocks(nvmlDevice_t device, unsigned min_mhz, unsigned max_mhz)
{
    struct range range = {min_mhz, max_mhz};
    return view_change(device, __func__, change_sm_lock, &range);
}

static nvmlReturn_t drop_sm_lock(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    (void)arg;
    core->lock_min_mhz = core->lock_max_mhz = 0;
    timeline_retune(gpu, core);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceResetGpuLockedClocks(nvmlDevice_t device)
{
    return view_change(device, __func__, drop_sm_lock, NULL);
}

// Memory clocks are kept and shown; the power model has no memory clock to change.
static nvmlReturn_t change_memory_lock(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    const struct range *range = arg;
    (void)gpu;
    if (range->min_mhz > range->max_mhz)
        return NVML_ERROR_INVALID_ARGUMENT;
    core->memory_lock_min_mhz = range->min_mhz;
    core->memory_lock_max_mhz = range->max_mhz;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetMemoryLockedClocks(nvmlDevice_t device, unsigned min_mhz,
                                             unsigned max_mhz)
{
    struct range range = {min_mhz, max_mhz};
    return view_change(device, __func__, change_memory_lock, &range);
}

nvmlReturn_t nvmlDeviceResetMemoryLockedClocks(nvmlDevice_t device)
{
    struct range none = {0, 0};
    return view_change(device, __func__, change_memory_lock, &none);
}

struct application {
    unsigned memory_mhz, sm_mhz;
};

static nvmlReturn_t set_application(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    const struct application *wanted = arg;
    const struct vgpu_model *model = model_at(gpu->fixed.model);
    if (wanted->memory_mhz != model->memory_mhz || wanted->sm_mhz < model->sm_min_mhz ||
        wanted->sm_mhz > model->sm_max_mhz)
        return NVML_ERROR_INVALID_ARGUMENT;
    core->application_memory_mhz = wanted->memory_mhz;
    core->application_sm_mhz = wanted->sm_mhz;
    timeline_retune(gpu, core);
    return NVML_SUCCESS;
}

static nvmlReturn_t reset_application(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    (void)arg;
    core->application_memory_mhz = core->application_sm_mhz = 0;
    timeline_retune(gpu, core);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetApplicationsClocks(nvmlDevice_t device, unsigned memory_mhz,
                                             unsigned sm_mhz)
{
    struct application wanted = {memory_mhz, sm_mhz};
    return view_change(device, __func__, set_application, &wanted);
}

nvmlReturn_t nvmlDeviceResetApplicationsClocks(nvmlDevice_t device)
{
    return view_change(device, __func__, reset_application, NULL);
}

// ---- throttle reasons

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device,
                                                    unsigned long long *reasons)
{
    struct view view;
    LOOK(device, reasons, COST_NONE, &view);
    *reasons = view_reasons(&view);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device,
                                                       unsigned long long *reasons)
{
    return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}

nvmlReturn_t nvmlDeviceGetSupportedClocksEventReasons(nvmlDevice_t device,
                                                      unsigned long long *reasons)
{
    struct view view;
    LOOK(device, reasons, COST_NONE, &view);
    *reasons = NVML_REASONS_SUPPORTED;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedClocksThrottleReasons(nvmlDevice_t device,
                                                         unsigned long long *reasons)
{
    return nvmlDeviceGetSupportedClocksEventReasons(device, reasons);
}

nvmlReturn_t nvmlDeviceGetViolationStatus(nvmlDevice_t device, unsigned policy,
                                          nvmlViolationTime_t *time)
{
    struct view view;
    LOOK(device, time, COST_NONE, &view);
    if (policy > NVML_POLICY_ALL_BASE ||
        (policy > NVML_POLICY_RELIABILITY && policy < NVML_POLICY_ALL_APPLICATION))
        return NVML_ERROR_INVALID_ARGUMENT;
    bool counts = policy == NVML_POLICY_POWER || policy >= NVML_POLICY_ALL_APPLICATION;
    time->reference_us = view_real_us(&view, view.now_ns);
    time->violation_ns = counts ? (uint64_t)(view.capped_s * 1e9) : 0;
    return NVML_SUCCESS;
}
