/* SPDX-License-Identifier: Apache-2.0
 *
 * The schema of the ledger, version by version.
 */
#ifndef WATTUNE_ACCOUNT_LEDGER_SCHEMA_H
#define WATTUNE_ACCOUNT_LEDGER_SCHEMA_H

#include "account/ledger/sqlite.h"

/* The version this program knows. */
enum { LEDGER_SCHEMA = 5 };

/* A step within one transaction: statements (the last is NULL), and then finish() (NULL:
 * none) for the steps that SQL cannot do. */
struct ledger_migration {
    const char *const *sql;
    int (*finish)(struct ledger *ledger, struct wt_error *err);
};

/* [0] makes LEDGER_SCHEMA in an empty file; [1] brings schema 1 to 2, and so on. */
extern const struct ledger_migration ledger_migrations[LEDGER_SCHEMA];

/* states_4.c: gives every state the key and the columns of the identity that its words of schema 4
 * stand for.  Words that are none stay as they are, as an opaque identity.  Within a writing
 * transaction. */
int ledger_states_name(struct ledger *ledger, struct wt_error *err);

/* states_4.c: reads the sentence that schema 4 had as key, strictly; false, and *identity as it
 * was: it is no such sentence. */
bool ledger_words_read(const char *words, struct wt_identity *identity);

#endif
