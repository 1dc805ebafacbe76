/* SPDX-License-Identifier: Apache-2.0
 *
 * Beliefs about the batch sizes of a job, read from the states that the ledger keeps.
 */
#ifndef WATTUNE_ACCOUNT_STUDY_BELIEFS_H
#define WATTUNE_ACCOUNT_STUDY_BELIEFS_H

#include "account/ledger/ledger.h"

/* One entry for each state that can be read, the one changed last last; a warning names each of the
 * others.  The caller frees *beliefs with free(). */
int beliefs_read(struct ledger *ledger, const char *job, struct wt_beliefs **beliefs, size_t *count,
                 struct wt_error *err);

#endif
