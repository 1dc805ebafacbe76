/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's powercap tree: which RAPL zones a machine has, and one read of a zone's counter.  It
 * must not know which zones are added up, nor that a counter wraps.  The tree is only ever read.
 */
#ifndef WATTUNE_MEASURE_DRIVER_POWERCAP_H
#define WATTUNE_MEASURE_DRIVER_POWERCAP_H

#include "measure/driver/sysfs.h"

enum { POWERCAP_ZONES_MOST = 64, POWERCAP_NAME_LEN = 48 };

struct powercap_zone {
    unsigned number;              /* N of intel-rapl:N */
    int child;                    /* M of intel-rapl:N:M; -1: the zone itself */
    char name[POWERCAP_NAME_LEN]; /* as the kernel calls it: package-0, package-0-die-1, dram, core,
                                     psys */
    uint64_t range_uj;            /* the counter's largest value; 0: not told */
    char path[SYSFS_PATH_LEN];    /* of its energy_uj */
};

/* The zones of the control type intel-rapl (AMD has the same) below `sysfs`, in the order of their
 * numbers.  A folder whose name is not a zone's, or that has no `name`, is left out; so is
 * intel-rapl-mmio, which shows package 0 a second time.  Returns how many; 0 when there is no tree.
 */
unsigned powercap_zones(const char *sysfs, struct powercap_zone zones[], unsigned capacity);

/* The counter now, in microjoules; errors as sysfs_read_u64(). */
int powercap_energy_uj(const struct powercap_zone *zone, uint64_t *energy_uj, struct wt_error *err);

#endif
