/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard: the one way to a device's power limit.  A state machine without processes: take the
 * lease, check the range, journal the value found before the first write, write, read back,
 * restore.  It never clamps, and it restores only what it wrote itself: a limit that somebody else
 * has changed meanwhile is left alone and said. It must not know why a limit is set.
 */
#ifndef WATTUNE_TUNE_ACT_GUARD_H
#define WATTUNE_TUNE_ACT_GUARD_H

#include <stdbool.h>

#include "base/error.h"
#include "flow/device.h"

/* What the guard needs of a device; tune/act/nvml_ops.c fills it for NVML. */
struct guard_device_ops {
    int (*get_limit_mw)(void *driver, unsigned index, uint32_t *limit_mw, struct wt_error *err);
    int (*set_limit_mw)(void *driver, unsigned index, uint32_t limit_mw, struct wt_error *err);
};
extern const struct guard_device_ops guard_nvml;

enum guard_outcome {
    GUARD_NOTHING, /* there was nothing to put back */
    GUARD_RESTORED,
    GUARD_CHANGED_BY_OTHERS, /* the limit is not one we wrote: left as it is */
    GUARD_HELD, /* guard_recover(): a living holder has the lease, what it wrote is its own */
};

struct guard; /* the leases of one owner */

/* No lease is taken yet.  `folder` (copied) is the journal's; `holder` (copied) names the owner to
 * people.  Devices are set through ops and driver (borrowed).  The caller frees *out with
 * guard_close(), which restores nothing: a limit that is still set then is for the next start to
 * put back. */
int guard_new(const struct guard_device_ops *ops, void *driver, const char *folder,
              const char *holder, struct guard **out, struct wt_error *err);
struct guard *guard_close(struct guard *guard); /* takes NULL, returns NULL */

/* Takes the lease of a device and learns the limit in force, which is what will come back.  What a
 * dead holder left is put back first, so that the value found is the one before it.  WT_E_BUSY
 * names a living holder. */
int guard_take(struct guard *guard, const struct wt_device *device, uint32_t *found_mw,
               struct wt_error *err);

/* Sets the limit of a device whose lease was taken: WT_E_RANGE outside its range, WT_E_IGNORED when
 * the value read back is another than the one the driver confirmed, WT_E_BUSY when somebody else
 * has set a limit since ours (nothing is written). */
int guard_set(struct guard *guard, const struct wt_device *device, uint32_t limit_mw,
              struct wt_error *err);

/* Puts the limit found back and keeps the lease; *outcome says what was done.  On failure the
 * journal's entry stays. */
int guard_restore(struct guard *guard, const struct wt_device *device, enum guard_outcome *outcome,
                  struct wt_error *err);

/* True for a failure to restore that may be over in a while; false for one that a later call would
 * meet as well. */
bool guard_may_pass(int rc);

/* Restores what a dead holder left on this device, without taking a lease: 0 and GUARD_NOTHING when
 * there was nothing, GUARD_HELD when the holder lives, or has died so lately that the kernel has
 * not released its lock yet. */
int guard_recover(struct guard *guard, const struct wt_device *device, enum guard_outcome *outcome,
                  struct wt_error *err);

/* WT_E_RANGE when the device does not allow the limit, WT_E_NOT_SUPPORTED when it does not tell its
 * range. */
int guard_check(const struct wt_device *device, uint32_t limit_mw, struct wt_error *err);

/* Sets a limit that stays (`wattune limit set`): no lease remains and nothing will be put back.
 * WT_E_BUSY while one is held. */
int guard_set_for_good(struct guard *guard, const struct wt_device *device, uint32_t limit_mw,
                       struct wt_error *err);

#endif
