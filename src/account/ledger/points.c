/* SPDX-License-Identifier: Apache-2.0
 *
 * Profile points in the ledger: the same rows hang below a trial, which measured them, and below a
 * profile, which the next trial may use.
 */
#include "account/ledger/sqlite.h"

#include "account/ledger/columns.h"

int ledger_points_check(const struct wt_profile_point points[], unsigned count,
                        struct wt_error *err)
{
    if (count > WT_MAX_LIMITS)
        return error_set(err, WT_E_RANGE, "a profile of %u points: at most %d are kept", count,
                         WT_MAX_LIMITS);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < i; k++)
            if (points[i].setting.knob == points[k].setting.knob &&
                points[i].setting.value == points[k].setting.value)
                return points[i].setting.knob == WT_KNOB_POWER_LIMIT
                           ? error_set(err, WT_E_INVALID, "a profile with two points at %g W",
                                       points[i].setting.value / 1e3)
                           : error_set(err, WT_E_INVALID, "a profile with two points at %u MHz",
                                       (unsigned)points[i].setting.value);
    return 0;
}

int ledger_points_put(struct ledger *ledger, enum ledger_sql put, int64_t id,
                      const struct wt_profile_point points[], unsigned count, struct wt_error *err)
{
    for (unsigned i = 0; i < count; i++) {
        struct query *query = ledger_query(ledger, put);
        const struct wt_profile_point *row = &points[i];
        query_put_int(query, id);
        POINT(PUT)
        int rc = query_run(query, err);
        if (rc)
            return rc;
    }
    return 0;
}

int ledger_points_get(struct ledger *ledger, enum ledger_sql get, int64_t id,
                      struct wt_profile_point points[], unsigned capacity, unsigned *count,
                      struct wt_error *err)
{
    struct query *query = ledger_query(ledger, get);
    query_put_int(query, id);
    unsigned n = 0;
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        if (n == capacity) {
            query_leave(query);
            return error_set(err, WT_E_RANGE, "a profile of more than %u points", capacity);
        }
        struct wt_profile_point *row = &points[n++];
        query_int(query, 0); /* the number of the trial or profile */
        POINT(GET)
    }
    if (rc == 0)
        *count = n;
    return rc;
}
