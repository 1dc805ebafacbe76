/* SPDX-License-Identifier: Apache-2.0
 *
 * One knob of one device, inside act/: finding its ops, writing it, putting it back.  It must not
 * know leases or the journal's files.
 */
#ifndef WATTUNE_TUNE_ACT_KNOB_H
#define WATTUNE_TUNE_ACT_KNOB_H

#include "tune/act/guard.h"
#include "tune/act/journal.h"

/* A device with its knob's ops, for as long as one call takes. */
struct target {
    const struct wt_device *device;
    enum wt_knob knob;
    const struct guard_knob *ops;
    void *driver;
};

/* The words of a knob in sentences, its unit, and the number of its values that make one of that.
 */
struct knob_words {
    const char *name, *brief, *unit;
    double scale;
};
extern const struct knob_words knob_words[WT_KNOBS];

/* Finds the ops of a device's knob; WT_E_NOT_SUPPORTED when it has none. */
int knob_aim(struct guard_finder finder, const struct wt_device *device, enum wt_knob knob,
             struct target *target, struct wt_error *err);

/* Reads the value in force; only where ops->read is not NULL. */
int knob_read(const struct target *target, uint32_t *value, struct wt_error *err);

/* Writes a value and reads it back: *now is the value there afterwards, meaningful with 0 and
 * WT_E_IGNORED. */
int knob_write(const struct target *target, uint32_t value, uint32_t *now, struct wt_error *err);

/* True for a value that is there by our doing: the one found, or one that we may have written. */
bool knob_is_ours(const struct journal_debt *debt, uint32_t value);

/* False for a debt whose found value this device cannot have had: none of ours. */
bool knob_is_possible(const struct target *target, const struct journal_debt *debt);

/* Puts one knob back, unless somebody else has changed it.  A knob that cannot be read is always
 * reset: the journal alone knows that a lock may be ours. */
int knob_put_back(const struct target *target, const struct journal_debt *debt,
                  enum guard_outcome *outcome, struct wt_error *err);

#endif
