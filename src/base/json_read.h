/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading JSON that others wrote: one object, or a list of them, with a few wanted members.  Each
 * member has the expected type or the whole is refused; others are passed over.
 */
#ifndef WATTUNE_BASE_JSON_READ_H
#define WATTUNE_BASE_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct json_wanted {
    const char *name;
    bool needed; /* otherwise it may be missing or null, and its place stays as it is */
    char *text;  /* one of the three: a string, of at most text_size - 1 bytes without a byte 0 */
    size_t text_size;
    double *number; /* a number, not a string that holds one */
    bool *truth;
};

/* WT_E_PARSE: no JSON object, or a member is missing or of another type; the sentence says which.
 * Outputs are untouched then, as after WT_E_NO_MEMORY. */
int json_read_object(const char *text, size_t length, const struct json_wanted wanted[],
                     unsigned count, struct wt_error *err);

/* The same for each object in the list that is a member of an object: reads it, then calls
 * take(), until one is negative, which is returned.  Members that an object lacks stay as they
 * were before the first, so that take() sees which were there when it resets them. */
int json_read_list(const char *text, size_t length, const char *name,
                   const struct json_wanted wanted[], unsigned count,
                   int (*take)(void *ctx, struct wt_error *err), void *ctx, struct wt_error *err);

#endif
