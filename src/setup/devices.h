/* SPDX-License-Identifier: Apache-2.0
 *
 * From the options to opened devices: the virtual GPU's library, another NVML, a recording, or the
 * machine's own.
 */
#ifndef WATTUNE_SETUP_DEVICES_H
#define WATTUNE_SETUP_DEVICES_H

#include <limits.h>

#include "setup/setup.h"
#include "measure/sense/sense.h"

struct devices {
    struct sense_options options;
    struct sense *sense;
    unsigned count, gpu_count; /* the selected GPUs come first, then the other measured devices */
    unsigned selected[WT_MAX_DEVICES];
    const char *env[4]; /* for a command that is started: "NAME=value", NULL-terminated */
    char env_vgpu[4200], env_library_path[8400];
    char library[4200];
};

/* Opens the devices that the options name, takes their clock, selects the GPUs, logs remarks;
 * with `recover` it puts back the settings that a killed run left, which a command that writes
 * nothing to a device must not. */
int devices_open(struct devices *devices, const struct setup *setup, bool recover,
                 struct wt_error *err);
/* WT_E_NO_DEVICE for a command that is about GPUs, on a machine that has only other devices. */
int devices_need_gpu(const struct devices *devices, struct wt_error *err);

/* After a limit was set by hand: says so when the machine is a virtual one that ends with this
 * process. */
void devices_say_if_forgotten(const struct devices *devices);

/* The folder of the virtual GPU's library: beside the program in the build folder, or below the
 * library folder it was installed with. */
int devices_vgpu_folder(char folder[PATH_MAX], struct wt_error *err);

void devices_close(struct devices *devices);

#endif
