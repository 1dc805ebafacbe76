/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: a negative WT_E_* code (the list is in include/wattune.h) and, beside it, one sentence
 * for a person in a struct that the caller owns.  Every fallible function takes it as its last
 * parameter and accepts NULL.
 */
#ifndef WATTUNE_BASE_ERROR_H
#define WATTUNE_BASE_ERROR_H

#include "wattune.h"

struct wt_error {
    int code;       /* WT_E_* */
    char text[480]; /* one sentence without a final newline */
};

/* Fills *err (may be NULL) and returns `code`, so that `return error_set(err, WT_E_IO, ...)` reads
 * as one thought. */
int error_set(struct wt_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__ /* it does not look into error.c, and would take every failure for a     \
                             success */
#define error_set(err, code, ...) ((error_set)(err, code, __VA_ARGS__), (code))
#endif

/* Puts "context: " in front of the text of an error that is being passed on; returns its code. */
int error_prefix(struct wt_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "NO_PERMISSION" for WT_E_NO_PERMISSION; "UNKNOWN" for a number that is not in the list. */
const char *error_name(int code);

#endif
