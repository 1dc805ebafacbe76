/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of a fleet: every watched GPU with the runs that had it.  GPUs go by their UUID, since
 * an index is one thing in a container and another outside.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/attribution.h"
#include "account/ledger/columns.h"
#include "account/ledger/names.h"

struct device {
    struct wt_fleet_device row;
    const char *uuid; /* interned; NULL: no such device */
    bool watched;
};

struct run {
    const char *uuid;
    struct attributed_run run;
};

struct fleet {
    struct ledger *ledger;
    int64_t from_hour, to_hour;
    struct names names;
    struct device *devices; /* by number */
    int64_t device_count;
    struct run *runs; /* by UUID */
    struct attributed_run *of_device;
    size_t run_count, run_room;
    struct attributed_stretch *stretches; /* of one device */
    size_t stretch_count, stretch_room;
    struct ledger_lines lines;
    size_t line_room;
    struct wt_error *err;
};

static int no_memory(struct fleet *fleet)
{
    return error_set(fleet->err, WT_E_NO_MEMORY, "read the ledger: out of memory");
}

/* Room for one more item behind count; NULL: there is no memory. */
static void *room_for(void **items, size_t count, size_t *room, size_t size)
{
    if (count == *room) {
        size_t more = *room ? 2 * *room : 64;
        void *grown = reallocarray(*items, more, size);
        if (!grown)
            return NULL;
        *items = grown;
        *room = more;
    }
    return (char *)*items + count * size;
}

static struct device *device_of(const struct fleet *fleet, int64_t id)
{
    return id >= 0 && id < fleet->device_count && fleet->devices[id].uuid ? &fleet->devices[id]
                                                                          : NULL;
}

/* Once it is known how many there are. */
static int make_devices(struct fleet *fleet, int64_t most)
{
    enum { DEVICES_MOST = 1 << 24 };
    if (fleet->devices)
        return 0;
    if (most < 0 || most > DEVICES_MOST)
        return error_set(fleet->err, WT_E_LEDGER,
                         "the ledger numbers its devices up to %lld: it is damaged",
                         (long long)most);
    fleet->devices = calloc((size_t)most + 1, sizeof *fleet->devices);
    if (!fleet->devices)
        return no_memory(fleet);
    fleet->device_count = most + 1;
    return 0;
}

static int read_devices(struct fleet *fleet)
{
    struct query *query = ledger_query(fleet->ledger, SQL_FLEET_DEVICES);
    int rc;
    while ((rc = query_step(query, fleet->err)) > 0) {
        char own[32];
        if ((rc = make_devices(fleet, query_int(query, -1))))
            return rc;
        int64_t id = query_int(query, -1);
        struct device *device = id >= 0 && id < fleet->device_count ? &fleet->devices[id] : NULL;
        if (!device)
            continue;
        struct wt_fleet_device *row = &device->row;
        FLEET_DEVICE(GET)
        /* Without a UUID a device is nobody but itself. */
        snprintf(own, sizeof own, "device %lld", (long long)id);
        device->uuid = names_intern(&fleet->names, row->uuid[0] ? row->uuid : own);
        if (!device->uuid)
            return no_memory(fleet);
    }
    return rc;
}

/* Marks the devices that were watched under any of their numbers. */
static int read_watched(struct fleet *fleet)
{
    struct query *query = ledger_query(fleet->ledger, SQL_FLEET_WATCHED);
    int rc;
    while ((rc = query_step(query, fleet->err)) > 0) {
        struct device *device = device_of(fleet, query_int(query, -1));
        for (int64_t i = 0; device && i < fleet->device_count; i++)
            fleet->devices[i].watched |= fleet->devices[i].uuid == device->uuid;
    }
    return rc;
}

static int by_uuid(const void *a, const void *b)
{
    const struct run *left = a, *right = b;
    uintptr_t l = (uintptr_t)left->uuid, r = (uintptr_t)right->uuid;
    return (l > r) - (l < r);
}

static int read_runs(struct fleet *fleet)
{
    struct query *query = ledger_query(fleet->ledger, SQL_FLEET_RUNS);
    int rc;
    while ((rc = query_step(query, fleet->err)) > 0) {
        struct device *device = device_of(fleet, query_int(query, -1));
        if (!device || !device->watched)
            continue;
        struct run *run =
            room_for((void **)&fleet->runs, fleet->run_count, &fleet->run_room, sizeof *run);
        if (!run)
            return no_memory(fleet);
        run->uuid = device->uuid;
        struct attributed_run *row = &run->run;
        FLEET_RUN(GET)
        fleet->run_count++;
    }
    if (fleet->run_count)
        qsort(fleet->runs, fleet->run_count, sizeof *fleet->runs, by_uuid);
    fleet->of_device = reallocarray(NULL, fleet->run_count + 1, sizeof *fleet->of_device);
    return rc < 0 ? rc : fleet->of_device ? 0 : no_memory(fleet);
}

