/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the ledger: names that are equal become one pointer, so that a report over a million runs
 * compares and hashes pointers.
 */
#ifndef WATTUNE_ACCOUNT_LEDGER_NAMES_H
#define WATTUNE_ACCOUNT_LEDGER_NAMES_H

#include <stddef.h>

struct names {
    char **texts; /* a hash table with open addressing; NULL: free */
    size_t capacity, count;
};

/* The one copy of a name, which lives as long as *names; NULL when there is no memory. */
const char *names_intern(struct names *names, const char *text);
void names_clear(struct names *names);

#endif
