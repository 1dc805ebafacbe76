// SPDX-License-Identifier: Apache-2.0
// The part of NVML's binary interface that the virtual library implements: numbers, struct layouts,
// names. Written from those facts; nothing here is taken from another header. Layouts are for
// 64-bit Linux and pinned by assertions. Member names are this project's own, with units.
#ifndef VGPU_NVML_ABI_H
#define VGPU_NVML_ABI_H

#include <stddef.h>
#include <stdint.h>

#define VGPU_API __attribute__((visibility("default")))

typedef struct nvml_device *nvmlDevice_t;
typedef struct nvml_event_set *nvmlEventSet_t;

typedef enum {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NO_PERMISSION = 4,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
    NVML_ERROR_DRIVER_NOT_LOADED = 9,
    NVML_ERROR_TIMEOUT = 10,
    NVML_ERROR_GPU_IS_LOST = 15,
    NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18,
    NVML_ERROR_MEMORY = 20,
    NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
    NVML_ERROR_UNKNOWN = 999,
} nvmlReturn_t;

#define NVML_VERSIONED(type, number) ((unsigned)sizeof(type) | (number) << 24)
#define NVML_NO_VALUE 0xffffffffu

// clang-format off
enum { NVML_CLOCK_GRAPHICS, NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_CLOCK_VIDEO };
enum { NVML_CLOCK_ID_CURRENT, NVML_CLOCK_ID_APP_TARGET, NVML_CLOCK_ID_APP_DEFAULT, NVML_CLOCK_ID_CUSTOMER_MAX };
#define NVML_CLOCK_LIMIT_TDP 0xffffff01u
#define NVML_CLOCK_LIMIT_UNLIMITED 0xffffff02u
enum { NVML_THRESHOLD_SHUTDOWN, NVML_THRESHOLD_SLOWDOWN, NVML_THRESHOLD_MEM_MAX, NVML_THRESHOLD_GPU_MAX };
enum { NVML_SAMPLES_POWER, NVML_SAMPLES_GPU, NVML_SAMPLES_MEMORY, NVML_SAMPLES_ENC, NVML_SAMPLES_DEC,
       NVML_SAMPLES_SM_CLOCK, NVML_SAMPLES_MEMORY_CLOCK };
enum { NVML_VALUE_DOUBLE, NVML_VALUE_UINT, NVML_VALUE_ULONG, NVML_VALUE_ULL, NVML_VALUE_SLL, NVML_VALUE_SINT };
enum {
    NVML_FIELD_PERF_POWER = 74, NVML_FIELD_PERF_THERMAL = 75, NVML_FIELD_PERF_LAST = 81,
    NVML_FIELD_MEMORY_TEMP = 82, NVML_FIELD_ENERGY_SINCE_RELOAD = 83,
    NVML_FIELD_POWER_AVERAGE = 185, NVML_FIELD_POWER_INSTANT = 186, NVML_FIELD_LIMIT_MIN = 187,
    NVML_FIELD_LIMIT_MAX = 188, NVML_FIELD_LIMIT_DEFAULT = 189, NVML_FIELD_LIMIT_ENFORCED = 190,
    NVML_FIELD_ENERGY = 191, NVML_FIELD_LIMIT_REQUESTED = 192,
    NVML_FIELD_MARGIN_SHUTDOWN = 193, NVML_FIELD_MARGIN_GPU_MAX = 196,
    NVML_FIELD_PCIE_TX_BYTES = 197, NVML_FIELD_PCIE_RX_BYTES = 198,
};
enum { NVML_POLICY_POWER, NVML_POLICY_THERMAL, NVML_POLICY_SYNC, NVML_POLICY_BOARD, NVML_POLICY_LOW_USE,
       NVML_POLICY_RELIABILITY, NVML_POLICY_ALL_APPLICATION = 10, NVML_POLICY_ALL_BASE = 11 };
// clang-format on

#define NVML_REASON_IDLE 0x1ull
#define NVML_REASON_APPLICATION_CLOCKS 0x2ull
#define NVML_REASON_SW_POWER_CAP 0x4ull
#define NVML_REASON_HW_SLOWDOWN 0x8ull
#define NVML_REASON_HW_THERMAL 0x40ull
#define NVML_REASONS_SUPPORTED 0x1ffull
#define NVML_EVENTS_SUPPORTED 0x1full

