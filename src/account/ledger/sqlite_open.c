/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a ledger: checks of the file, WAL, and bringing an older one up to date.
 *
 * WAL lets reports read while a run books; synchronous=FULL syncs the log at every commit, so that
 * an acknowledged booking outlives the machine.  Both cost milliseconds a trial, and a trial lasts
 * minutes.
 */
#include "account/ledger/sqlite_handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/schema.h"
#include "base/buffer.h"
#include "base/clock.h"

enum { APPLICATION_ID = 0x57415454 }; /* "WATT" */
enum { WAIT_MS = 5000, SHORT_WAIT_MS = 100 };

static int read_number(struct ledger *ledger, const char *sql, int64_t *value, struct wt_error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    int answer = rc == SQLITE_ROW ? 0 : sqlite_failed(ledger, rc, "read", err);
    sqlite3_finalize(statement);
    return answer;
}

/* --- Opening --- */

/* The schema of the file, 0 when it is empty; refuses a file that is not ours before it changes
 * anything in it. */
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
    if (version < 0)
        return error_set(err, WT_E_LEDGER,
                         "the ledger %s is damaged (schema %lld): move it away, or put a backup in "
                         "its place",
                         ledger->path, (long long)version);
    if (version > LEDGER_SCHEMA)
        return error_set(err, WT_E_VERSION,
                         "the ledger %s was made by a newer wattune (schema %lld, this one knows "
                         "%d): use that one, or name another file with --ledger",
                         ledger->path, (long long)version, LEDGER_SCHEMA);
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
            return sqlite_failed(ledger, rc, "open", err);
        sqlite3_sleep(10);
    }
}

/* Runs one step, and writes down the version that it leads to. */
static int apply(struct ledger *ledger, const struct ledger_migration *step, int64_t version,
                 struct wt_error *err)
{
    char stamp[96];
    int rc = 0;
    for (const char *const *sql = step->sql; rc == 0 && *sql; sql++)
        rc = ledger_run_sql(ledger, *sql, err);
    if (rc == 0 && step->finish)
        rc = step->finish(ledger, err);
    snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %lld",
             APPLICATION_ID, (long long)version);
    return rc ? rc : ledger_run_sql(ledger, stamp, err);
}

/* Views and triggers that others made: SQLite refuses to rename a table that one of them names, so
 * they go aside during a step and come back as they were. */
struct aside {
    struct buffer drop, make;
};

static int put_aside_one(void *ctx, int count, char **values, char **names)
{
    struct aside *aside = ctx;
    (void)count;
    (void)names;
    buffer_print(&aside->drop, "%s", values[0]);
    buffer_print(&aside->make, "%s", values[1]);
    return 0;
}

static int put_aside(struct ledger *ledger, struct aside *aside, struct wt_error *err)
{
    static const char sql[] =
        "SELECT printf('DROP %s IF EXISTS \"%w\";', type, name), sql || ';' FROM sqlite_schema"
        " WHERE type IN ('view', 'trigger') ORDER BY type DESC";
    int rc = sqlite3_exec(ledger->db, sql, put_aside_one, aside, NULL);
    if (rc != SQLITE_OK)
        return sqlite_failed(ledger, rc, "bring up to date", err);
    return aside->drop.failed || aside->make.failed
               ? error_set(err, WT_E_NO_MEMORY, "open the ledger %s: out of memory", ledger->path)
               : ledger_run_sql(ledger, buffer_text(&aside->drop), err);
}

static int apply_beside(struct ledger *ledger, int64_t schema, struct wt_error *err)
{
    struct aside aside = {{0}, {0}};
    int rc = put_aside(ledger, &aside, err);
    if (rc == 0)
        rc = apply(ledger, &ledger_migrations[schema], schema ? schema + 1 : LEDGER_SCHEMA, err);
    if (rc == 0)
        rc = ledger_run_sql(ledger, buffer_text(&aside.make), err);
    buffer_clear(&aside.drop);
    buffer_clear(&aside.make);
    /* Not the usage of the caller, but rows that the new schema does not take. */
    return rc == WT_E_INVALID ? (err->code = WT_E_LEDGER) : rc;
}

/* Applies the missing steps, one transaction a version.  The version is read again under the write
 * lock: another process may have been faster. */
static int apply_missing(struct ledger *ledger, struct wt_error *err)
{
    for (;;) {
        int rc = ledger_begin(ledger, true, err);
        if (rc)
            return rc;
        int64_t schema = 0;
        rc = read_schema(ledger, &schema, err);
        bool done = rc == 0 && schema >= LEDGER_SCHEMA;
        if (rc == 0 && !done)
            rc = apply_beside(ledger, schema, err);
        rc = ledger_finish(ledger, rc, err);
        if (rc == 0 && !done && !ledger->schema_found)
            ledger->schema_found = (int)schema;
        if (rc || done)
            return rc;
    }
}

/* SQLite checks no foreign keys meanwhile: a row whose parent somebody has deleted with another
 * tool goes along as it is, and is no reason to refuse the ledger. */
static int migrate(struct ledger *ledger, struct wt_error *err)
{
    struct wt_error own;
    err = err ? err : &own;
    int rc = sqlite_run(ledger, "PRAGMA foreign_keys = OFF", "open", err);
    if (rc)
        return rc;
    rc = apply_missing(ledger, err);
    int on = sqlite_run(ledger, "PRAGMA foreign_keys = ON", "open", rc ? NULL : err);
    return rc ? rc : on;
}

int ledger_schema_found(const struct ledger *ledger)
{
    return ledger->schema_found;
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
        return sqlite_failed(ledger, rc, "open", err);
    sqlite3_extended_result_codes(ledger->db, 1);
    ledger->wait_ms = flags & LEDGER_SHORT_WAIT ? SHORT_WAIT_MS : WAIT_MS;
    sqlite3_busy_timeout(ledger->db, ledger->wait_ms);
    /* A ledger may come from somebody else: its schema may call nothing, and its pages are checked.
     */
    sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
    return sqlite_run(
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
        return sqlite_failed(ledger, SQLITE_READONLY, "open", err);
    if (schema == LEDGER_SCHEMA)
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
    return LEDGER_SCHEMA;
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
