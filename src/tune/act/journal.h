/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of settings: before a setting is written to a device, the one found there is on disk,
 * so that the next program can put it back.  One entry a device, with a line for each knob that is
 * owed: `DIR/UUID.setting`, replaced in one step.  Beside it lies `DIR/UUID.lock`, held (flock) for
 * as long as its lease lives and signed by its holder; the kernel releases it when the holder is
 * gone.
 *
 * Versions.  Programs of version 1 keep `DIR/UUID.limit` ("wattune-limit 1"), take the same lock,
 * and delete a `.limit` file whose first line they do not know.  Version 2 therefore has a file
 * name of its own: an older program never opens it, and the debt outlives that program's run.  An
 * older program that runs in between takes our limit for the one found and returns to it, and the
 * next program of version 2 then puts back the true one.  For the same reason a `.limit` file is
 * the younger one where both are there: version 2 settles it before it writes anything.
 */
#ifndef WATTUNE_TUNE_ACT_JOURNAL_H
#define WATTUNE_TUNE_ACT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "flow/profile.h"

/* A knob's debt, in the knob's own unit (flow/profile.h). */
struct journal_debt {
    bool owed;
    uint32_t found;      /* the setting to put back; 0, for a clock lock only: none, so a reset */
    uint32_t found_min;  /* the lower end of the clock lock found; 0 for other knobs */
    uint32_t written[2]; /* the value possibly written last, and the one before; 0: nothing */
};

struct journal_entry {
    char boot_id[40]; /* a driver forgets settings at boot, and an entry of another one is void */
    char uuid[WT_UUID_LEN];
    char holder[80]; /* the lease's holder, for people: "wattune run (pid 42)" */
    struct journal_debt debts[WT_KNOBS];
};

enum journal_version {
    JOURNAL_LIMIT = 1,   /* UUID.limit, of older programs: read, never written */
    JOURNAL_SETTING = 2, /* UUID.setting */
};

/* Writes the folder's path: $XDG_RUNTIME_DIR/wattune, for root /run/wattune; where neither is
 * there, $XDG_STATE_HOME/wattune.  Makes it when missing (0700). */
int journal_default_folder(char folder[], size_t size, struct wt_error *err);

/* Takes the lease of a device: *lock_fd is the held lock (close it to give the lease back).
 * WT_E_BUSY names the holder.  An entry of a dead holder stays as it is: read it. */
int journal_lock(const char *folder, const char *uuid, int *lock_fd, struct wt_error *err);

/* Names the holder in the lock, for programs that find it held. */
void journal_sign(int lock_fd, const char *holder);

/* Reads a device's entry of one version, and changes nothing on disk.
 * WT_E_NOT_FOUND: there is no such file.
 * WT_E_PARSE: the file is no entry, or of another boot: it is worth nothing (journal_remove()).
 * WT_E_VERSION: a newer program wrote it: leave it alone, and do not write to the device.
 * Any other code: the disk does not tell, so write nothing as if there were no entry. */
int journal_read(const char *folder, const char *uuid, enum journal_version version,
                 struct journal_entry *entry, struct wt_error *err);

/* Replaces the device's entry (JOURNAL_SETTING) in one step. */
int journal_write(const char *folder, const struct journal_entry *entry, struct wt_error *err);

/* Removes the device's entry of one version; 0 also when there is none. */
int journal_remove(const char *folder, const char *uuid, enum journal_version version,
                   struct wt_error *err);

/* Lists the devices that have an entry, of a living holder or a dead one: writes at most `capacity`
 * UUIDs and returns how many. */
unsigned journal_list(const char *folder, char uuids[][WT_UUID_LEN], unsigned capacity);

/* Writes the id of this boot; "unknown" where the kernel does not tell at all. */
int journal_boot_id(char boot_id[40], struct wt_error *err);

#endif
