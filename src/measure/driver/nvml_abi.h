/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of NVML's binary interface in use here: return codes, a few structs, and the entry
 * points. Written from facts (sizes and offsets as NVML 13 and nvidia-ml-py give them), not from
 * NVIDIA's header.
 */
#ifndef WATTUNE_MEASURE_DRIVER_NVML_ABI_H
#define WATTUNE_MEASURE_DRIVER_NVML_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef void *nvml_handle; /* opaque: never dereferenced */

struct nvml_pci_info {
    char bus_id_legacy[16];
    unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
};
struct nvml_utilization {
    unsigned gpu_percent, memory_percent;
};
struct nvml_memory {
    unsigned long long total_bytes, free_bytes, used_bytes;
};
struct nvml_process { /* of the _v2 and _v3 entry points; the plain one has 16-byte entries */
    unsigned pid;
    unsigned long long used_bytes;
    unsigned gpu_instance, compute_instance;
};

_Static_assert(sizeof(struct nvml_pci_info) == 68, "nvmlPciInfo_t");
_Static_assert(offsetof(struct nvml_pci_info, bus_id) == 36, "nvmlPciInfo_t.busId");
_Static_assert(sizeof(struct nvml_utilization) == 8, "nvmlUtilization_t");
_Static_assert(sizeof(struct nvml_memory) == 24, "nvmlMemory_t");
_Static_assert(sizeof(struct nvml_process) == 24, "nvmlProcessInfo_t");
_Static_assert(offsetof(struct nvml_process, gpu_instance) == 16,
               "nvmlProcessInfo_t.gpuInstanceId");

enum { NVML_CLOCK_SM = 1, NVML_TEMPERATURE_GPU = 0, NVML_NAME_BYTES = 96, NVML_UUID_BYTES = 96 };

enum nvml_throttle_bit {
    NVML_REASON_IDLE = 0x1,
    NVML_REASON_CLOCKS_SETTING = 0x2,
    NVML_THROTTLE_SW_POWER_CAP = 0x4,
    NVML_THROTTLE_HW_SLOWDOWN = 0x8,
    NVML_THROTTLE_SYNC_BOOST = 0x10,
    NVML_THROTTLE_SW_THERMAL = 0x20,
    NVML_THROTTLE_HW_THERMAL = 0x40,
    NVML_THROTTLE_HW_POWER_BRAKE = 0x80,
};

/* Return codes: X(nvml code, our code).  Any other code is WT_E_DRIVER. */
#define NVML_CODES(X)                                                                              \
    X(0, WT_OK)                                                                                    \
    X(1, WT_E_DEVICE_LOST)                                                                         \
    /* unloaded under us */ X(2, WT_E_INVALID) X(3, WT_E_NOT_SUPPORTED) X(4, WT_E_NO_PERMISSION)   \
        X(6, WT_E_NOT_FOUND) X(7, WT_E_RANGE) X(9, WT_E_NO_DEVICE) X(10, WT_E_TIMEOUT)             \
            X(12, WT_E_NO_LIBRARY) X(13, WT_E_NOT_SUPPORTED) X(15, WT_E_DEVICE_LOST)               \
                X(16, WT_E_DEVICE_LOST) X(18, WT_E_NO_DEVICE) X(20, WT_E_NO_MEMORY)                \
                    X(21, WT_E_NO_DATA) X(28, WT_E_DEVICE_LOST)

enum {
    NVML_SUCCESS = 0,
    NVML_NOT_SUPPORTED = 3,
    NVML_INSUFFICIENT_SIZE = 7,
    NVML_FUNCTION_NOT_FOUND = 13
};

/* Entry points: X(REQUIRED or OPTIONAL, member, (arguments), symbols newest first).
 * A driver without a required one cannot be used; a missing optional one answers
 * NVML_FUNCTION_NOT_FOUND. */
