/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements: parameters in order, rows, columns in order.
 */
#include "account/ledger/sqlite_handle.h"

#include <math.h>
#include <string.h>

struct query *ledger_query(struct ledger *ledger, enum ledger_sql which)
{
    struct query *query = &ledger->queries[which];
    query->ledger = ledger;
    query->rc = SQLITE_OK;
    if (!query->statement)
        query->rc = sqlite3_prepare_v3(ledger->db, ledger_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                       &query->statement, NULL);
    query_leave(query);
    return query;
}

void query_leave(struct query *query)
{
    if (query->statement) {
        sqlite3_reset(query->statement);
        sqlite3_clear_bindings(query->statement);
    }
    query->put = 1;
    query->get = 0;
}

static void put_done(struct query *query, int rc)
{
    if (query->rc == SQLITE_OK)
        query->rc = rc;
    query->put++;
}

static void put_null(struct query *query)
{
    put_done(query, sqlite3_bind_null(query->statement, query->put));
}

void query_put_int(struct query *query, int64_t value)
{
    put_done(query, sqlite3_bind_int64(query->statement, query->put, value));
}

void query_put_count(struct query *query, uint64_t value)
{
    query_put_int(query, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void query_put_known(struct query *query, uint32_t value)
{
    if (value)
        query_put_int(query, value);
    else
        put_null(query);
}

void query_put_maybe(struct query *query, int value)
{
    if (value < 0)
        put_null(query);
    else
        query_put_int(query, value != 0);
}

void query_put_id(struct query *query, int64_t value)
{
    if (value)
        query_put_int(query, value);
    else
        put_null(query);
}

void query_put_bytes(struct query *query, const void *bytes, size_t length)
{
    put_done(query,
             sqlite3_bind_blob64(query->statement, query->put, bytes, length, SQLITE_TRANSIENT));
}

void query_put_real(struct query *query, double value)
{
    if (isfinite(value))
        put_done(query, sqlite3_bind_double(query->statement, query->put, value));
    else
        put_null(query);
}

void query_put_text(struct query *query, const char *text)
{
    put_done(query, sqlite3_bind_text(query->statement, query->put, text, -1, SQLITE_TRANSIENT));
}

void query_put_known_text(struct query *query, const char *text)
{
    if (text[0])
        query_put_text(query, text);
    else
        put_null(query);
}

int query_step(struct query *query, struct wt_error *err)
{
    query->get = 0;
    if (query->rc == SQLITE_OK) {
        int rc = sqlite3_step(query->statement);
        if (rc == SQLITE_ROW)
            return 1;
        if (rc != SQLITE_DONE)
            query->rc = rc;
    }
    int answer = query->rc == SQLITE_OK ? 0 : sqlite_failed(query->ledger, query->rc, "use", err);
    query_leave(query);
    return answer;
}

int query_run(struct query *query, struct wt_error *err)
{
    int rc;
    while ((rc = query_step(query, err)) > 0)
        ;
    return rc;
}

/* NULL reads as 0, so that only a 0 needs a second look: reports read tens of millions of
 * columns. */
static bool is_null(struct query *query, int column)
{
    return sqlite3_column_type(query->statement, column) == SQLITE_NULL;
}

int64_t query_int(struct query *query, int64_t unknown)
{
    int column = query->get++;
    int64_t value = sqlite3_column_int64(query->statement, column);
    return value == 0 && is_null(query, column) ? unknown : value;
}

uint32_t query_u32(struct query *query)
{
    int64_t value = query_int(query, 0);
    return value < 0 || value > UINT32_MAX ? 0 : (uint32_t)value;
}

double query_real(struct query *query)
{
    int column = query->get++;
    double value = sqlite3_column_double(query->statement, column);
    return value == 0 && is_null(query, column) ? (double)NAN : value;
}

void query_text(struct query *query, char *text, size_t size)
{
    const char *column = (const char *)sqlite3_column_text(query->statement, query->get++);
    size_t length = column ? strnlen(column, size - 1) : 0;
    if (length)
        memcpy(text, column, length);
    text[length] = '\0';
}

size_t query_bytes(struct query *query, void *bytes, size_t size)
{
    int column = query->get++;
    const void *blob = sqlite3_column_blob(query->statement, column);
    size_t length = (size_t)sqlite3_column_bytes(query->statement, column);
    if (blob && length <= size)
        memcpy(bytes, blob, length);
    return blob ? length : 0;
}

/* The place of the column's word among `words`; `none` when it is none of them. */
static unsigned word(struct query *query, const char *const words[], unsigned count, unsigned none)
{
    const char *text = (const char *)sqlite3_column_text(query->statement, query->get++);
    for (unsigned i = 0; text && i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return none;
}

enum wt_source query_source(struct query *query)
{
    return (enum wt_source)word(query, ledger_sources, WT_SOURCE_REPLAYED + 1, WT_SOURCE_NONE);
}

enum wt_knob query_knob(struct query *query)
{
    int64_t knob = query_int(query, 0);
    return knob >= 0 && knob < WT_KNOBS ? (enum wt_knob)knob : WT_KNOB_POWER_LIMIT;
}
