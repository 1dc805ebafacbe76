/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing string.  After a failed allocation it stays as it was, remembers the failure and
 * ignores further appends, so that a writer checks once at the end.
 */
#ifndef WATTUNE_BASE_BUFFER_H
#define WATTUNE_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *text; /* always 0-terminated once something was appended; NULL before */
    size_t length, capacity;
    bool failed;
};

void buffer_append(struct buffer *buffer, const char *bytes, size_t length);
void buffer_print(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The text, "" when empty; valid until the next append. */
const char *buffer_text(const struct buffer *buffer);

/* Frees the text and makes the buffer empty again. */
void buffer_clear(struct buffer *buffer);

#endif
