/* SPDX-License-Identifier: Apache-2.0
 *
 * Where learned state lives: operations that the optimizer calls and that its owner provides (the
 * ledger's, or those of state_store.h).  A state is bytes under a key; this room alone reads them.
 */
#ifndef WATTUNE_TUNE_LEARN_STORE_H
#define WATTUNE_TUNE_LEARN_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "flow/identity.h"
#include "flow/profile.h"

/* No state is longer. */
enum { LEARN_STATE_MOST = 64 * 1024 };

/* Changes a state: bytes[0..*length) is the state that the store keeps, *length 0 when it has none
 * yet, with room for LEARN_STATE_MOST.  A negative return keeps the state as it was. */
typedef int learn_changer(void *ctx, unsigned char *bytes, size_t *length, struct wt_error *err);

struct learn_store {
    /* Reads, changes and keeps the state of exactly that key (its batch size apart) and that
     * identity in one step: of two owners at once each sees the change of the other, or the other
     * does.  *state_id (may be NULL) becomes the number of the state.  Returns 0 or WT_E_*. */
    int (*change)(void *ctx, const struct wt_profile_key *key, const struct wt_identity *identity,
                  learn_changer *changer, void *changer_ctx, int64_t *state_id,
                  struct wt_error *err);
    void *ctx; /* borrowed */
};

/* A state as a store gives it away. */
struct learn_state {
    int64_t id;
    char gpu_model[WT_NAME_LEN];
    unsigned gpu_count;
    struct wt_identity identity;
    size_t length; /* 0: longer than any that this program keeps */
    unsigned char bytes[LEARN_STATE_MOST];
};

#endif
