/* SPDX-License-Identifier: Apache-2.0
 *
 * The source "rapl": processor packages and their memory through powercap
 * (measure/driver/powercap.h).  It decides on the zones to add up: packages (or their dies) and
 * DRAM. Cores and uncore are inside their package, and psys holds the packages, so none of these is
 * a device.
 *
 * A zone's counter wraps at the range of that zone; here it becomes one that only grows.  A failed
 * read changes nothing, so that it can never look like a wrap.
 */
#include "base/clock.h"
#include "measure/driver/powercap.h"
#include "measure/sense/sense.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The counters move about every millisecond. */
static const int64_t TICK_NS = NS_PER_MS;

/* No package draws this.  A counter that went back although no wrap can explain it was set back (a
 * suspend does). */
static const double IMPOSSIBLE_W = 5000;

struct meter_zone {
    struct powercap_zone zone;
    struct wt_device device;
    bool has_read;
    int64_t read_ns;
    uint64_t read_uj, total_uj; /* raw, and unwrapped: starts as the raw one */
};

struct rapl_source {
    unsigned count;
    char remark[480]; /* about files that only root may read */
    struct meter_zone zones[POWERCAP_ZONES_MOST];
};

static bool is_psys(const struct powercap_zone *zone)
{
    return strcmp(zone->name, "psys") == 0;
}

/* The zone whose child this is; NULL when the tree does not have it. */
static const struct powercap_zone *parent_of(const struct powercap_zone zones[], unsigned count,
                                             const struct powercap_zone *zone)
{
    for (unsigned i = 0; i < count; i++)
        if (zones[i].child < 0 && zones[i].number == zone->number)
            return &zones[i];
    return NULL;
}

/* A zone as a device; false when it is a part of another one, or nothing we know. */
static bool identify(const struct powercap_zone zones[], unsigned count,
                     const struct powercap_zone *zone, struct wt_device *device)
{
    if (zone->child < 0 && strncmp(zone->name, "package-", 8) == 0) {
        device->kind = WT_DEVICE_CPU;
        snprintf(device->name, sizeof device->name, "%s", zone->name);
        snprintf(device->uuid, sizeof device->uuid, "cpu-%s", zone->name);
        return true;
    }
    const struct powercap_zone *parent = zone->child < 0 ? NULL : parent_of(zones, count, zone);
    if (strcmp(zone->name, "dram") != 0 || (parent && is_psys(parent)))
        return false;
    device->kind = WT_DEVICE_DRAM;
    snprintf(device->name, sizeof device->name, parent ? "dram of %s" : "dram",
             parent ? parent->name : "");
    snprintf(device->uuid, sizeof device->uuid, parent ? "dram-%s" : "dram",
             parent ? parent->name : "");
    return true;
}

static void remark(struct rapl_source *source, const struct meter_zone *zone)
{
    if (!source->remark[0])
        snprintf(source->remark, sizeof source->remark,
                 "%.120s is only for root, so the energy of processors and memory is unknown; root "
                 "can open it to all users "
                 "by this line in /etc/udev/rules.d/70-wattune.rules: ACTION==\"add\", "
                 "SUBSYSTEM==\"powercap\", "
                 "KERNEL==\"intel-rapl:*\", RUN+=\"/bin/chmod a+r /sys%%p/energy_uj\"",
                 zone->zone.path);
}

static bool is_listed(const struct rapl_source *source, const char *uuid)
{
    for (unsigned i = 0; i < source->count; i++)
        if (strcmp(source->zones[i].device.uuid, uuid) == 0)
            return true;
    return false;
}

static void add_zone(struct rapl_source *source, const struct powercap_zone zones[], unsigned count,
                     unsigned i, unsigned of_kind[3])
{
    struct meter_zone added = {.zone = zones[i]};
    uint64_t energy_uj;
    if (!identify(zones, count, &zones[i], &added.device) || is_listed(source, added.device.uuid))
        return; /* two zones of one name are two ways to one counter */
    added.device.index = of_kind[added.device.kind]++;
    added.device.counter_tick_ns = TICK_NS;
    /* An unreadable zone stays in the list with an energy that is unknown: leaving it out would
     * make a sum look whole. */
    int rc = powercap_energy_uj(&zones[i], &energy_uj, NULL);
    added.device.has_energy_counter = rc != WT_E_NO_PERMISSION;
    if (rc == WT_E_NO_PERMISSION)
        remark(source, &added);
    source->zones[source->count++] = added;
}

