/* SPDX-License-Identifier: Apache-2.0
 *
 * The open ledger as sqlite.c, sqlite_open.c and sqlite_query.c share it; nobody else includes
 * this.
 */
#ifndef WATTUNE_ACCOUNT_LEDGER_SQLITE_HANDLE_H
#define WATTUNE_ACCOUNT_LEDGER_SQLITE_HANDLE_H

#include <sqlite3.h>

#include "account/ledger/sqlite.h"

struct query {
    struct ledger *ledger;
    sqlite3_stmt *statement;
    int put, get; /* the next parameter (from 1) and column (from 0) */
    int rc;       /* the first that failed */
};

struct ledger {
    sqlite3 *db;
    char *path;
    int wait_ms;
    int schema_found; /* before it was brought up to date; 0: it was, or it is new */
    bool view;        /* one read transaction around several readings */
    bool bulk;        /* one transaction around those that are asked for */
    int bulk_rc;      /* the first of them that failed; it takes the others with it */
    struct query queries[SQL_COUNT];
};

/* Writes the sentence for SQLite's last answer; `doing` completes "cannot ... PATH".  Returns its
 * WT_E_*. */
int sqlite_failed(const struct ledger *ledger, int rc, const char *doing, struct wt_error *err);

/* Runs statements that give no rows. */
int sqlite_run(struct ledger *ledger, const char *sql, const char *doing, struct wt_error *err);

#endif
