// SPDX-License-Identifier: Apache-2.0
// The common part of all entry points that name a device: one call to look at the GPU (a consistent
// copy of its state at one moment) or one to change it. It checks the arguments, takes the call's
// time and asks for permission; planned faults of calls act here too, since every call passes with
// its name.
#ifndef VGPU_VIEW_H
#define VGPU_VIEW_H

#include "nvml_abi.h"
#include "state.h"

// Kinds of latency that calls have on a real card; in force when the machine file says latency =
// real.
enum call_cost {
    COST_NONE,
    COST_SENSOR, // power, energy, field values: the driver asks the card's own controller
    COST_UTILIZATION,
    COST_MEMORY,
    COST_PROCESSES,
    COST_FAN,
    COST_PCIE_THROUGHPUT, // counts over a window of its own
    COST_SET,
};

struct view {
    unsigned index;
    const struct vgpu_model *model;
    struct gpu_fixed fixed;
    struct gpu_core core;
    int64_t now_ns, real_us; // the moment on the machine's clock, and CLOCK_REALTIME
    double temperature_c, capped_s;
    uint32_t enforced_mw, sm_mhz, highest_sm_mhz;
    bool thermal; // a thermal slowdown is in force
};

// Fills view for the calling function (name is its __func__). NVML_SUCCESS, or the
// code that the caller must return. out is the client's pointer: NULL is an invalid argument.
nvmlReturn_t view_look(nvmlDevice_t device, const void *out, enum call_cost cost, const char *name,
                       struct view *view);

// Runs change on the GPU's state within one transaction. NO_PERMISSION when the machine's
// file says so.
typedef nvmlReturn_t view_change_fn(struct gpu_state *gpu, struct gpu_core *core, void *arg);
nvmlReturn_t view_change(nvmlDevice_t device, const char *name, view_change_fn *change, void *arg);

// Runs read on the GPU's state (the ring included) without changing it.
nvmlReturn_t view_read(nvmlDevice_t device, enum call_cost cost, const char *name,
                       view_change_fn *read, void *arg);

nvmlDevice_t view_handle(unsigned index);
// view_handle() for a client that asks for it: a lost GPU has none.
nvmlReturn_t view_give_handle(unsigned index, nvmlDevice_t *device);
// How many GPUs the machine has; 0 and an error when NVML is not initialised.
nvmlReturn_t view_count(unsigned *count);

// CLOCK_REALTIME microseconds of a moment on the machine's clock near the view's.
uint64_t view_real_us(const struct view *view, int64_t machine_ns);

// Copies text to a client's buffer; NVML_ERROR_INSUFFICIENT_SIZE when it does not fit with its NUL.
nvmlReturn_t view_text(const char *text, char *buffer, unsigned size);

unsigned view_utilization(const struct view *view);
unsigned view_memory_utilization(const struct view *view);
uint64_t view_memory_used(const struct view *view);
uint64_t view_reasons(const struct view *view);
unsigned view_memory_mhz(const struct view *view);

#define VIEW_PROCESS_BYTES (812ULL << 20) // a context and a modest model

// Returns from the entry point unless the look went well.
#define LOOK(device, out, cost, view)                                                              \
    do {                                                                                           \
        nvmlReturn_t looked = view_look(device, out, cost, __func__, view);                        \
        if (looked != NVML_SUCCESS)                                                                \
            return looked;                                                                         \
    } while (0)

#endif
