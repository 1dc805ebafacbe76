/* SPDX-License-Identifier: Apache-2.0
 *
 * Recovery of power limits.
 */
#include "setup/recover.h"

#include <stddef.h>

#include "base/log.h"
#include "tune/act/guard.h"
#include "tune/act/journal.h"

void recover_limits(struct sense *sense)
{
    char folder[512];
    struct wt_error err;
    struct guard *guard = NULL;
    if (!sense_driver(sense) || journal_default_folder(folder, sizeof folder, NULL) ||
        guard_new(&guard_nvml, sense_driver(sense), folder, "recovery", &guard, &err))
        return;
    for (unsigned i = 0; i < sense_gpu_count(sense); i++) {
        enum guard_outcome outcome;
        const struct wt_device *device = sense_device(sense, i);
        int rc = guard_recover(guard, device, &outcome, &err);
        if (rc)
            log_warning("a killed run left its power limit on GPU %u: %s", device->index, err.text);
        else if (outcome == GUARD_RESTORED)
            log_note("a killed run left its power limit on GPU %u: it is back at what was found",
                     device->index);
        else if (outcome == GUARD_CHANGED_BY_OTHERS)
            log_note("a killed run had set the power limit of GPU %u, which somebody else has "
                     "changed: it is left as it is",
                     device->index);
    }
    guard_close(guard);
}
