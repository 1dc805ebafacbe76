/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's powercap tree.  The class folder lists parents and children side by side, so one
 * flat pass finds all.
 */
#include "measure/driver/powercap.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

/* "intel-rapl:0" or "intel-rapl:0:1", and nothing else: kernels and test trees have had
 * "intel-rapl:a". */
static int parse_zone(const char *folder, struct powercap_zone *zone)
{
    static const char prefix[] = "intel-rapl:";
    char number[16];
    uint64_t n, m;
    if (strncmp(folder, prefix, sizeof prefix - 1) != 0)
        return WT_E_PARSE;
    const char *text = folder + sizeof prefix - 1, *colon = strchr(text, ':');
    if (colon) {
        if ((size_t)(colon - text) >= sizeof number || parse_u64(colon + 1, 0, 1000, &m))
            return WT_E_PARSE;
        snprintf(number, sizeof number, "%.*s", (int)(colon - text), text);
    }
    if (parse_u64(colon ? number : text, 0, 1000, &n))
        return WT_E_PARSE;
    zone->number = (unsigned)n;
    zone->child = colon ? (int)m : -1;
    return 0;
}

static int fill_zone(const char *class_path, const char *folder, struct powercap_zone *zone)
{
    char path[SYSFS_PATH_LEN];
    if (parse_zone(folder, zone) ||
        snprintf(path, sizeof path, "%s/%s/name", class_path, folder) >= (int)sizeof path ||
        sysfs_read_line(path, zone->name, sizeof zone->name, NULL) || !zone->name[0])
        return WT_E_PARSE;
    if (snprintf(path, sizeof path, "%s/%s/max_energy_range_uj", class_path, folder) >=
            (int)sizeof path ||
        sysfs_read_u64(path, &zone->range_uj, NULL))
        zone->range_uj = 0;
    return snprintf(zone->path, sizeof zone->path, "%s/%s/energy_uj", class_path, folder) <
                   (int)sizeof zone->path
               ? 0
               : WT_E_RANGE;
}

static int by_number(const void *a, const void *b)
{
    const struct powercap_zone *x = a, *y = b;
    return x->number != y->number ? (x->number > y->number) - (x->number < y->number)
                                  : x->child - y->child;
}

unsigned powercap_zones(const char *sysfs, struct powercap_zone zones[], unsigned capacity)
{
    char class_path[SYSFS_PATH_LEN];
    unsigned count = 0;
    if (snprintf(class_path, sizeof class_path, "%s/class/powercap", sysfs) >=
        (int)sizeof class_path)
        return 0;
    DIR *folder = opendir(class_path);
    if (!folder)
        return 0;
    for (struct dirent *entry; count < capacity && (entry = readdir(folder));) {
        struct powercap_zone zone = {0};
        if (fill_zone(class_path, entry->d_name, &zone) == 0)
            zones[count++] = zone;
    }
    closedir(folder);
    qsort(zones, count, sizeof zones[0], by_number);
    return count;
}

int powercap_energy_uj(const struct powercap_zone *zone, uint64_t *energy_uj, struct wt_error *err)
{
    return sysfs_read_u64(zone->path, energy_uj, err);
}
