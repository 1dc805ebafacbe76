// SPDX-License-Identifier: Apache-2.0
// Power, energy, limits and field values, the purpose of this library. Readings come from the
// latch; a limit acts at once on the work under way.
#include <time.h>

#include "faults.h"
#include "sensor.h"
#include "timeline.h"
#include "view.h"

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *power_mw)
{
    struct view view;
    LOOK(device, power_mw, COST_SENSOR, &view);
    *power_mw = view.core.latch.usage_mw;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *energy_mj)
{
    struct view view;
    LOOK(device, energy_mj, COST_SENSOR, &view);
    if (!view.model->energy_counter)
        return NVML_ERROR_NOT_SUPPORTED;
    *energy_mj = view.core.latch.counter_mj;
    return NVML_SUCCESS;
}

// ---- limits

nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned *limit_mw)
{
    struct view view;
    LOOK(device, limit_mw, COST_NONE, &view);
    *limit_mw = view.core.limit_mw;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *limit_mw)
{
    struct view view;
    LOOK(device, limit_mw, COST_NONE, &view);
    *limit_mw = view.enforced_mw;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, unsigned *limit_mw)
{
    struct view view;
    LOOK(device, limit_mw, COST_NONE, &view);
    *limit_mw = view.model->max_limit_mw;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned *min_mw,
                                                          unsigned *max_mw)
{
    struct view view;
    LOOK(device, min_mw && max_mw ? min_mw : NULL, COST_NONE, &view);
    *min_mw = view.model->min_limit_mw;
    *max_mw = view.model->max_limit_mw;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementMode(nvmlDevice_t device, unsigned *mode)
{
    struct view view;
    LOOK(device, mode, COST_NONE, &view);
    *mode = 1;
    return NVML_SUCCESS;
}

static nvmlReturn_t change_limit(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    const unsigned limit_mw = *(const unsigned *)arg;
    const struct vgpu_model *model = model_at(gpu->fixed.model);
    if (limit_mw < model->min_limit_mw || limit_mw > model->max_limit_mw)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (faults_in_force(gpu, FAULT_LIMIT_IGNORED, core->now_ns))
        return NVML_SUCCESS;
    core->limit_mw = limit_mw;
    timeline_retune(gpu, core);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t device, unsigned limit_mw)
{
    return view_change(device, __func__, change_limit, &limit_mw);
}

nvmlReturn_t nvmlDeviceSetPowerManagementLimit_v2(nvmlDevice_t device, nvmlPowerValue_v2_t *value)
{
    struct view view;
    LOOK(device, value, COST_NONE, &view);
    if (value->version != NVML_VERSIONED(nvmlPowerValue_v2_t, 2))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (value->scope != 0) // modules and memory have no limit of their own on these cards
        return NVML_ERROR_NOT_SUPPORTED;
    return view_change(device, __func__, change_limit, &value->power_mw);
}

// ---- field values: one table row a field

static unsigned field_average(const struct view *view)
{
    return view->core.latch.average_mw;
}

static unsigned field_instant(const struct view *view)
{
    return view->core.latch.instant_mw;
}

static unsigned field_min(const struct view *view)
{
    return view->model->min_limit_mw;
}

static unsigned field_max(const struct view *view)
{
    return view->model->max_limit_mw;
}

static unsigned field_enforced(const struct view *view)
{
    return view->enforced_mw;
}

static unsigned field_requested(const struct view *view)
{
    return view->core.limit_mw;
}

static unsigned field_none(const struct view *view)
{
    (void)view;
    return 0;
}

static unsigned field_memory_temperature(const struct view *view)
{
    return (unsigned)(view->temperature_c +
                      6.0); // stacked memory runs a little hotter than the GPU
}

static bool has_average(const struct view *view)
{
    return view->model->average_window_ns != 0;
}

static bool has_stacked_memory(const struct view *view)
{
    return view->model->memory_bus_bits > 1024 && view->model->energy_counter;
}

static const struct {
    unsigned field;
    unsigned (*read)(const struct view *);
    bool (*supported)(const struct view *);
} unsigned_fields[] = {
    {NVML_FIELD_POWER_AVERAGE, field_average, has_average},
    {NVML_FIELD_POWER_INSTANT, field_instant, NULL},
    {NVML_FIELD_LIMIT_MIN, field_min, NULL},
    {NVML_FIELD_LIMIT_MAX, field_max, NULL},
    {NVML_FIELD_LIMIT_DEFAULT, field_max, NULL},
    {NVML_FIELD_LIMIT_ENFORCED, field_enforced, NULL},
    {NVML_FIELD_LIMIT_REQUESTED, field_requested, NULL},
    {NVML_FIELD_MEMORY_TEMP, field_memory_temperature, has_stacked_memory},
    {NVML_FIELD_PCIE_TX_BYTES, field_none, NULL},
    {NVML_FIELD_PCIE_RX_BYTES, field_none, NULL},
};

static void read_energy(const struct view *view, nvmlFieldValue_t *value)
{
    value->value_type = NVML_VALUE_ULL;
    value->value.ull = view->core.latch.counter_mj;
    value->result = view->model->energy_counter ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

static void read_violation(const struct view *view, nvmlFieldValue_t *value)
{
    value->value_type = NVML_VALUE_ULL;
    value->value.ull = value->field == NVML_FIELD_PERF_POWER ? (uint64_t)(view->capped_s * 1e9) : 0;
    value->result = NVML_SUCCESS;
}

static void read_margin(const struct view *view, nvmlFieldValue_t *value)
{
    static const int margins_k[] = {-8, -2, 0, 0}; // shutdown, slowdown, memory, highest operating
    value->value_type = NVML_VALUE_SINT;
    value->value.si = margins_k[value->field - NVML_FIELD_MARGIN_SHUTDOWN];
    value->result = view->model->shutdown_c == 0 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

static void read_field(const struct view *view, nvmlFieldValue_t *value)
{
    unsigned field = value->field;
    value->value.ull = 0;
    value->result = NVML_ERROR_NOT_SUPPORTED;
    value->time_us = (int64_t)view_real_us(view, view->now_ns);
    value->latency_us = 0;
    if (field == NVML_FIELD_ENERGY_SINCE_RELOAD ||
        (field == NVML_FIELD_ENERGY && value->scope == 0)) {
        read_energy(view, value);
        return;
    }
    if (field >= NVML_FIELD_PERF_POWER && field <= NVML_FIELD_PERF_LAST) {
        read_violation(view, value);
        return;
    }
    if (field >= NVML_FIELD_MARGIN_SHUTDOWN && field <= NVML_FIELD_MARGIN_GPU_MAX) {
        read_margin(view, value);
        return;
    }
    for (size_t i = 0; i < sizeof unsigned_fields / sizeof unsigned_fields[0]; i++) {
        // Only the whole GPU has a sensor: the other scopes (module, memory, base) are not
        // supported.
        if (unsigned_fields[i].field != field || value->scope != 0 ||
            (unsigned_fields[i].supported && !unsigned_fields[i].supported(view)))
            continue;
        value->value_type = NVML_VALUE_UINT;
        value->value.ui = unsigned_fields[i].read(view);
        value->result = NVML_SUCCESS;
    }
}

// The call succeeds; each field has a code of its own.
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values)
{
    struct view view;
    LOOK(device, count > 0 ? values : NULL, COST_SENSOR, &view);
    for (int i = 0; i < count; i++)
        read_field(&view, &values[i]);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceClearFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values)
{
    struct view view;
    LOOK(device, count > 0 ? values : NULL, COST_NONE, &view);
    for (int i = 0; i < count; i++)
        values[i].result = NVML_ERROR_NOT_SUPPORTED; // none of these can be cleared
    return NVML_SUCCESS;
}

// ---- samples

struct samples {
    unsigned type;
    uint64_t last_seen_us;
    unsigned *count;
    nvmlSample_t *samples;
    unsigned found;
};

enum { SAMPLES_KEPT = 100 }; // at most; ticks of 20 ms give 50 in the second that is remembered

static uint32_t sample_value(struct gpu_state *gpu, struct gpu_core *core, unsigned type,
                             int64_t tick)
{
    const struct vgpu_model *model = model_at(gpu->fixed.model);
    switch (type) {
    case NVML_SAMPLES_POWER:
        if (faults_in_force(gpu, FAULT_POWER_STUCK, sensor_tick_ns(gpu, tick)))
            return core->latch.instant_mw;
        return sensor_power_mw(gpu, core, tick, model->instant_window_ns);
    case NVML_SAMPLES_GPU:
        return sensor_utilization(gpu, core, sensor_tick_ns(gpu, tick));
    case NVML_SAMPLES_MEMORY:
        return sensor_utilization(gpu, core, sensor_tick_ns(gpu, tick)) / 2;
    case NVML_SAMPLES_SM_CLOCK:
        return core->segment.activity == GPU_IDLE
                   ? model->sm_idle_mhz
                   : (uint32_t)(core->segment.clock_ratio * model->sm_max_mhz);
    case NVML_SAMPLES_MEMORY_CLOCK:
        return core->segment.activity == GPU_IDLE ? model->memory_idle_mhz : model->memory_mhz;
    default:
        return 0; // encoder and decoder never work here
    }
}

static nvmlReturn_t read_samples(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    struct samples *want = arg;
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    int64_t real_us = (int64_t)real.tv_sec * 1000000 + real.tv_nsec / 1000;
    int64_t tick_ns = model_at(gpu->fixed.model)->tick_ns, last = core->latch.tick;
    unsigned room = want->samples ? *want->count : SAMPLES_KEPT;
    for (int64_t tick = last - 1000000000 / tick_ns + 1; tick <= last && want->found < room;
         tick++) {
        int64_t at_us = real_us + (sensor_tick_ns(gpu, tick) - core->now_ns) / 1000;
        if (at_us <= (int64_t)want->last_seen_us)
            continue;
        if (want->samples) {
            want->samples[want->found].time_us = (uint64_t)at_us;
            want->samples[want->found].value.ull = 0;
            want->samples[want->found].value.ui = sample_value(gpu, core, want->type, tick);
        }
        want->found++;
    }
    *want->count = want->found;
    return want->found > 0 ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, unsigned type,
                                  unsigned long long last_seen_us, unsigned *value_type,
                                  unsigned *count, nvmlSample_t *samples)
{
    struct view view;
    LOOK(device, value_type && count ? count : NULL, COST_NONE, &view);
    if (type > NVML_SAMPLES_MEMORY_CLOCK)
        return NVML_ERROR_NOT_SUPPORTED;
    *value_type = NVML_VALUE_UINT;
    struct samples want = {type, last_seen_us, count, samples, 0};
    return view_read(device, COST_SENSOR, __func__, read_samples, &want);
}
