// SPDX-License-Identifier: Apache-2.0
// Identity and place of a device: names, PCI, memory errors, heat, fans, MIG (none), affinity.
// Little of this changes; real clients ask for it before they show anything.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "view.h"

// Entry points of one value each, all alike: look, then return the expression's value.
#define GIVE_UNSIGNED(name, value)                                                                 \
    nvmlReturn_t name(nvmlDevice_t device, unsigned *out)                                          \
    {                                                                                              \
        struct view view;                                                                          \
        LOOK(device, out, COST_NONE, &view);                                                       \
        *out = (unsigned)(value);                                                                  \
        return NVML_SUCCESS;                                                                       \
    }

#define GIVE_TEXT(name, ...)                                                                       \
    nvmlReturn_t name(nvmlDevice_t device, char *out, unsigned size)                               \
    {                                                                                              \
        struct view view;                                                                          \
        char text[96];                                                                             \
        LOOK(device, out, COST_NONE, &view);                                                       \
        snprintf(text, sizeof text, __VA_ARGS__);                                                  \
        return view_text(text, out, size);                                                         \
    }

GIVE_TEXT(nvmlDeviceGetName, "%s", view.model->name)
GIVE_TEXT(nvmlDeviceGetUUID, "%s", view.fixed.uuid)
GIVE_TEXT(nvmlDeviceGetSerial, "%013llu",
          (unsigned long long)(1320000000000ULL + view.fixed.noise_seed % 10000000000ULL))
GIVE_TEXT(nvmlDeviceGetVbiosVersion, "%s", view.model->vbios)
GIVE_TEXT(nvmlDeviceGetBoardPartNumber, "%s", view.model->part_number)
GIVE_TEXT(nvmlDeviceGetInforomImageVersion, "G500.0200.00.04")

static const unsigned pcie_mbps[] = {0, 2500, 5000, 8000, 16000, 32000}; // a lane, by generation

GIVE_UNSIGNED(nvmlDeviceGetIndex, view.index)
GIVE_UNSIGNED(nvmlDeviceGetMinorNumber, view.index)
GIVE_UNSIGNED(nvmlDeviceGetModuleId, view.index)
GIVE_UNSIGNED(nvmlDeviceGetBoardId, (view.index + 1) << 8)
GIVE_UNSIGNED(nvmlDeviceGetMultiGpuBoard, 0)
GIVE_UNSIGNED(nvmlDeviceGetBrand, view.model->brand)
GIVE_UNSIGNED(nvmlDeviceGetArchitecture, view.model->architecture)
GIVE_UNSIGNED(nvmlDeviceGetNumGpuCores, view.model->cores)
GIVE_UNSIGNED(nvmlDeviceGetMemoryBusWidth, view.model->memory_bus_bits)
GIVE_UNSIGNED(nvmlDeviceGetBusType, 2) // PCIe
GIVE_UNSIGNED(nvmlDeviceGetPersistenceMode, view.core.persistence)
GIVE_UNSIGNED(nvmlDeviceGetComputeMode, view.core.compute_mode)
GIVE_UNSIGNED(nvmlDeviceGetDisplayActive, 0)
GIVE_UNSIGNED(nvmlDeviceGetDisplayMode, 0)
GIVE_UNSIGNED(nvmlDeviceGetPowerSource, 0) // mains
GIVE_UNSIGNED(nvmlDeviceGetIrqNum, 64 + view.index)

GIVE_UNSIGNED(nvmlDeviceGetMaxPcieLinkGeneration, view.model->pcie_generation)
GIVE_UNSIGNED(nvmlDeviceGetGpuMaxPcieLinkGeneration, view.model->pcie_generation)
GIVE_UNSIGNED(nvmlDeviceGetMaxPcieLinkWidth, view.model->pcie_width)
// An idle card lets its link fall back to the slowest generation.
GIVE_UNSIGNED(nvmlDeviceGetCurrPcieLinkGeneration,
              view.core.segment.activity == GPU_IDLE ? 1 : view.model->pcie_generation)
GIVE_UNSIGNED(nvmlDeviceGetCurrPcieLinkWidth, view.model->pcie_width)
GIVE_UNSIGNED(nvmlDeviceGetPcieReplayCounter, 0)
GIVE_UNSIGNED(nvmlDeviceGetPcieSpeed, pcie_mbps[view.model->pcie_generation])
GIVE_UNSIGNED(nvmlDeviceGetNumFans, view.model->fans)
GIVE_UNSIGNED(nvmlDeviceGetPerformanceState, view.core.segment.activity == GPU_IDLE ? 8 : 0)
GIVE_UNSIGNED(nvmlDeviceGetPowerState, view.core.segment.activity == GPU_IDLE ? 8 : 0)
GIVE_UNSIGNED(nvmlDeviceIsMigDeviceHandle, 0)
GIVE_UNSIGNED(nvmlDeviceGetMaxMigDeviceCount, 0)
GIVE_UNSIGNED(nvmlDeviceGetAccountingMode, view.core.accounting)
GIVE_UNSIGNED(nvmlDeviceGetAccountingBufferSize, 4000)

nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t device, unsigned counter, unsigned *kb_per_s)
{
    struct view view;
    LOOK(device, kb_per_s, COST_PCIE_THROUGHPUT, &view);
    if (counter > 1)
        return NVML_ERROR_INVALID_ARGUMENT;
    *kb_per_s =
        view_utilization(&view) * (counter ? 21000u : 4000u); // data goes in, little comes out
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
    struct view view;
    LOOK(device, major && minor ? major : NULL, COST_NONE, &view);
    *major = (int)view.model->cuda_major;
    *minor = (int)view.model->cuda_minor;
    return NVML_SUCCESS;
}

// ---- PCI. Cards sit on buses 01, 02, ... of domain 0, so PCI order is the machine's order.

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    struct view view;
    LOOK(device, pci, COST_NONE, &view);
    memset(pci, 0, sizeof *pci);
    pci->bus = view.index + 1;
    pci->device_id = view.model->pci_device_id;
    pci->subsystem_id = view.model->pci_subsystem_id;
    snprintf(pci->bus_id_legacy, sizeof pci->bus_id_legacy, "0000:%02X:00.0", pci->bus);
    snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", pci->bus);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_v2_t *pci)
{
    nvmlPciInfo_t full;
    nvmlReturn_t result = nvmlDeviceGetPciInfo_v3(device, pci ? &full : NULL);
    if (result == NVML_SUCCESS)
        memcpy(pci, &full, offsetof(nvmlPciInfo_t, bus_id)); // the older struct begins alike
    return result;
}

// The oldest struct ends earlier still in some headers: without the last identity.
nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t device, nvmlPciInfo_v2_t *pci)
{
    nvmlPciInfo_t full;
    nvmlReturn_t result = nvmlDeviceGetPciInfo_v3(device, pci ? &full : NULL);
    if (result == NVML_SUCCESS)
        memcpy(pci, &full, offsetof(nvmlPciInfo_t, subsystem_id));
    return result;
}

