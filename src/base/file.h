/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: whole reads with a bound, writes that are there whole or not at all, folders that only we
 * may enter.
 */
#ifndef WATTUNE_BASE_FILE_H
#define WATTUNE_BASE_FILE_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Appends the file's bytes to *out; more than `most` bytes is WT_E_RANGE, no such file
 * WT_E_NOT_FOUND. */
int file_read(const char *path, size_t most, struct buffer *out, struct wt_error *err);

/* Replaces the file in one step: a new file beside it, fsync, rename, fsync of the folder.  After a
 * crash or a full disk the old or the new content is there, whole. */
int file_write_atomic(const char *path, const char *bytes, size_t length, unsigned mode,
                      struct wt_error *err);

/* The same for a path that a person gave: a path that is no regular file (/dev/stdout, a pipe)
 * is written to. */
int file_write(const char *path, const char *bytes, size_t length, unsigned mode,
               struct wt_error *err);

/* Checks, before hours of work, that file_write() can begin: WT_E_NOT_FOUND or WT_E_NO_PERMISSION
 * with a sentence about the folder, WT_E_INVALID when `path` is a folder itself. */
int file_check_writable(const char *path, struct wt_error *err);

/* Makes the last folder of `path` (0700; parents too when `parents`), or checks that it is a
 * real folder (no link), ours, and closed to others for writing. */
int file_private_folder(const char *path, int parents, struct wt_error *err);

/* Moves a close-on-exec descriptor of ours away from 0, 1 and 2, which a program may have been
 * started without.  Takes and returns -1 with errno. */
int file_above_standard(int fd);

#endif
