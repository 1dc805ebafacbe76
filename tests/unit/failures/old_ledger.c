/* SPDX-License-Identifier: Apache-2.0
 *
 * An older ledger.  A content is a hash over the schema and every value of every table.
 */
#include "old_ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "account/ledger/schema.h"
#include "base/buffer.h"
#include "base/file.h"

static struct buffer file; /* of the ledger as it was */
static uint64_t content_at[LEDGER_SCHEMA + 1];

static sqlite3 *open_file(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL))
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* --- Contents --- */

/* FNV-1a. */
static void mix(uint64_t *hash, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        *hash = (*hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
}

static void mix_value(uint64_t *hash, sqlite3_stmt *row, int column)
{
    int type = sqlite3_column_type(row, column);
    double real = sqlite3_column_double(row, column);
    const void *text = type == SQLITE_FLOAT ? &real : sqlite3_column_blob(row, column);
    size_t length = type == SQLITE_FLOAT ? sizeof real : (size_t)sqlite3_column_bytes(row, column);
    mix(hash, &type, sizeof type);
    mix(hash, &length, sizeof length); /* or 'ab', 'c' would be 'a', 'bc' */
    mix(hash, text, length);
}

static sqlite3_stmt *ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL))
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    return statement;
}

static void mix_rows(uint64_t *hash, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *rows = ask(db, sql);
    int rc;
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(rows); i++)
            mix_value(hash, rows, i);
    assert_int_equal(rc, SQLITE_DONE);
    sqlite3_finalize(rows);
}

static uint64_t content_of(sqlite3 *db)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    mix_rows(&hash, db, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
    sqlite3_stmt *tables = ask(
        db, "SELECT printf('SELECT * FROM \"%w\"', name) FROM sqlite_schema WHERE type = 'table'"
            " ORDER BY name");
    while (sqlite3_step(tables) == SQLITE_ROW)
        mix_rows(&hash, db, (const char *)sqlite3_column_text(tables, 0));
    sqlite3_finalize(tables);
    return hash;
}

static int number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = ask(db, sql);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* Columns of a trial that no step changes. */
static uint64_t trials_of(sqlite3 *db)
{
    uint64_t hash = 0;
    mix_rows(&hash, db,
             "SELECT trial_id, job_id, recurrence, try_number, batch_size, started_ms, ended,"
             " time_s, energy_j, cost_j, steps, epochs, metric, reached, exit_code, note"
             " FROM trials ORDER BY trial_id");
    return hash;
}

/* --- The ledger --- */

void old_ledger_learn(const char *sql_path, const char *folder)
{
    char path[160];
    struct buffer sql = {0};
    struct ledger *ledger = NULL;
    struct wt_error err = {0};
    snprintf(path, sizeof path, "%s/old.db", folder);
    if (file_read(sql_path, 1 << 20, &sql, &err))
        fail_msg("%s", err.text);
    sqlite3 *db = open_file(path);
    run(db, buffer_text(&sql));
    /* A view that somebody else has made goes aside meanwhile, and must come back, too. */
    run(db, "CREATE VIEW of_somebody AS SELECT name FROM jobs");
    buffer_clear(&sql);
    const int oldest = number(db, "PRAGMA user_version");
    const uint64_t trials = trials_of(db);
    assert_true(number(db, "SELECT count(*) FROM trials") > 0);
    buffer_clear(&file);
    if (file_read(path, 1 << 20, &file, &err))
        fail_msg("%s", err.text);
    content_at[oldest] = content_of(db);
    for (int version = oldest + 1; version < LEDGER_SCHEMA; version++) {
        const struct ledger_migration *step = &ledger_migrations[version - 1];
        for (const char *const *text = step->sql; *text; text++)
            run(db, *text);
        assert_null(step->finish);
        content_at[version] = content_of(db);
    }
    sqlite3_close(db);
    assert_int_equal(remove(path), 0);

    old_ledger_put(path);
    if (ledger_open(path, 0, &ledger, &err))
        fail_msg("%s", err.text);
    ledger_close(ledger);
    db = open_file(path);
    content_at[LEDGER_SCHEMA] = content_of(db);
    assert_true(trials_of(db) == trials);
    sqlite3_close(db);
}

void old_ledger_put(const char *path)
{
    struct wt_error err;
    if (file_write_atomic(path, file.text, file.length, 0600, &err))
        fail_msg("%s", err.text);
}

int old_ledger_version(const char *path)
{
    sqlite3 *db = open_file(path);
    const int version = number(db, "PRAGMA user_version");
    assert_in_range(version, 1, LEDGER_SCHEMA);
    if (content_of(db) != content_at[version])
        fail_msg("%s is of version %d, but not whole", path, version);
    assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check()"
                                " WHERE integrity_check <> 'ok'"),
                     0);
    sqlite3_close(db);
    return version;
}
