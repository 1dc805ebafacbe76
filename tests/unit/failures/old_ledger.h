/* SPDX-License-Identifier: Apache-2.0
 *
 * An older ledger, and all that it must hold at each version on its way to today's.
 */
#ifndef WATTUNE_TESTS_OLD_LEDGER_H
#define WATTUNE_TESTS_OLD_LEDGER_H

/* Makes it of SQL text of tests/fixtures/ledgers/ as a file in the folder, and learns its content
 * at every version: by the statements of each step, and at last by opening a copy. */
void old_ledger_learn(const char *sql_path, const char *folder);

/* Puts a copy of it at the path, where no ledger may be. */
void old_ledger_put(const char *path);

/* The version of the ledger at the path; fails the test unless the ledger is sound and holds what
 * it must at that version, to the last value. */
int old_ledger_version(const char *path);

#endif
