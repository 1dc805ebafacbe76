/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard: the one way to a device's settings.  A state machine without processes: take the
 * lease, check the range, journal the setting found before the first write, write, read back,
 * restore.  It never clamps, and it restores only its own writes: it leaves a setting that somebody
 * else has changed meanwhile, and reports that.  It must not know why a setting is chosen.
 *
 * Knobs.  A power limit can be read, so a foreign change is seen and respected.  A clock lock has
 * no getter in NVML: the guard restores it by a reset, or to the range given to
 * guard_clock_found(), cannot read back, and refuses a device whose state shows a lock that is not
 * its own.
 */
#ifndef WATTUNE_TUNE_ACT_GUARD_H
#define WATTUNE_TUNE_ACT_GUARD_H

#include <stdbool.h>

#include "base/error.h"
#include "flow/profile.h"

/* A clock lock's range, MHz; max 0: no lock. */
struct guard_range {
    uint32_t min, max;
};

/* One knob of one kind of device.  Functions return 0 or WT_E_*; values are in the knob's unit. */
struct guard_knob {
    /* NULL: the driver does not tell the value in force. */
    int (*read)(void *driver, unsigned index, uint32_t *value, struct wt_error *err);
    int (*set)(void *driver, unsigned index, uint32_t value, struct wt_error *err);
    /* Puts the setting found back; max 0: none was. */
    int (*reset)(void *driver, unsigned index, struct guard_range found, struct wt_error *err);
    /* WT_E_RANGE: the device does not allow the value; WT_E_NOT_SUPPORTED: it tells no range. */
    int (*check)(void *driver, const struct wt_device *device, uint32_t value,
                 struct wt_error *err);
    /* WT_E_BUSY: somebody else has set this knob.  NULL where `read` tells. */
    int (*is_free)(void *driver, const struct wt_device *device, struct wt_error *err);
};

struct guard_ops {
    const struct guard_knob *knobs[WT_KNOBS]; /* NULL: the device has no such knob */
};
extern const struct guard_ops guard_nvml; /* the driver is a struct nvml * */

/* The name of a knob in sentences: "power limit". */
const char *guard_knob_name(enum wt_knob knob);

/* Finds a device's ops and the driver to call them with (both borrowed); WT_E_NOT_SUPPORTED when
 * nothing can be set on it. */
struct guard_finder {
    int (*find)(void *ctx, const struct wt_device *device, const struct guard_ops **ops,
                void **driver, struct wt_error *err);
    void *ctx;
};

enum guard_outcome {
    GUARD_NOTHING, /* nothing was owed */
    GUARD_RESTORED,
    GUARD_CHANGED_BY_OTHERS, /* the setting is not one of ours: left as it is */
    GUARD_HELD, /* guard_recover(): a living holder has the lease, and its settings are its own */
};

struct guard; /* the leases of one owner */

/* Makes a guard without leases.  `folder` (copied) is the journal's; `holder` (copied) names the
 * owner to people.  The caller frees *out with guard_close(), which restores nothing: a setting
 * that is still in force then is for the next start to put back. */
int guard_new(struct guard_finder finder, const char *folder, const char *holder,
              struct guard **out, struct wt_error *err);
struct guard *guard_close(struct guard *guard); /* takes NULL, returns NULL */

/* Gives the clock lock that the site keeps on its GPUs, since no driver tells it: leases taken from
 * here on return to it, and do not take its signs for somebody else's. */
void guard_clock_found(struct guard *guard, struct guard_range mhz);

/* Takes the lease of a device for one knob, and learns the setting that will come back (of a clock
 * lock: the upper end, 0 for none).  Puts back a dead holder's settings first.  WT_E_BUSY names a
 * living holder, or the sign of a setting by somebody else. */
int guard_take(struct guard *guard, const struct wt_device *device, enum wt_knob knob,
               struct wt_setting *found, struct wt_error *err);

/* Sets a knob of a device whose lease was taken for it: WT_E_RANGE outside its range, WT_E_IGNORED
 * when the value read back is another than the one the driver confirmed, WT_E_BUSY when somebody
 * else has set the knob since our last write (nothing is written). */
int guard_set(struct guard *guard, const struct wt_device *device, struct wt_setting setting,
              struct wt_error *err);

/* Puts the setting found back and keeps the lease; *outcome is the deed.  On failure the journal's
 * entry stays. */
int guard_restore(struct guard *guard, const struct wt_device *device, enum wt_knob knob,
                  enum guard_outcome *outcome, struct wt_error *err);

/* True for a failure to restore that may be over in a while; false for one that a later call would
 * meet as well. */
bool guard_may_pass(int rc);

/* Restores the settings of a dead holder on this device, every knob of it, without taking a lease.
 * outcomes[] has one entry a knob: GUARD_HELD when the holder lives, or has died so lately that the
 * kernel has not released its lock yet.  A failing knob keeps none of the others from its own
 * restore; the first failure is returned. */
int guard_recover(struct guard *guard, const struct wt_device *device,
                  enum guard_outcome outcomes[WT_KNOBS], struct wt_error *err);

/* Checks a setting against the device's range: WT_E_RANGE, or WT_E_NOT_SUPPORTED when it does not
 * tell its range or has no such knob. */
int guard_check(struct guard *guard, const struct wt_device *device, struct wt_setting setting,
                struct wt_error *err);

/* The check of a power limit against the range that the device told. */
int guard_check_limit(const struct wt_device *device, uint32_t limit_mw, struct wt_error *err);

/* Makes a setting that stays (`wattune limit set`): no lease remains and nothing will be put back.
 * WT_E_BUSY while one is held. */
int guard_set_for_good(struct guard *guard, const struct wt_device *device,
                       struct wt_setting setting, struct wt_error *err);

#endif
