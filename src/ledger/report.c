/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports: sums over runs, by what is asked for.  What is unknown of a run is left out of a sum and counted, so that a
 * page can say what it does not know.
 */
#include "ledger/sqlite.h"

#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"

static bool is_by_hour(const struct ledger_report *what)
{
    bool by_hour = what->from_ms != INT64_MIN || what->to_ms != INT64_MAX;
    for (unsigned i = 0; i < what->key_count; i++)
        by_hour = by_hour || what->keys[i] == WT_BY_DAY;
    return by_hour;
}

static const char *slices_of(const struct ledger_report *what)
{
    return is_by_hour(what) ? ledger_report_hours : ledger_report_runs;
}

static void put_together(struct buffer *sql, const struct ledger_report *what)
{
    buffer_print(sql, "SELECT ");
    for (unsigned i = 0; i < what->key_count; i++)
        buffer_print(sql, "%s, ", ledger_report_keys[what->keys[i]]);
    buffer_print(sql, "%s FROM (%s) s JOIN trials t ON t.trial_id = s.trial_id JOIN jobs j ON j.job_id = t.job_id",
                 ledger_report_sums, slices_of(what));
    for (unsigned i = 0; i < what->key_count; i++)
        buffer_print(sql, "%s %u", i ? "," : " GROUP BY", i + 1);
    if (what->key_count == 0)
        return;
    buffer_print(sql, " ORDER BY ");
    for (unsigned i = 0; i < what->key_count; i++)
        if (what->keys[i] == WT_BY_DAY)
            buffer_print(sql, "%u, ", i + 1);
    buffer_print(sql, "sum(s.gpu_j) DESC");
    for (unsigned i = 0; i < what->key_count; i++)
        buffer_print(sql, ", %u", i + 1);
}

/* One row, in the order of ledger_report_sums behind the keys. */
static void read_row(struct query *query, unsigned key_count, struct wt_report_row *row)
{
    for (unsigned i = 0; i < key_count; i++)
        query_text(query, row->keys[i], WT_JOB_LEN);
    row->runs = (uint64_t)query_int(query, 0);
    row->unended = (uint64_t)query_int(query, 0);
    row->gpu_hours = query_real(query);
    row->busy_gpu_hours = query_real(query);
    row->gpu_j = query_real(query);
    row->cpu_j = query_real(query);
    row->dram_j = query_real(query);
    row->gpu_unknown = (uint64_t)query_int(query, 0);
    row->cpu_unknown = (uint64_t)query_int(query, 0);
    row->dram_unknown = (uint64_t)query_int(query, 0);
    row->facility_j = query_real(query);
    row->operational_g = query_real(query);
    row->market_g = query_real(query);
    row->embodied_g = query_real(query);
    row->embodied_useful_g = query_real(query);
    row->operational_unknown = (uint64_t)query_int(query, 0);
    row->market_unknown = (uint64_t)query_int(query, 0);
    row->embodied_unknown = (uint64_t)query_int(query, 0);
    row->saved_j = query_real(query);
    row->saved_error_j = query_real(query);
    row->saved_g = query_real(query);
    row->saved_runs = (uint64_t)query_int(query, 0);
    row->first_ms = query_int(query, 0);
    row->last_ms = query_int(query, 0);
}

/* The statement of that text, which it takes; NULL: out of memory. */
static struct query *begin_query(struct ledger *ledger, const struct ledger_report *what, struct buffer *sql, struct wt_error *err)
{
    struct query *query = sql->failed ? NULL : ledger_query_text(ledger, buffer_text(sql));
    buffer_clear(sql);
    if (!query)
        error_set(err, WT_E_NO_MEMORY, "read the ledger: out of memory");
    else if (is_by_hour(what)) {
        query_put_int(query, what->from_ms);
        query_put_int(query, what->to_ms);
    }
    return query;
}

static int read_rows(struct ledger *ledger, const struct ledger_report *what, struct wt_report_row **rows, size_t *count,
                     struct wt_error *err)
{
    struct buffer sql = {0};
    put_together(&sql, what);
    struct query *query = begin_query(ledger, what, &sql, err);
    if (!query)
        return WT_E_NO_MEMORY;
    size_t capacity = 0;
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            struct wt_report_row *more = reallocarray(*rows, capacity, sizeof *more);
            if (!more)
                return error_set(err, WT_E_NO_MEMORY, "read the ledger: out of memory");
            *rows = more;
        }
        struct wt_report_row *row = &(*rows)[(*count)++];
        *row = (struct wt_report_row){0};
        read_row(query, what->key_count, row);
    }
    return rc;
}

int ledger_report(struct ledger *ledger, const struct ledger_report *what, struct wt_report_row **out, size_t *out_count,
                  struct wt_report_row *total, struct wt_error *err)
{
    struct ledger_report all = *what;
    struct wt_report_row *rows = NULL, *sum = NULL;
    size_t count = 0, one = 0;
    if (!ledger) {
        *out = NULL;
        *out_count = 0;
        *total = (struct wt_report_row){.gpu_hours = NAN, .busy_gpu_hours = NAN, .gpu_j = NAN, .cpu_j = NAN, .dram_j = NAN,
                                        .facility_j = NAN, .operational_g = NAN, .market_g = NAN, .embodied_g = NAN,
                                        .embodied_useful_g = NAN, .saved_j = NAN, .saved_error_j = NAN, .saved_g = NAN};
        return 0;
    }
    all.key_count = 0; /* of its own: a run that lies in several groups is one run here */
    int rc = ledger_begin(ledger, false, err);
    if (rc == 0) {
        rc = read_rows(ledger, what, &rows, &count, err);
        if (rc == 0)
            rc = read_rows(ledger, &all, &sum, &one, err);
        rc = ledger_finish(ledger, rc, err);
    }
    if (rc == 0) {
        *out = rows;
        *out_count = count;
        *total = *sum; /* without GROUP BY there is exactly one row */
        rows = NULL;
    }
    free(rows);
    free(sum);
    return rc;
}

int ledger_report_basis(struct ledger *ledger, const struct ledger_report *what, struct wt_report_basis **out, size_t *out_count,
                        struct wt_error *err)
{
    struct wt_report_basis *rows = NULL;
    struct buffer sql = {0};
    size_t count = 0, capacity = 0;
    int rc = 0;
    buffer_print(&sql, "%s%s%s", ledger_report_basis_begin, slices_of(what), ledger_report_basis_end);
    struct query *query = begin_query(ledger, what, &sql, err);
    if (!query)
        return WT_E_NO_MEMORY;
    while ((rc = query_step(query, err)) > 0) {
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            struct wt_report_basis *more = reallocarray(rows, capacity, sizeof *more);
            if (!more) {
                query_leave(query);
                rc = error_set(err, WT_E_NO_MEMORY, "read the ledger: out of memory");
                break;
            }
            rows = more;
        }
        struct wt_report_basis *row = &rows[count++];
        *row = (struct wt_report_basis){.kind = (enum wt_basis)query_int(query, 0)};
        query_text(query, row->source, sizeof row->source);
        row->runs = (uint64_t)query_int(query, 0);
        row->least = query_real(query);
        row->most = query_real(query);
    }
    if (rc == 0) {
        *out = rows;
        *out_count = count;
        rows = NULL;
    }
    free(rows);
    return rc;
}
