/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of limits: before a limit is written, the value found is on disk, so that whoever
 * comes next can put it back.  One entry a device: `DIR/UUID.limit`, replaced in one step; beside
 * it `DIR/UUID.lock`, held (flock) for as long as its lease lives, signed by its holder, and
 * released by the kernel when the holder is gone.
 */
#ifndef WATTUNE_TUNE_ACT_JOURNAL_H
#define WATTUNE_TUNE_ACT_JOURNAL_H

#include <stddef.h>

#include "base/error.h"
#include "flow/device.h"

struct journal_entry {
    char boot_id[40]; /* entries of an earlier boot are worthless: the driver forgot the limits too
                       */
    char uuid[WT_UUID_LEN];
    char holder[80];        /* who holds the lease, for people: "wattune run (pid 42)" */
    uint32_t found_mw;      /* the limit at the start: what comes back */
    uint32_t written_mw[2]; /* what we may have written last, and the one before; 0: nothing */
};

/* $XDG_RUNTIME_DIR/wattune, root: /run/wattune; neither there: $XDG_STATE_HOME/wattune.  Made when
 * missing (0700). */
int journal_default_folder(char folder[], size_t size, struct wt_error *err);

/* Takes the lease of a device: *lock_fd is the held lock (close it to give the lease back).
 * WT_E_BUSY names the holder. An entry that a dead holder left is not touched: read it. */
int journal_lock(const char *folder, const char *uuid, int *lock_fd, struct wt_error *err);

/* Names the holder in the lock, for those who find it held. */
void journal_sign(int lock_fd, const char *holder);

/* WT_E_NOT_FOUND: there is none (also: of an earlier boot, or not an entry; both are removed).  Any
 * other code: whether there is one could not be found out, so that nothing may be written as if
 * there were none. */
int journal_read(const char *folder, const char *uuid, struct journal_entry *entry,
                 struct wt_error *err);
int journal_write(const char *folder, const struct journal_entry *entry, struct wt_error *err);
int journal_remove(const char *folder, const char *uuid, struct wt_error *err);

/* The devices that have an entry, living or left: at most `capacity` are written; returns how many.
 */
unsigned journal_list(const char *folder, char uuids[][WT_UUID_LEN], unsigned capacity);

/* The id of this boot; "unknown" where the kernel does not tell at all. */
int journal_boot_id(char boot_id[40], struct wt_error *err);

#endif
