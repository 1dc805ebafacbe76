/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that others chose, on their way to a page.  Job names and device names are bytes: they may
 * hold control characters, text direction marks or no valid UTF-8 at all.  JSON needs them valid, a
 * terminal needs them harmless.
 */
#ifndef WATTUNE_BASE_TEXT_H
#define WATTUNE_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Reads one code point of a 0-terminated text; returns how many bytes it took (0 at the end).  A
 * byte that is no part of valid UTF-8 (overlong, surrogate, above U+10FFFF, cut short) takes 1 and
 * gives UINT32_MAX. */
size_t text_decode(const char *text, uint32_t *point);

/* Appends the text as valid UTF-8: each wrong byte becomes U+FFFD. */
void text_repair(struct buffer *out, const char *text);

/* Appends the text as it may be shown on a terminal: control characters, direction marks and
 * invisible separators become \n, \x1b or \u202e, wrong bytes \xff. */
void text_escape(struct buffer *out, const char *text);

/* The same into a fixed place, cut with "..." when it does not fit (size at least 16); returns
 * `place`. */
char *text_escape_into(char *place, size_t size, const char *text);

/* How many code points a valid or invalid text has: its width in columns, near enough for names. */
size_t text_width(const char *text);

/* The number of single bytes that have to change to make one name of the other (Levenshtein);
 * TEXT_DISTANCE_MOST when one is that long.  For naming the nearest word to a mistyped one. */
enum { TEXT_DISTANCE_MOST = 63 };
unsigned text_distance(const char *a, const char *b);

#endif
