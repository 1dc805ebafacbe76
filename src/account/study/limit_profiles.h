/* SPDX-License-Identifier: Apache-2.0
 *
 * The profiles of power limits that a job has: a profile in the ledger may have points of other
 * knobs too, whose values are no watts.
 */
#ifndef WATTUNE_ACCOUNT_STUDY_LIMIT_PROFILES_H
#define WATTUNE_ACCOUNT_STUDY_LIMIT_PROFILES_H

#include "account/ledger/ledger.h"

/* Reads as ledger_profiles() does, without the points of other knobs and without profiles that have
 * nothing else.  The caller frees *profiles with free(). */
int limit_profiles(struct ledger *ledger, const char *job, struct ledger_profile **profiles,
                   size_t *count, struct wt_error *err);

#endif
