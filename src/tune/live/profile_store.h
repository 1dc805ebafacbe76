/* SPDX-License-Identifier: Apache-2.0
 *
 * A store of profiles in memory: for owners without a ledger, such as a training process that tunes
 * itself, or a test.  It forgets everything when freed, and has no lock: one thread uses it.
 */
#ifndef WATTUNE_TUNE_LIVE_PROFILE_STORE_H
#define WATTUNE_TUNE_LIVE_PROFILE_STORE_H

#include "tune/live/tuner.h"

struct memory_store;

/* Makes an empty store; the caller frees *out with memory_store_free(). */
int memory_store_new(struct memory_store **out, struct wt_error *err);
struct memory_store *memory_store_free(struct memory_store *store); /* takes NULL, returns NULL */

/* The ops table of a tuner over this store (borrowed).  Loading an unknown key gives no points;
 * saving replaces the points of the key. */
struct tuner_store memory_store_ops(struct memory_store *store);

#endif
