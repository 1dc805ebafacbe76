/* SPDX-License-Identifier: Apache-2.0
 *
 * The doctor: checks of a machine, one line each: devices, driver, permissions, sensors, powercap,
 * settings that killed runs left, configuration, ledger, progress channel.  Writes nothing to a
 * device, except that a setting which a killed run left goes back, as with every command.  Must not
 * know argv or formats.
 */
#ifndef WATTUNE_SETUP_DOCTOR_H
#define WATTUNE_SETUP_DOCTOR_H

#include "base/error.h"
#include "flow/check.h"
#include "flow/device.h"
#include "setup/setup.h"

/* Four lines a device, and some of the machine. */
enum { DOCTOR_CHECKS = 4 * WT_MAX_DEVICES + 16 };

struct doctor {
    unsigned count, sources; /* sources: devices whose energy can be measured */
    struct wt_check spare;   /* takes a line that does not fit */
    struct wt_check checks[DOCTOR_CHECKS];
};

/* Examines the machine for 1.5 seconds.  *devices_error is why the devices could not be opened (a
 * line of the checks as well), code 0: they could.  The caller frees *out with doctor_free().
 * WT_E_NO_MEMORY. */
int doctor_examine(struct doctor **out, const struct setup *setup, struct wt_error *devices_error,
                   struct wt_error *err);
struct doctor *doctor_free(struct doctor *doctor); /* takes NULL, returns NULL */

#endif
