/* SPDX-License-Identifier: Apache-2.0
 *
 * Stretches: energy of whole devices, whoever used them.  One process at a time books a GPU.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <string.h>

#include "account/ledger/columns.h"
#include "base/clock.h"

static int check_alone(struct ledger *ledger, int64_t device_id, const struct wt_stretch *stretch,
                       struct wt_error *err)
{
    char from[32], to[32];
    struct query *query = ledger_query(ledger, SQL_STRETCH_BEFORE);
    query_put_int(query, device_id);
    query_put_known_text(query, stretch->uuid);
    query_put_int(query, stretch->end_ms);
    query_put_int(query, stretch->begin_ms);
    int rc = query_step(query, err);
    int64_t end_ms = rc > 0 ? query_int(query, INT64_MIN) : INT64_MIN;
    query_leave(query);
    if (rc < 0 || end_ms <= stretch->begin_ms)
        return rc < 0 ? rc : 0;
    return error_set(err, WT_E_BUSY,
                     "GPU %u (%s) is booked until %s already, and would be booked again from %s "
                     "on: is another monitor at it?",
                     stretch->index, stretch->uuid, clock_format_wall(end_ms, to),
                     clock_format_wall(stretch->begin_ms, from));
}

static int put(struct ledger *ledger, const char *node, const struct wt_stretch *stretch,
               struct wt_error *err)
{
    struct wt_stretch known = *stretch, *row = &known;
    struct ledger_device_energy device = {.kind = WT_DEVICE_GPU, .index = stretch->index};
    int64_t device_id = 0, factor_id = 0;
    memcpy(device.uuid, stretch->uuid, sizeof device.uuid);
    memcpy(device.name, stretch->name, sizeof device.name);
    int rc = ledger_device_make(ledger, &device, &device_id, err);
    if (rc == 0)
        rc = check_alone(ledger, device_id, stretch, err);
    if (rc == 0)
        rc = ledger_factor_make(ledger, &stretch->carbon, &factor_id, err);
    if (rc)
        return rc;
    if (row->source == WT_SOURCE_NONE)
        row->energy_j = row->energy_error_j = NAN;
    struct query *query = ledger_query(ledger, SQL_STRETCH_PUT);
    query_put_int(query, device_id);
    query_put_int(query, stretch->begin_ms);
    query_put_known_text(query, node);
    query_put_int(query, factor_id);
    STRETCH(PUT)
    return query_run(query, err);
}

static int put_all(struct ledger *ledger, const char *node, const struct wt_stretch stretches[],
                   size_t count, struct wt_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = put(ledger, node, &stretches[i], err);
    return rc;
}

int ledger_stretches_put(struct ledger *ledger, const char *node,
                         const struct wt_stretch stretches[], size_t count, struct wt_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (stretches[i].source > WT_SOURCE_REPLAYED || stretches[i].end_ms < stretches[i].begin_ms)
            return error_set(err, WT_E_INVALID,
                             "a stretch of no known source, or one that ends before it begins");
    int rc = ledger_begin(ledger, true, err);
    return rc ? rc : ledger_finish(ledger, put_all(ledger, node, stretches, count, err), err);
}