static size_t runs_of(const struct fleet *fleet, const char *uuid)
{
    size_t low = 0, high = fleet->run_count, count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uintptr_t)fleet->runs[middle].uuid < (uintptr_t)uuid)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < fleet->run_count && fleet->runs[low].uuid == uuid; low++)
        fleet->of_device[count++] = fleet->runs[low].run;
    return count;
}

static int end_device(struct fleet *fleet, struct device *device)
{
    if (!device || !fleet->stretch_count)
        return 0;
    struct wt_fleet_device *row = room_for((void **)&fleet->lines.devices, fleet->lines.count,
                                           &fleet->line_room, sizeof *row);
    if (!row)
        return no_memory(fleet);
    *row = device->row;
    if (attribute(fleet->of_device, runs_of(fleet, device->uuid), fleet->stretches,
                  fleet->stretch_count, &row->lines))
        return no_memory(fleet);
    attribution_add(&fleet->lines.total, &row->lines);
    fleet->lines.count++;
    fleet->stretch_count = 0;
    return 0;
}

static int read_stretches(struct fleet *fleet)
{
    struct query *query = ledger_query(fleet->ledger, SQL_FLEET_STRETCHES);
    struct device *device = NULL;
    int rc;
    query_put_int(query, fleet->from_hour);
    query_put_int(query, fleet->to_hour);
    while ((rc = query_step(query, fleet->err)) > 0) {
        struct device *next = device_of(fleet, query_int(query, -1));
        if (!next)
            continue;
        if (next != device && (rc = end_device(fleet, device)))
            return rc;
        device = next;
        struct attributed_stretch *row = room_for((void **)&fleet->stretches, fleet->stretch_count,
                                                  &fleet->stretch_room, sizeof *row);
        if (!row)
            return no_memory(fleet);
        fleet->stretch_count++;
        FLEET_STRETCH(GET)
        query_text(query, device->row.node, sizeof device->row.node); /* where it was seen last */
    }
    return rc < 0 ? rc : end_device(fleet, device);
}

static int by_node_and_name(const void *a, const void *b)
{
    const struct wt_fleet_device *left = a, *right = b;
    int order = strcmp(left->node, right->node);
    order = order ? order : (left->index > right->index) - (left->index < right->index);
    return order ? order : strcmp(left->uuid, right->uuid);
}

static int read_all(struct fleet *fleet)
{
    int rc = read_devices(fleet);
    if (rc == 0)
        rc = read_watched(fleet);
    if (rc == 0)
        rc = read_runs(fleet);
    return rc ? rc : read_stretches(fleet);
}

int ledger_lines(struct ledger *ledger, int64_t from_ms, int64_t to_ms, struct ledger_lines *lines,
                 struct wt_error *err)
{
    struct fleet fleet = {.ledger = ledger,
                          .from_hour = ledger_hour_from(from_ms),
                          .to_hour = ledger_hour_from(to_ms),
                          .err = err};
    fleet.lines.total = attribution_none();
    int rc = ledger ? ledger_begin(ledger, false, err) : 0;
    if (rc == 0 && ledger)
        rc = ledger_finish(ledger, read_all(&fleet), err);
    if (rc == 0 && fleet.lines.count)
        qsort(fleet.lines.devices, fleet.lines.count, sizeof *fleet.lines.devices,
              by_node_and_name);
    names_clear(&fleet.names);
    free(fleet.devices);
    free(fleet.runs);
    free(fleet.of_device);
    free(fleet.stretches);
    if (rc)
        ledger_lines_clear(&fleet.lines);
    else
        *lines = fleet.lines;
    return rc;
}

void ledger_lines_clear(struct ledger_lines *lines)
{
    free(lines->devices);
    *lines = (struct ledger_lines){0};
}

/* --- Choices --- */

static int take_choices(struct ledger *ledger, ledger_choice_taker *take, void *ctx,
                        struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_FLEET_CHOICES);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        struct wt_profile_point points[WT_MAX_LIMITS];
        char job[WT_JOB_LEN];
        unsigned count = 0;
        query_text(query, job, sizeof job);
        uint32_t limit_mw = query_u32(query);
        int64_t profile_id = query_int(query, 0);
        if (profile_id)
            rc = ledger_points_get(ledger, SQL_PROFILE_POINTS, profile_id, points, WT_MAX_LIMITS,
                                   &count, err);
        if (rc >= 0 && count)
            rc = take(ctx, job, limit_mw, points, count);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int ledger_choices(struct ledger *ledger, ledger_choice_taker *take, void *ctx,
                   struct wt_error *err)
{
    int rc = ledger_begin(ledger, false, err);
    return rc ? rc : ledger_finish(ledger, take_choices(ledger, take, ctx, err), err);
}