static bool wanted(const struct sense_options *options)
{
    return !options->replay_path && (!options->sysfs_path || options->sysfs_path[0]);
}

static bool needed(const struct sense_options *options)
{
    (void)options;
    return false;
}

static int open_source(const struct sense_options *options, void **out, struct wt_error *err)
{
    /* Not cleared: memory for zones that are not there stays untouched. */
    struct powercap_zone *zones = malloc(POWERCAP_ZONES_MOST * sizeof *zones);
    struct rapl_source *source = malloc(sizeof *source);
    int rc = 0;
    if (!zones || !source) {
        rc = error_set(err, WT_E_NO_MEMORY, "look for RAPL counters: out of memory");
    } else {
        unsigned of_kind[3] = {0};
        source->count = 0;
        source->remark[0] = '\0';
        unsigned count = powercap_zones(options->sysfs_path ? options->sysfs_path : "/sys", zones,
                                        POWERCAP_ZONES_MOST);
        for (unsigned i = 0; i < count; i++)
            add_zone(source, zones, count, i, of_kind);
        if (source->count == 0) /* virtual machines and containers: nothing to be sorry for */
            rc = error_set(err, WT_E_NO_DEVICE, "this machine shows no RAPL counters");
    }
    free(zones);
    if (rc)
        free(source);
    else
        *out = source;
    return rc;
}

static unsigned count(void *source)
{
    return ((struct rapl_source *)source)->count;
}

static int device(void *source, unsigned i, struct wt_device *found, struct wt_error *err)
{
    (void)err;
    *found = ((struct rapl_source *)source)->zones[i].device;
    return 0;
}

/* The step from the reading before to this one; false when the counter was set back. */
static bool step_uj(const struct meter_zone *zone, uint64_t now_uj, int64_t now_ns, uint64_t *step)
{
    if (now_uj >= zone->read_uj) {
        *step = now_uj - zone->read_uj;
        return true;
    }
    if (zone->zone.range_uj < zone->read_uj) /* not told, or wrong: a wrap cannot be worked out */
        return false;
    *step = zone->zone.range_uj - zone->read_uj + now_uj;
    double length_s = (double)(now_ns - zone->read_ns) / (double)NS_PER_S;
    return (double)*step / 1e6 <=
           IMPOSSIBLE_W * (length_s + 0.01); /* 10 ms: updates come in lumps */
}

static int energy(void *opaque, unsigned i, struct wt_sample *sample, struct wt_error *err)
{
    struct meter_zone *zone = &((struct rapl_source *)opaque)->zones[i];
    struct wt_sample read = {
        .t_ns = clock_now_ns(), .lag_ns = TICK_NS, .source = WT_SOURCE_COUNTER};
    uint64_t now_uj, step;
    int rc = powercap_energy_uj(&zone->zone, &now_uj, err);
    if (rc)
        return error_prefix(err, "%s", zone->device.name);
    if (zone->has_read && step_uj(zone, now_uj, read.t_ns, &step)) {
        zone->total_uj += step;
    } else {
        if (zone->has_read)
            read.quality = WT_QUALITY_RESET;
        zone->total_uj = now_uj;
    }
    zone->has_read = true;
    zone->read_ns = read.t_ns;
    zone->read_uj = now_uj;
    read.energy_mj = zone->total_uj / 1000;
    read.energy_error_mj = 1; /* lost by the division */
    *sample = read;
    return 0;
}

static int state(void *source, unsigned i, unsigned fields, struct wt_state *found,
                 struct wt_error *err)
{
    struct wt_sample sample;
    if (!(fields & WT_STATE_ENERGY))
        return error_set(err, WT_E_NOT_SUPPORTED, "RAPL tells energy only");
    int rc = energy(source, i, &sample, err);
    if (rc == 0)
        *found = (struct wt_state){
            .t_ns = sample.t_ns, .known = WT_STATE_ENERGY, .energy_mj = sample.energy_mj};
    return rc;
}

static const char *remark_of(void *source)
{
    return ((struct rapl_source *)source)->remark;
}

const struct sense_source_ops sense_rapl = {
    .name = "rapl",
    .wanted = wanted,
    .needed = needed,
    .open = open_source,
    .close = free,
    .count = count,
    .device = device,
    .energy = energy,
    .state = state,
    .remark = remark_of,
};
