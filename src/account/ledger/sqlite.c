/* SPDX-License-Identifier: Apache-2.0
 *
 * The door to SQLite, with sqlite_open.c and sqlite_query.c: transactions, and SQLite's errors as
 * sentences.  Only PRAGMAs and transaction words are written in these three; all other SQL is in
 * sql.c and schema.c.
 */
#include "account/ledger/sqlite_handle.h"

#include <string.h>

int sqlite_failed(const struct ledger *ledger, int rc, const char *doing, struct wt_error *err)
{
    const char *path = ledger->path;
    int system = sqlite3_system_errno(ledger->db);
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return error_set(err, WT_E_NO_MEMORY, "cannot %s the ledger %s: out of memory", doing,
                         path);
    case SQLITE_CONSTRAINT:
        return error_set(err, WT_E_INVALID, "cannot %s the ledger %s: %s", doing, path,
                         sqlite3_errmsg(ledger->db));
    case SQLITE_NOTADB:
        return error_set(err, WT_E_LEDGER,
                         "%s is not a ledger (not an SQLite database): name another file with "
                         "--ledger",
                         path);
    case SQLITE_CORRUPT:
        return error_set(
            err, WT_E_LEDGER,
            "the ledger %s is damaged (%s): move it away, or put a backup in its place", path,
            sqlite3_errmsg(ledger->db));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(err, WT_E_LEDGER,
                         "the ledger %s is locked by another process for more than %g s: try again "
                         "when that is done",
                         path, ledger->wait_ms / 1e3);
    case SQLITE_READONLY:
        return error_set(err, WT_E_LEDGER,
                         "the ledger %s or its folder cannot be written by this user: change their "
                         "permissions, or name another file with --ledger",
                         path);
    case SQLITE_CANTOPEN:
        return error_set(err, WT_E_LEDGER,
                         "cannot %s the ledger %s: its files cannot be opened%s%s: is its folder "
                         "writable?",
                         doing, path, system ? ": " : "", system ? strerror(system) : "");
    case SQLITE_FULL:
        return error_set(err, WT_E_LEDGER, "cannot %s the ledger %s: no space left on its disk",
                         doing, path);
    case SQLITE_IOERR:
        return error_set(err, WT_E_LEDGER, "cannot %s the ledger %s: %s%s%s: look at its disk",
                         doing, path, sqlite3_errmsg(ledger->db), system ? ": " : "",
                         system ? strerror(system) : "");
    default:
        return error_set(err, WT_E_LEDGER, "cannot %s the ledger %s: %s", doing, path,
                         sqlite3_errmsg(ledger->db));
    }
}

int sqlite_run(struct ledger *ledger, const char *sql, const char *doing, struct wt_error *err)
{
    int rc = sqlite3_exec(ledger->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : sqlite_failed(ledger, rc, doing, err);
}

int ledger_run_sql(struct ledger *ledger, const char *sql, struct wt_error *err)
{
    return sqlite_run(ledger, sql, "bring up to date", err);
}

/* --- Transactions --- */

int ledger_begin(struct ledger *ledger, bool write, struct wt_error *err)
{
    if (ledger->bulk && ledger->bulk_rc)
        return error_set(err, ledger->bulk_rc,
                         "the ledger %s takes no more bookings with those that have failed",
                         ledger->path);
    if (ledger->view && write)
        return error_set(err, WT_E_INVALID, "the ledger %s is being read", ledger->path);
    if (ledger->bulk || ledger->view)
        return 0;
    return sqlite_run(ledger, write ? "BEGIN IMMEDIATE" : "BEGIN", write ? "write" : "read", err);
}

int ledger_finish(struct ledger *ledger, int rc, struct wt_error *err)
{
    for (int i = 0; i < SQL_COUNT; i++) /* one left open would keep the transaction from ending */
        query_leave(&ledger->queries[i]);
    if (ledger->view)
        return rc;
    if (ledger->bulk) {
        if (rc < 0)
            ledger->bulk_rc = rc;
        return rc;
    }
    int end = rc < 0 ? rc : sqlite_run(ledger, "COMMIT", "write", err);
    if (!sqlite3_get_autocommit(ledger->db)) /* a full disk rolls back by itself */
        sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
    return end < 0 ? end : rc;
}

int ledger_bulk_begin(struct ledger *ledger, struct wt_error *err)
{
    int rc = ledger_begin(ledger, true, err);
    if (rc)
        return rc;
    ledger->bulk = true;
    ledger->bulk_rc = 0;
    return 0;
}

int ledger_bulk_end(struct ledger *ledger, bool keep, struct wt_error *err)
{
    int failed_rc = ledger->bulk_rc;
    if (failed_rc)
        error_set(err, failed_rc,
                  "the ledger %s keeps nothing of the bookings with those that have failed",
                  ledger->path);
    ledger->bulk = false;
    ledger->bulk_rc = 0;
    if (keep && !failed_rc)
        return ledger_finish(ledger, 0, err);
    struct wt_error unused; /* WT_E_RANGE stands for any error: it rolls back */
    ledger_finish(ledger, WT_E_RANGE, &unused);
    return failed_rc;
}

int ledger_is_empty(struct ledger *ledger, bool *empty, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_IS_EMPTY);
    int rc = query_step(query, err);
    if (rc > 0)
        *empty = query_int(query, 0) != 0;
    query_leave(query);
    return rc < 0 ? rc : 0;
}

int64_t ledger_last_id(struct ledger *ledger)
{
    return sqlite3_last_insert_rowid(ledger->db);
}

int ledger_changes(struct ledger *ledger)
{
    return sqlite3_changes(ledger->db);
}

int ledger_view_begin(struct ledger *ledger, struct wt_error *err)
{
    int rc = ledger_begin(ledger, false, err);
    ledger->view = rc == 0;
    return rc;
}

void ledger_view_end(struct ledger *ledger)
{
    struct wt_error unused;
    if (!ledger || !ledger->view)
        return;
    ledger->view = false;
    ledger_finish(ledger, 0, &unused); /* nothing was written: nothing can be lost */
}
