/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files of /sys: a line, a number.  Nothing in them is trusted, since the root of the tree
 * can be set to a folder that anybody wrote.
 */
#ifndef WATTUNE_MEASURE_DRIVER_SYSFS_H
#define WATTUNE_MEASURE_DRIVER_SYSFS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { SYSFS_PATH_LEN = 512 };

/* The file's first line without its end.  WT_E_NO_PERMISSION: it may not be read (by us, or now: a
 * card that is being reset says so too); WT_E_DEVICE_LOST: it is gone; WT_E_RANGE: the line does
 * not fit; WT_E_IO: the rest. */
int sysfs_read_line(const char *path, char text[], size_t size, struct wt_error *err);

/* The same, which must be a whole number from 0 on: WT_E_PARSE when it is not. */
int sysfs_read_u64(const char *path, uint64_t *value, struct wt_error *err);

#endif
