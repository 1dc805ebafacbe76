/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's hwmon class: the chips of a machine, and the contents of their files.  hwmonN is
 * numbered anew at each boot, so a chip is known by its driver's name and the device behind it.  It
 * must not know the meaning of any chip.
 */
#ifndef WATTUNE_MEASURE_DRIVER_HWMON_H
#define WATTUNE_MEASURE_DRIVER_HWMON_H

#include <stdbool.h>

#include "measure/driver/sysfs.h"

enum { HWMON_CHIPS_MOST = 128, HWMON_NAME_LEN = 48 };

struct hwmon_chip {
    char name[HWMON_NAME_LEN]; /* of the driver: amdgpu, i915, xe, power_meter */
    char device[64]; /* last part of the device's path: "0000:03:00.0" for PCI; empty: not told */
    char path[SYSFS_PATH_LEN]; /* the chip's folder; the device's is path/device */
};

/* The chips below `sysfs` in the order of their devices; returns how many. */
unsigned hwmon_chips(const char *sysfs, struct hwmon_chip chips[], unsigned capacity);

/* A file of the chip, such as "power1_average" or "device/gpu_busy_percent"; errors as
 * sysfs_read_u64(). */
int hwmon_read_u64(const struct hwmon_chip *chip, const char *file, uint64_t *value,
                   struct wt_error *err);
int hwmon_read_line(const struct hwmon_chip *chip, const char *file, char text[], size_t size,
                    struct wt_error *err);

/* True when the file can be read now, or might be at another moment (it is there, but the card is
 * asleep or busy). */
bool hwmon_has(const struct hwmon_chip *chip, const char *file);

#endif
