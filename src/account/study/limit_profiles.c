/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads profiles of power limits.
 */
#include "account/study/limit_profiles.h"

#include "tune/decide/profile.h"

int limit_profiles(struct ledger *ledger, const char *job, struct ledger_profile **profiles,
                   size_t *count, struct wt_error *err)
{
    size_t read = 0, kept = 0;
    int rc = ledger_profiles(ledger, job, profiles, &read, err);
    for (size_t i = 0; rc == 0 && i < read; i++) {
        struct ledger_profile *profile = &(*profiles)[i];
        profile->count = profile_keep_knob(profile->points, profile->count, WT_KNOB_POWER_LIMIT);
        if (profile->count)
            (*profiles)[kept++] = *profile;
    }
    if (rc == 0)
        *count = kept;
    return rc;
}
