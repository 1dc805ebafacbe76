/* SPDX-License-Identifier: Apache-2.0
 *
 * Recovery of settings.
 */
#include "setup/recover.h"

#include <stddef.h>

#include "base/log.h"
#include "tune/act/journal.h"
#include "tune/act/sensed.h"

static void recover_device(struct guard *guard, const struct wt_device *device)
{
    enum guard_outcome outcomes[WT_KNOBS];
    struct wt_error err;
    int rc = guard_recover(guard, device, outcomes, &err);
    if (rc)
        log_warning("a killed run left a setting on GPU %u: %s", device->index, err.text);
    for (unsigned k = 0; k < WT_KNOBS; k++)
        if (outcomes[k] == GUARD_RESTORED)
            log_note("a killed run left its %s on GPU %u: it is back at what was found",
                     guard_knob_name(k), device->index);
        else if (outcomes[k] == GUARD_CHANGED_BY_OTHERS)
            log_note("a killed run had set the %s of GPU %u, which somebody else has changed: it "
                     "is left as it is",
                     guard_knob_name(k), device->index);
}

void recover_limits(struct sense *sense)
{
    char folder[512];
    struct guard *guard = NULL;
    if (!sensed_can_set(sense) || journal_default_folder(folder, sizeof folder, NULL) ||
        guard_new(sensed_finder(sense), folder, "recovery", &guard, NULL))
        return;
    for (unsigned i = 0; i < sense_gpu_count(sense); i++)
        recover_device(guard, sense_device(sense, i));
    guard_close(guard);
}
