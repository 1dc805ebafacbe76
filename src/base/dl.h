/* SPDX-License-Identifier: Apache-2.0
 *
 * Optional libraries, opened when needed.  A library opened here stays open: unloading drivers'
 * libraries is not safe while they have threads of their own.
 */
#ifndef WATTUNE_BASE_DL_H
#define WATTUNE_BASE_DL_H

#include "base/error.h"

/* Opens the first of `names` (NULL-terminated) that loads; returns the handle, or NULL with the
 * sentence in *err. */
void *dl_open_first(const char *const names[], struct wt_error *err);

/* The address of the first symbol of `names` (NULL-terminated, newest first) that the library has;
 * NULL if none. */
void *dl_first_symbol(void *library, const char *const names[]);

#endif
