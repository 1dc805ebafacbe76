/* SPDX-License-Identifier: Apache-2.0
 *
 * A store of learned state in memory: for owners without a ledger, and for tests.  It ends with its
 * owner; one thread uses it at a time.
 */
#ifndef WATTUNE_TUNE_LEARN_STATE_STORE_H
#define WATTUNE_TUNE_LEARN_STATE_STORE_H

#include "tune/learn/store.h"

struct learn_memory {
    struct learn_memory_entry *entries; /* the one that changed last is the last */
    size_t count;
    int64_t last_id;
};

/* The operations over an empty or filled `memory` (all zeros: empty), which they borrow. */
struct learn_store learn_memory_store(struct learn_memory *memory);

/* Copies the states of a job, the one that changed last last; the caller frees *states with free().
 * No such job: *count is 0.  WT_E_NO_MEMORY. */
int learn_memory_states(const struct learn_memory *memory, const char *job,
                        struct learn_state **states, size_t *count, struct wt_error *err);

/* Drops all states and makes it empty again. */
void learn_memory_clear(struct learn_memory *memory);

#endif