nvmlReturn_t nvmlDeviceGetPciInfoExt(nvmlDevice_t device, nvmlPciInfoExt_t *pci)
{
    nvmlPciInfo_t full;
    nvmlReturn_t result = nvmlDeviceGetPciInfo_v3(device, pci ? &full : NULL);
    if (result != NVML_SUCCESS)
        return result;
    if (pci->version != NVML_VERSIONED(nvmlPciInfoExt_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    *pci = (nvmlPciInfoExt_t){.version = pci->version,
                              .domain = full.domain,
                              .bus = full.bus,
                              .device = full.device,
                              .device_id = full.device_id,
                              .subsystem_id = full.subsystem_id,
                              .base_class = 3,
                              .sub_class = 2}; // a 3D controller
    memcpy(pci->bus_id, full.bus_id, sizeof pci->bus_id);
    return NVML_SUCCESS;
}

// ---- heat and air

static bool is_gpu_sensor(unsigned sensor)
{
    return sensor == 0;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned sensor, unsigned *celsius)
{
    struct view view;
    LOOK(device, celsius, COST_NONE, &view);
    if (!is_gpu_sensor(sensor))
        return NVML_ERROR_INVALID_ARGUMENT;
    *celsius = (unsigned)view.temperature_c;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *temperature)
{
    struct view view;
    LOOK(device, temperature, COST_NONE, &view);
    if (temperature->version != NVML_VERSIONED(nvmlTemperature_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (!is_gpu_sensor(temperature->sensor))
        return NVML_ERROR_INVALID_ARGUMENT;
    temperature->celsius = (int)view.temperature_c;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, unsigned threshold,
                                               unsigned *celsius)
{
    struct view view;
    LOOK(device, celsius, COST_NONE, &view);
    if (threshold > 8)
        return NVML_ERROR_INVALID_ARGUMENT;
    int value = threshold == NVML_THRESHOLD_SHUTDOWN   ? view.model->shutdown_c
                : threshold == NVML_THRESHOLD_SLOWDOWN ? view.model->slowdown_c
                : threshold == NVML_THRESHOLD_GPU_MAX  ? view.model->slowdown_c - 4
                                                       : 0;
    if (value <= 0) // the newest cards report margins instead
        return NVML_ERROR_NOT_SUPPORTED;
    *celsius = (unsigned)value;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMarginTemperature(nvmlDevice_t device, nvmlMarginTemperature_t *margin)
{
    struct view view;
    LOOK(device, margin, COST_NONE, &view);
    if (margin->version != NVML_VERSIONED(nvmlMarginTemperature_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    margin->margin_k =
        (view.model->slowdown_c ? view.model->slowdown_c : 87) - (int)view.temperature_c;
    return NVML_SUCCESS;
}

static unsigned fan_percent(const struct view *view)
{
    double percent = 33.0 + 2.0 * (view->temperature_c - 50.0);
    return percent < 33.0 ? 33 : percent > 100.0 ? 100 : (unsigned)percent;
}

nvmlReturn_t nvmlDeviceGetFanSpeed_v2(nvmlDevice_t device, unsigned fan, unsigned *percent)
{
    struct view view;
    LOOK(device, percent, COST_FAN, &view);
    if (view.model->fans == 0)
        return NVML_ERROR_NOT_SUPPORTED;
    if (fan >= view.model->fans)
        return NVML_ERROR_INVALID_ARGUMENT;
    *percent = fan_percent(&view);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetFanSpeed(nvmlDevice_t device, unsigned *percent)
{
    return nvmlDeviceGetFanSpeed_v2(device, 0, percent);
}

// ---- memory errors: none, ever

static bool has_ecc(const struct view *view)
{
    return view->model->fans == 0; // all but the workstation card have it switched on
}

nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
    struct view view;
    LOOK(device, current && pending ? current : NULL, COST_NONE, &view);
    *current = *pending = has_ecc(&view);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetDefaultEccMode(nvmlDevice_t device, unsigned *mode)
{
    struct view view;
    LOOK(device, mode, COST_NONE, &view);
    *mode = has_ecc(&view);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, unsigned error, unsigned counter,
                                         unsigned long long *count)
{
    struct view view;
    LOOK(device, count, COST_NONE, &view);
    if (error > 1 || counter > 1)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!has_ecc(&view))
        return NVML_ERROR_NOT_SUPPORTED;
    *count = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryErrorCounter(nvmlDevice_t device, unsigned error, unsigned counter,
                                             unsigned place, unsigned long long *count)
{
    return place > 8 ? NVML_ERROR_INVALID_ARGUMENT
                     : nvmlDeviceGetTotalEccErrors(device, error, counter, count);
}

// ---- MIG: not on these cards, whatever the model could do

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
    struct view view;
    LOOK(device, current && pending ? current : NULL, COST_NONE, &view);
    return NVML_ERROR_NOT_SUPPORTED;
}

// ---- switches

static nvmlReturn_t change_persistence(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    (void)gpu;
    core->persistence = *(const unsigned *)arg;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetPersistenceMode(nvmlDevice_t device, unsigned mode)
{
    struct view view;
    LOOK(device, &mode, COST_NONE, &view);
    return mode > 1 ? NVML_ERROR_INVALID_ARGUMENT
                    : view_change(device, __func__, change_persistence, &mode);
}

static nvmlReturn_t change_compute_mode(struct gpu_state *gpu, struct gpu_core *core, void *arg)
{
    (void)gpu;
    core->compute_mode = *(const unsigned *)arg;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetComputeMode(nvmlDevice_t device, unsigned mode)
{
    struct view view;
    LOOK(device, &mode, COST_NONE, &view);
    return mode > 3 || mode == 1 ? NVML_ERROR_INVALID_ARGUMENT
                                 : view_change(device, __func__, change_compute_mode, &mode);
}

// ---- where in the host

nvmlReturn_t nvmlDeviceGetCpuAffinity(nvmlDevice_t device, unsigned words, unsigned long *set)
{
    struct view view;
    const unsigned bits = 8 * sizeof *set;
    LOOK(device, words > 0 ? set : NULL, COST_NONE, &view);
    long cpus = sysconf(_SC_NPROCESSORS_CONF);
    for (unsigned word = 0; word < words; word++) {
        long left = cpus - (long)word * bits;
        set[word] = left <= 0 ? 0 : left >= (long)bits ? ~0ul : (1ul << left) - 1;
    }
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCpuAffinityWithinScope(nvmlDevice_t device, unsigned words,
                                                 unsigned long *set, unsigned scope)
{
    return scope > 1 ? NVML_ERROR_INVALID_ARGUMENT : nvmlDeviceGetCpuAffinity(device, words, set);
}

nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t one, nvmlDevice_t other,
                                                 unsigned *level)
{
    struct view view;
    LOOK(one, level, COST_NONE, &view);
    LOOK(other, level, COST_NONE, &view);
    *level = one == other ? 0 : 30; // all behind one host bridge
    return NVML_SUCCESS;
}
