/* SPDX-License-Identifier: Apache-2.0
 *
 * NVIDIA's management library, opened when needed.  This file owns every call into it: load, call,
 * check the code that came back, name the failure in a sentence.  It must not know any policy:
 * others decide on the device, the limit and the moment.
 *
 * Handles are of NVML's and live as long as the library stays initialised.
 */
#ifndef WATTUNE_MEASURE_DRIVER_NVML_H
#define WATTUNE_MEASURE_DRIVER_NVML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "flow/device.h"

struct nvml;

/* Loads `path`, or libnvidia-ml.so.1 and then libnvidia-ml.so when it is NULL, and initialises it.
 * WT_E_NO_LIBRARY: there is none, or an entry point we cannot do without is missing;
 * WT_E_NO_DEVICE: there is no driver behind it.  The caller frees *out with nvml_close(). */
int nvml_open(const char *path, struct nvml **out, struct wt_error *err);
void nvml_close(struct nvml *nvml);

/* The address of a symbol of the library beside NVML's own; NULL when it has none (a real driver).
 */
void *nvml_symbol(struct nvml *nvml, const char *name);

/* The versions of the driver and of the library; "" where they are not told. */
void nvml_versions(struct nvml *nvml, char driver[80], char library[80]);

unsigned nvml_device_count(struct nvml *nvml);

/* Fills identity, limits (0 when the driver does not tell) and has_energy_counter of device
 * `index`. */
int nvml_device(struct nvml *nvml, unsigned index, struct wt_device *device, struct wt_error *err);

/* The index of the GPU that a MIG instance ("MIG-...") is part of. */
int nvml_mig_parent(struct nvml *nvml, const char *mig_uuid, unsigned *index, struct wt_error *err);

/* Cumulative energy since the driver was loaded. */
int nvml_energy_mj(struct nvml *nvml, unsigned index, uint64_t *energy_mj, struct wt_error *err);

/* Reads the state of a device; state->known leaves out the fields that it does not support.
 * Fails only when the device is lost or nothing at all can be read.  t_ns is left to the caller. */
int nvml_state(struct nvml *nvml, unsigned index, unsigned wanted, struct wt_state *state,
               struct wt_error *err);

int nvml_limit_mw(struct nvml *nvml, unsigned index, uint32_t *limit_mw, struct wt_error *err);

/* Needs root or CAP_SYS_ADMIN.  The driver rounds nothing and clamps nothing: out of range is
 * WT_E_INVALID. */
int nvml_set_limit_mw(struct nvml *nvml, unsigned index, uint32_t limit_mw, struct wt_error *err);

/* The processes that compute on the device: at most `capacity` are written, *count is how many
 * there are. */
int nvml_compute_processes(struct nvml *nvml, unsigned index, uint32_t pids[], unsigned capacity,
                           unsigned *count, struct wt_error *err);

/* --- SM clocks; MHz --- */

struct nvml_clock_range {
    unsigned min_mhz, max_mhz;
};

/* The clocks that a device can run at; min is 0 where it lists none.  WT_E_NOT_SUPPORTED: it does
 * not tell the highest either. */
int nvml_sm_clock_range(struct nvml *nvml, unsigned index, struct nvml_clock_range *range,
                        struct wt_error *err);

/* Holds the SM clock within a range (nvmlDeviceSetGpuLockedClocks); needs root or CAP_SYS_ADMIN.
 * NVML has no call that reads the lock. */
int nvml_lock_sm_clock(struct nvml *nvml, unsigned index, struct nvml_clock_range range,
                       struct wt_error *err);

/* Lifts the lock (nvmlDeviceResetGpuLockedClocks). */
int nvml_reset_sm_clock(struct nvml *nvml, unsigned index, struct wt_error *err);

/* Signs of a lock: the driver's reasons for the current clock, and that clock. */
struct nvml_clock_signs {
    bool idle;         /* the device says that nothing runs: its clock means nothing */
    bool by_setting;   /* reason 0x2, applications clocks setting */
    bool by_something; /* any other reason that lowers the clock */
    unsigned sm_mhz;   /* 0: not told */
};
int nvml_clock_signs(struct nvml *nvml, unsigned index, struct nvml_clock_signs *signs,
                     struct wt_error *err);

#endif
