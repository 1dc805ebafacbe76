/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of bookings that the program itself sums up only: rows of the file, as users of SQL
 * see them.
 */
#ifndef WATTUNE_TESTS_LEDGER_ROWS_H
#define WATTUNE_TESTS_LEDGER_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sqlite3.h>

/* The tables that assert_rows() is asked about; `?` is the number of the trial. */
#define ROWS_OF_DEVICES                                                                            \
    "SELECT kind, device_index, uuid, energy_j, energy_error_j, source, begin_ms, end_ms"          \
    " FROM measurements JOIN devices USING (device_id) WHERE trial_id = ? ORDER BY position"
#define ROWS_OF_HOURS                                                                              \
    "SELECT hour, kind, device_index, energy_j, busy_s, intensity_g_per_kwh FROM trial_hours"      \
    " JOIN devices USING (device_id) WHERE trial_id = ? ORDER BY hour, kind, device_index"

/* Asserts the rows of a trial: values with a space between, a line break after each row. */
static inline void assert_rows(const char *ledger_path, const char *sql, int64_t trial_id,
                               const char *expected)
{
    char rows[1024] = "";
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(ledger_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(statement, 1, trial_id), SQLITE_OK);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const int columns = sqlite3_column_count(statement);
        for (int i = 0; i < columns; i++) {
            const char *value = (const char *)sqlite3_column_text(statement, i);
            const size_t length = strlen(rows);
            snprintf(rows + length, sizeof rows - length, "%s%c", value ? value : "NULL",
                     i + 1 < columns ? ' ' : '\n');
        }
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    assert_int_equal(rc, SQLITE_DONE);
    assert_string_equal(rows, expected);
}

#endif
