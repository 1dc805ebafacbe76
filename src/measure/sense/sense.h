/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources of energy readings.  One ops table per source, in one explicit array, tried in its order;
 * a source finds devices, and gives samples and states.  It must not know windows,
 * nor who asks.
 */
#ifndef WATTUNE_MEASURE_SENSE_SENSE_H
#define WATTUNE_MEASURE_SENSE_SENSE_H

#include "base/error.h"
#include "flow/device.h"
#include "flow/sample.h"

struct sense; /* the opened sources and their devices */

struct sense_options {
    const char *nvml_path;     /* NULL: the usual names of NVML's library */
    const char *replay_path;   /* not NULL: a recording instead of devices */
    const char *sysfs_path;    /* NULL: /sys; empty: the host's own devices are not looked for */
    uint32_t sensor_error_ppm; /* calibration of the GPUs' sensors, set by the user; 0: as
                                  published */
};

struct sense_source_ops {
    const char *name;
    bool (*wanted)(const struct sense_options *options);
    /* True when failing to open is an error; otherwise the source is left out while another has
     * devices. */
    bool (*needed)(const struct sense_options *options);
    int (*open)(const struct sense_options *options, void **source, struct wt_error *err);
    void (*close)(void *source);
    unsigned (*count)(void *source);
    int (*device)(void *source, unsigned i, struct wt_device *device, struct wt_error *err);
    int (*energy)(void *source, unsigned i, struct wt_sample *sample, struct wt_error *err);
    int (*state)(void *source, unsigned i, unsigned wanted, struct wt_state *state,
                 struct wt_error *err);
    int (*processes)(void *source, unsigned i, uint32_t pids[], unsigned capacity, unsigned *count,
                     struct wt_error *err);
    int (*mig_parent)(void *source, const char *mig_uuid, unsigned *i, struct wt_error *err);
    void *(*driver)(void *source); /* the vendor's handle, for act/; NULL: nothing to set there */
    void *(*symbol)(void *source,
                    const char *name);   /* beside the vendor's interface; may be NULL */
    const char *(*remark)(void *source); /* a sentence for the user about the devices found; may be
                                            NULL or say nothing */
    void (*versions)(void *source, char driver[80], char library[80]); /* may be NULL */
};

/* Opens every wanted source that there is.  The caller frees *out with sense_close(). */
int sense_open(const struct sense_options *options, struct sense **out, struct wt_error *err);
void sense_close(struct sense *sense);

/* Devices are numbered by position: the GPUs first, NVML's in PCI order, then the host's own
 * devices. */
unsigned sense_device_count(const struct sense *sense);
unsigned sense_gpu_count(const struct sense *sense);

/* Device at position i; borrowed until sense_close().  A device that did not answer when its source
 * was opened has an empty uuid. */
const struct wt_device *sense_device(const struct sense *sense, unsigned i);

/* The remarks of sources about their devices, one sentence each; NULL when i is behind the last. */
const char *sense_remark(const struct sense *sense, unsigned i);

/* One reading of the energy counter: WT_E_NOT_SUPPORTED when the device has none.  sample->t_ns is
 * when the call returned, lag_ns how old the value may be: the call's own length is part of it. */
int sense_energy(struct sense *sense, unsigned i, struct wt_sample *sample, struct wt_error *err);

/* Reads the state of a device besides energy: the fields of `wanted` (enum wt_state_field) that it
 * supports. */
int sense_state(struct sense *sense, unsigned i, unsigned wanted, struct wt_state *state,
                struct wt_error *err);

/* Processes that compute on the device now. */
int sense_processes(struct sense *sense, unsigned i, uint32_t pids[], unsigned capacity,
                    unsigned *count, struct wt_error *err);

/* The position of the GPU that a MIG instance ("MIG-...") is part of. */
int sense_mig_parent(struct sense *sense, const char *mig_uuid, unsigned *i, struct wt_error *err);

/* The vendor's handle behind device i (of the source "nvml": struct nvml *), NULL when nothing can
 * be set there.  *source_name (struct sense_source_ops; may be NULL) tells whose handle it is. */
void *sense_device_driver(struct sense *sense, unsigned i, const char **source_name);

/* The versions of the GPUs' driver and of its library for us; "" where they are not told. */
void sense_versions(struct sense *sense, char driver[80], char library[80]);

/* A symbol of the GPUs' library beside the vendor's interface (a virtual machine has some); NULL:
 * no such thing. */
void *sense_symbol(struct sense *sense, const char *name);

/* The machine's clock when it has its own (a virtual machine); NULL: CLOCK_MONOTONIC. */
int64_t (*sense_clock(struct sense *sense))(void);

/* --- Which devices --- */

/* `gpus` (--gpus; NULL: not given) or else `visible` (CUDA_VISIBLE_DEVICES; NULL: not set) with
 * `order` (CUDA_DEVICE_ORDER) -> the GPUs meant, as positions.  `words`, when not empty afterwards,
 * is a remark for the user.  WT_E_NO_DEVICE when one does not exist or none is left. */
int sense_select(struct sense *sense, const char *gpus, const char *visible, const char *order,
                 unsigned selected[WT_MAX_DEVICES], unsigned *count, char words[256],
                 struct wt_error *err);

/* The sources, NULL-terminated, in probe order. */
extern const struct sense_source_ops *const sense_sources[];
extern const struct sense_source_ops sense_nvml, sense_replay, sense_rapl, sense_hwmon;

#endif
