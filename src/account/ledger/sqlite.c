/* SPDX-License-Identifier: Apache-2.0
 *
 * The one door to SQLite: opening, migrations, transactions, statements, and its errors as
 * sentences.  Only PRAGMAs and transaction words are written here; all other SQL is in sql.c.
 *
 * WAL lets reports read while a run books; synchronous=FULL syncs the log at every commit, so that
 * what was acknowledged outlives the machine.  Both cost milliseconds a trial, and a trial lasts
 * minutes.
 */
#include "account/ledger/sqlite.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"

enum { APPLICATION_ID = 0x57415454 }; /* "WATT" */
enum { WAIT_MS = 5000, SHORT_WAIT_MS = 100 };

struct query {
    struct ledger *ledger;
    sqlite3_stmt *statement;
    int put, get; /* the next parameter (from 1) and column (from 0) */
    int rc;       /* the first that went wrong */
};

struct ledger {
    sqlite3 *db;
    char *path;
    int wait_ms;
    bool view;    /* one read transaction around several readings */
    bool batch;   /* one transaction around those that are asked for */
    int batch_rc; /* the first of them that failed; it takes the others with it */
    struct query queries[SQL_COUNT];
};

/* The sentence for what SQLite just said.  `doing` completes "cannot ... PATH". */
static int failed(const struct ledger *ledger, int rc, const char *doing, struct wt_error *err)
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