#define NVML_ENTRY_POINTS(X)                                                                       \
    X(REQUIRED, init, (void), "nvmlInit_v2", "nvmlInit")                                           \
    X(REQUIRED, shutdown, (void), "nvmlShutdown")                                                  \
    X(REQUIRED, get_count, (unsigned *), "nvmlDeviceGetCount_v2", "nvmlDeviceGetCount")            \
    X(REQUIRED, get_handle_by_index, (unsigned, nvml_handle *), "nvmlDeviceGetHandleByIndex_v2",   \
      "nvmlDeviceGetHandleByIndex")                                                                \
    X(REQUIRED, get_name, (nvml_handle, char *, unsigned), "nvmlDeviceGetName")                    \
    X(REQUIRED, get_uuid, (nvml_handle, char *, unsigned), "nvmlDeviceGetUUID")                    \
    X(OPTIONAL, get_driver_version, (char *, unsigned), "nvmlSystemGetDriverVersion")              \
    X(OPTIONAL, get_library_version, (char *, unsigned), "nvmlSystemGetNVMLVersion")               \
    X(OPTIONAL, get_pci_info, (nvml_handle, struct nvml_pci_info *), "nvmlDeviceGetPciInfo_v3",    \
      "nvmlDeviceGetPciInfo_v2")                                                                   \
    X(OPTIONAL, get_handle_by_uuid, (const char *, nvml_handle *), "nvmlDeviceGetHandleByUUID")    \
    X(OPTIONAL, get_index, (nvml_handle, unsigned *), "nvmlDeviceGetIndex")                        \
    X(OPTIONAL, get_mig_parent, (nvml_handle, nvml_handle *),                                      \
      "nvmlDeviceGetDeviceHandleFromMigDeviceHandle")                                              \
    X(OPTIONAL, get_energy, (nvml_handle, unsigned long long *),                                   \
      "nvmlDeviceGetTotalEnergyConsumption")                                                       \
    X(OPTIONAL, get_power, (nvml_handle, unsigned *), "nvmlDeviceGetPowerUsage")                   \
    X(OPTIONAL, get_limit, (nvml_handle, unsigned *), "nvmlDeviceGetPowerManagementLimit")         \
    X(OPTIONAL, get_enforced_limit, (nvml_handle, unsigned *), "nvmlDeviceGetEnforcedPowerLimit")  \
    X(OPTIONAL, get_default_limit, (nvml_handle, unsigned *),                                      \
      "nvmlDeviceGetPowerManagementDefaultLimit")                                                  \
    X(OPTIONAL, get_limit_range, (nvml_handle, unsigned *, unsigned *),                            \
      "nvmlDeviceGetPowerManagementLimitConstraints")                                              \
    X(OPTIONAL, set_limit, (nvml_handle, unsigned), "nvmlDeviceSetPowerManagementLimit")           \
    X(OPTIONAL, get_temperature, (nvml_handle, int, unsigned *), "nvmlDeviceGetTemperature")       \
    X(OPTIONAL, get_utilization, (nvml_handle, struct nvml_utilization *),                         \
      "nvmlDeviceGetUtilizationRates")                                                             \
    X(OPTIONAL, get_clock, (nvml_handle, int, unsigned *), "nvmlDeviceGetClockInfo")               \
    X(OPTIONAL, get_memory, (nvml_handle, struct nvml_memory *), "nvmlDeviceGetMemoryInfo")        \
    X(OPTIONAL, get_throttle, (nvml_handle, unsigned long long *),                                 \
      "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")       \
    X(OPTIONAL, get_max_clock, (nvml_handle, int, unsigned *), "nvmlDeviceGetMaxClockInfo")        \
    X(OPTIONAL, get_memory_clocks, (nvml_handle, unsigned *, unsigned *),                          \
      "nvmlDeviceGetSupportedMemoryClocks")                                                        \
    X(OPTIONAL, get_sm_clocks, (nvml_handle, unsigned, unsigned *, unsigned *),                    \
      "nvmlDeviceGetSupportedGraphicsClocks")                                                      \
    X(OPTIONAL, lock_clocks, (nvml_handle, unsigned, unsigned), "nvmlDeviceSetGpuLockedClocks")    \
    X(OPTIONAL, reset_clocks, (nvml_handle), "nvmlDeviceResetGpuLockedClocks")                     \
    X(OPTIONAL, get_compute_processes, (nvml_handle, unsigned *, struct nvml_process *),           \
      "nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2")

#endif
