/* SPDX-License-Identifier: Apache-2.0
 *
 * The reasons for the choice of a job: gathers the ledger's knowledge of the job on one kind of
 * GPU, and has tune/decide/explain.h explain it.
 */
#ifndef WATTUNE_ACCOUNT_STUDY_EXPLAIN_H
#define WATTUNE_ACCOUNT_STUDY_EXPLAIN_H

#include "account/ledger/ledger.h"

/* Explains the job on the GPUs that were profiled last, at the batch size given (0: the one
 * believed to be cheapest, else the one profiled last).  WT_E_NOT_FOUND: no such job. WT_E_NO_DATA:
 * it has no profile, or none of that batch size. */
int explain_job(struct ledger *ledger, const char *job, uint32_t batch_size,
                struct wt_explanation *explanation, struct wt_error *err);

#endif