static int run_sql(struct ledger *ledger, const char *sql, const char *doing, struct wt_error *err)
{
    int rc = sqlite3_exec(ledger->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : failed(ledger, rc, doing, err);
}

static int read_number(struct ledger *ledger, const char *sql, int64_t *value, struct wt_error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    int answer = rc == SQLITE_ROW ? 0 : failed(ledger, rc, "read", err);
    sqlite3_finalize(statement);
    return answer;
}

/* --- Opening --- */

/* The schema of the file, 0 when it is empty; refuses what is not ours before anything is changed
 * in it. */
static int read_schema(struct ledger *ledger, int64_t *schema, struct wt_error *err)
{
    int64_t application = 0, version = 0, tables = 0;
    int rc = read_number(ledger, "PRAGMA application_id", &application, err);
    if (rc == 0)
        rc = read_number(ledger, "PRAGMA user_version", &version, err);
    if (rc == 0)
        rc = read_number(ledger, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (rc)
        return rc;
    if (application != APPLICATION_ID && (application || version || tables))
        return error_set(err, WT_E_LEDGER,
                         "%s is an SQLite database of another program: name another file with "
                         "--ledger",
                         ledger->path);
    if (version > ledger_schema)
        return error_set(err, WT_E_VERSION,
                         "the ledger %s was made by a newer wattune (schema %lld, this one knows "
                         "%d): use that one, or name another file with --ledger",
                         ledger->path, (long long)version, ledger_schema);
    *schema = version;
    return 0;
}

/* Going over to WAL needs the file for ourselves for a moment, and SQLite does not wait for that by
 * itself when another process is doing the same. */
static int use_wal(struct ledger *ledger, struct wt_error *err)
{
    int64_t until_ns = clock_monotonic_ns() + ledger->wait_ms * NS_PER_MS;
    for (;;) {
        int rc = sqlite3_exec(ledger->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            return 0; /* a file system without shared memory keeps the rollback journal, which is as
                         safe */
        if ((rc & 0xff) != SQLITE_BUSY || clock_monotonic_ns() > until_ns)
            return failed(ledger, rc, "open", err);
        sqlite3_sleep(10);
    }
}

/* Applies what is missing, one transaction a version.  The version is read again under the write
 * lock: another process may have been faster. */
static int migrate(struct ledger *ledger, struct wt_error *err)
{
    for (;;) {
        int rc = ledger_begin(ledger, true, err);
        if (rc)
            return rc;
        int64_t schema = 0;
        rc = read_schema(ledger, &schema, err);
        bool done = rc == 0 && schema >= ledger_schema;
        if (rc == 0 && !done) {
            char stamp[96];
            snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %lld",
                     APPLICATION_ID, (long long)schema + 1);
            rc = run_sql(ledger, ledger_migrations[schema], "bring up to date", err);
            if (rc == 0)
                rc = run_sql(ledger, stamp, "bring up to date", err);
        }
        rc = ledger_finish(ledger, rc, err);
        if (rc || done)
            return rc;
    }
}

/* The name for SQLite.  "./" in front: it takes "file:..." and ":memory:" for something else than a
 * file's name. At rest: as the URI of a file that nobody changes. */
static void file_name(struct buffer *name, const char *path, bool at_rest)
{
    buffer_print(name, "%s%s", at_rest ? "file:" : "", path[0] == '/' ? "" : "./");
    for (const char *c = path; *c; c++) {
        bool plain =
            !at_rest || strchr("/._-", *c) || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z');
        buffer_print(name, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    if (at_rest)
        buffer_print(name, "?immutable=1");
}

static int open_file(struct ledger *ledger, unsigned flags, bool at_rest, struct wt_error *err)
{
    struct buffer name = {0};
    file_name(&name, ledger->path, at_rest);
    int mode = at_rest                    ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
               : flags & LEDGER_READ_ONLY ? SQLITE_OPEN_READWRITE
                                          : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int rc = name.failed ? SQLITE_NOMEM
                         : sqlite3_open_v2(buffer_text(&name), &ledger->db,
                                           mode | SQLITE_OPEN_NOMUTEX, NULL);
    buffer_clear(&name);
    if (!ledger->db)
        return error_set(err, WT_E_NO_MEMORY, "open the ledger %s: out of memory", ledger->path);
    if (rc != SQLITE_OK)
        return failed(ledger, rc, "open", err);
    sqlite3_extended_result_codes(ledger->db, 1);
    ledger->wait_ms = flags & LEDGER_SHORT_WAIT ? SHORT_WAIT_MS : WAIT_MS;
    sqlite3_busy_timeout(ledger->db, ledger->wait_ms);
    /* A ledger may come from somebody else: its schema may call nothing, and its pages are checked.
     */
    sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
    return run_sql(
        ledger,
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON;"
        "PRAGMA synchronous = FULL",
        "open", err);
}

static int prepare_file(struct ledger *ledger, unsigned flags, struct wt_error *err)
{
    int64_t schema = 0;
    int rc = ledger_begin(
        ledger, false, err); /* another process may be making the schema between two of the reads */
    if (rc == 0)
        rc = ledger_finish(ledger, read_schema(ledger, &schema, err), err);
    if (rc)
        return rc;
    bool read_only = sqlite3_db_readonly(ledger->db, "main") == 1;
    if (read_only && !(flags & LEDGER_READ_ONLY))
        return failed(ledger, SQLITE_READONLY, "open", err);
    if (schema == ledger_schema)
        return 0;
    if (schema == 0 && (flags & LEDGER_READ_ONLY))
        return error_set(err, WT_E_NOT_FOUND,
                         "the ledger %s is empty: the first wattune run fills it", ledger->path);
    if (read_only)
        return error_set(err, WT_E_LEDGER,
                         "the ledger %s is of an older schema (%lld) and cannot be brought up to "
                         "date by this user: open it once as its owner",
                         ledger->path, (long long)schema);
    rc = use_wal(ledger, err);
    return rc ? rc : migrate(ledger, err);
}

int ledger_open(const char *path, unsigned flags, struct ledger **out, struct wt_error *err)
{
    int rc = ledger_check_path(path, flags, err);
    if (rc)
        return rc;
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger)
        ledger->path = strdup(path);
    if (!ledger || !ledger->path) {
        ledger_close(ledger);
        return error_set(err, WT_E_NO_MEMORY, "open the ledger %s: out of memory", path);
    }
    rc = open_file(ledger, flags, false, err);
    if (rc == 0)
        rc = prepare_file(ledger, flags, err);
    if (rc == WT_E_LEDGER && (flags & LEDGER_READ_ONLY) && ledger_at_rest(path)) {
        sqlite3_close(ledger->db);
        ledger->db = NULL;
        rc = open_file(ledger, flags, true, err);
        if (rc == 0)
            rc = prepare_file(ledger, flags, err);
    }
    if (rc) {
        ledger_close(ledger);
        return rc;
    }
    *out = ledger;
    return 0;
}

int ledger_schema_number(void)
{
    return ledger_schema;
}

struct ledger *ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return NULL;
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(ledger->queries[i].statement);
    sqlite3_close(ledger->db);
    free(ledger->path);
    free(ledger);
    return NULL;
}

/* --- Transactions --- */

int ledger_begin(struct ledger *ledger, bool write, struct wt_error *err)
{
    if (ledger->batch && ledger->batch_rc)
        return error_set(err, ledger->batch_rc,
                         "the ledger %s takes no more bookings with those that have failed",
                         ledger->path);
    if (ledger->view && write)
        return error_set(err, WT_E_INVALID, "the ledger %s is being read", ledger->path);
    if (ledger->batch || ledger->view)
        return 0;
    return run_sql(ledger, write ? "BEGIN IMMEDIATE" : "BEGIN", write ? "write" : "read", err);
}

int ledger_finish(struct ledger *ledger, int rc, struct wt_error *err)
{
    for (int i = 0; i < SQL_COUNT; i++) /* one left open would keep the transaction from ending */
        query_leave(&ledger->queries[i]);
    if (ledger->view)
        return rc;
    if (ledger->batch) {
        if (rc < 0)
            ledger->batch_rc = rc;
        return rc;
    }
    int end = rc < 0 ? rc : run_sql(ledger, "COMMIT", "write", err);
    if (!sqlite3_get_autocommit(ledger->db)) /* a full disk rolls back by itself */
        sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
    return end < 0 ? end : rc;
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

int ledger_bulk_begin(struct ledger *ledger, struct wt_error *err)
{
    int rc = ledger_begin(ledger, true, err);
    if (rc)
        return rc;
    ledger->batch = true;
    ledger->batch_rc = 0;
    return 0;
}

int ledger_bulk_end(struct ledger *ledger, bool keep, struct wt_error *err)
{
    int failed_rc = ledger->batch_rc;
    if (failed_rc)
        error_set(err, failed_rc,
                  "the ledger %s keeps nothing of the bookings with those that have failed",
                  ledger->path);
    ledger->batch = false;
    ledger->batch_rc = 0;
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

/* --- Statements --- */

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
    int answer = query->rc == SQLITE_OK ? 0 : failed(query->ledger, query->rc, "use", err);
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

/* NULL reads as 0, so that only a 0 has to be asked what it is: reports read tens of millions of
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
