/* SPDX-License-Identifier: Apache-2.0
 *
 * The results of the tries of each batch size, summed over the runs that a state counts.
 */
#ifndef WATTUNE_ACCOUNT_STUDY_LEARNED_H
#define WATTUNE_ACCOUNT_STUDY_LEARNED_H

#include "account/ledger/ledger.h"

/* Fills sizes in rising order and *count; sizes beyond WT_MAX_BATCH_SIZES are left out.
 * WT_E_NOT_FOUND: no such job. */
int learned_read(struct ledger *ledger, const char *job, int64_t state_id,
                 struct wt_learned sizes[WT_MAX_BATCH_SIZES], unsigned *count,
                 struct wt_error *err);

#endif