typedef struct {
    char bus_id_legacy[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
} nvmlPciInfo_t;
_Static_assert(sizeof(nvmlPciInfo_t) == 68 && offsetof(nvmlPciInfo_t, bus_id) == 36, "layout");

// The second version of the call ends before the long bus id.
typedef struct {
    char bus_id[16];
    unsigned domain, bus, device, device_id, subsystem_id, reserved[4];
} nvmlPciInfo_v2_t;
_Static_assert(sizeof(nvmlPciInfo_v2_t) == 52, "layout");

typedef struct {
    unsigned version, domain, bus, device, device_id, subsystem_id, base_class, sub_class;
    char bus_id[32];
} nvmlPciInfoExt_t;
_Static_assert(sizeof(nvmlPciInfoExt_t) == 64, "layout");

typedef struct {
    unsigned gpu_percent, memory_percent;
} nvmlUtilization_t;
_Static_assert(sizeof(nvmlUtilization_t) == 8, "layout");

typedef struct {
    uint64_t total_bytes, free_bytes, used_bytes; // used includes the driver's reserve
} nvmlMemory_t;
_Static_assert(sizeof(nvmlMemory_t) == 24, "layout");

typedef struct {
    unsigned version;
    uint64_t total_bytes, reserved_bytes, free_bytes, used_bytes;
} nvmlMemory_v2_t;
_Static_assert(sizeof(nvmlMemory_v2_t) == 40 && offsetof(nvmlMemory_v2_t, total_bytes) == 8,
               "layout");

typedef struct {
    uint64_t total_bytes, free_bytes, used_bytes;
} nvmlBAR1Memory_t;
_Static_assert(sizeof(nvmlBAR1Memory_t) == 24, "layout");

typedef struct {
    unsigned pid;
    uint64_t used_bytes;
} nvmlProcessInfo_v1_t;
_Static_assert(sizeof(nvmlProcessInfo_v1_t) == 16, "layout");

typedef struct {
    unsigned pid;
    uint64_t used_bytes;
    unsigned gpu_instance, compute_instance;
} nvmlProcessInfo_v2_t;
_Static_assert(sizeof(nvmlProcessInfo_v2_t) == 24, "layout");

typedef struct {
    unsigned pid;
    uint64_t used_bytes;
    unsigned gpu_instance, compute_instance;
    uint64_t protected_bytes;
} nvmlProcessDetail_t;
_Static_assert(sizeof(nvmlProcessDetail_t) == 32, "layout");

typedef struct {
    unsigned version, mode, count;
    nvmlProcessDetail_t *processes;
} nvmlProcessDetailList_t;
_Static_assert(sizeof(nvmlProcessDetailList_t) == 24, "layout");

typedef struct {
    unsigned pid;
    uint64_t time_us;
    unsigned sm_percent, memory_percent, encoder_percent, decoder_percent;
} nvmlProcessUtilizationSample_t;
_Static_assert(sizeof(nvmlProcessUtilizationSample_t) == 32, "layout");

typedef struct {
    uint64_t time_us;
    unsigned pid, sm_percent, memory_percent, encoder_percent, decoder_percent, jpg_percent,
        ofa_percent;
} nvmlProcessUtilizationInfo_t;
_Static_assert(sizeof(nvmlProcessUtilizationInfo_t) == 40, "layout");

typedef struct {
    unsigned version, count;
    uint64_t last_seen_us;
    nvmlProcessUtilizationInfo_t *processes;
} nvmlProcessesUtilizationInfo_t;
_Static_assert(sizeof(nvmlProcessesUtilizationInfo_t) == 24, "layout");

typedef union {
    double d;
    int si;
    unsigned ui;
    uint64_t ull;
    int64_t sll;
} nvmlValue_t;
_Static_assert(sizeof(nvmlValue_t) == 8, "layout");

typedef struct {
    uint64_t time_us;
    nvmlValue_t value;
} nvmlSample_t;
_Static_assert(sizeof(nvmlSample_t) == 16, "layout");

typedef struct {
    unsigned field, scope;
    int64_t time_us, latency_us;
    unsigned value_type;
    nvmlReturn_t result;
    nvmlValue_t value;
} nvmlFieldValue_t;
_Static_assert(sizeof(nvmlFieldValue_t) == 40 && offsetof(nvmlFieldValue_t, value) == 32, "layout");

typedef struct {
    uint64_t reference_us, violation_ns;
} nvmlViolationTime_t;
_Static_assert(sizeof(nvmlViolationTime_t) == 16, "layout");

typedef struct {
    unsigned gpu_percent, memory_percent;
    uint64_t most_memory_bytes, time_ms, start_us;
    unsigned running, reserved[5];
} nvmlAccountingStats_t;
_Static_assert(sizeof(nvmlAccountingStats_t) == 56 &&
                   offsetof(nvmlAccountingStats_t, running) == 32,
               "layout");

typedef struct {
    nvmlDevice_t device;
    uint64_t type, data;
    unsigned gpu_instance, compute_instance;
} nvmlEventData_t;
_Static_assert(sizeof(nvmlEventData_t) == 32, "layout");

typedef struct {
    unsigned version, sensor;
    int celsius;
} nvmlTemperature_t;
_Static_assert(sizeof(nvmlTemperature_t) == 12, "layout");

typedef struct {
    unsigned version;
    int margin_k;
} nvmlMarginTemperature_t;
_Static_assert(sizeof(nvmlMarginTemperature_t) == 8, "layout");

typedef struct {
    unsigned version;
    uint8_t scope;
    unsigned power_mw;
} nvmlPowerValue_v2_t;
_Static_assert(sizeof(nvmlPowerValue_v2_t) == 12 && offsetof(nvmlPowerValue_v2_t, power_mw) == 8,
               "layout");

typedef struct {
    unsigned version, type;
    char value[41]; // a UUID as text, or 16 bytes of one
} nvmlUUID_t;
_Static_assert(sizeof(nvmlUUID_t) == 52, "layout");

typedef struct {
    uint64_t protected_kib, unprotected_kib;
} nvmlConfComputeMemSizeInfo_t;
_Static_assert(sizeof(nvmlConfComputeMemSizeInfo_t) == 16, "layout");

// The implemented entry points, in nvml_*.c; symbols.h names all the others.
#define NVML_FUNCTION(name, ...) VGPU_API nvmlReturn_t name(__VA_ARGS__)
VGPU_API const char *nvmlErrorString(nvmlReturn_t result);
#include "nvml_functions.h"

#endif
