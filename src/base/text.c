/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that others chose: decoding, repairing and escaping UTF-8.
 */
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

size_t text_decode(const char *text, uint32_t *point)
{
    const unsigned char *b = (const unsigned char *)text;
    *point = b[0];
    if (b[0] < 0x80)
        return b[0] ? 1 : 0;
    size_t length = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t value = b[0] & (0x7fu >> length);
    bool valid = b[0] >= 0xc2 && b[0] <= 0xf4;
    for (size_t i = 1; valid && i < length;
         i++) { /* the final 0 is no continuation: never reads behind it */
        valid = (b[i] & 0xc0) == 0x80;
        value = value << 6 | (b[i] & 0x3f);
    }
    if (!valid || value < least[length] || value > 0x10ffff ||
        (value >= 0xd800 && value <= 0xdfff)) {
        *point = UINT32_MAX;
        return 1;
    }
    *point = value;
    return length;
}

void text_repair(struct buffer *out, const char *text)
{
    uint32_t point;
    for (size_t n; (n = text_decode(text, &point)) > 0; text += n) {
        if (point == UINT32_MAX)
            buffer_append(out, "\xef\xbf\xbd", 3);
        else
            buffer_append(out, text, n);
    }
}

/* Characters that move the cursor, turn the writing direction around or cannot be seen. */
static bool hidden(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0xad || point == 0x61c ||
           point == 0x200b || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
           point == 0xfeff || (point >= 0xe0000 && point <= 0xe007f);
}

/* One code point as it may be shown; returns its length in `shown`. */
static size_t show(char shown[16], const char *text, size_t n, uint32_t point)
{
    unsigned char byte = (unsigned char)text[0];
    if (point == '\n' || point == '\t' || point == '\r')
        return (size_t)snprintf(shown, 16, "\\%c", point == '\n' ? 'n' : point == '\t' ? 't' : 'r');
    if (point == UINT32_MAX || point < 0x20 || point == 0x7f)
        return (size_t)snprintf(shown, 16, "\\x%02x", byte);
    if (hidden(point))
        return (size_t)snprintf(shown, 16, point > 0xffff ? "\\U%08x" : "\\u%04x", point);
    memcpy(shown, text, n);
    return n;
}

void text_escape(struct buffer *out, const char *text)
{
    uint32_t point;
    char shown[16];
    for (size_t n; (n = text_decode(text, &point)) > 0; text += n)
        buffer_append(out, shown, show(shown, text, n, point));
}

char *text_escape_into(char *place, size_t size, const char *text)
{
    uint32_t point;
    char shown[16];
    size_t length = 0, whole = 0; /* whole: how much is kept when the rest does not fit */
    for (size_t n; (n = text_decode(text, &point)) > 0; text += n) {
        size_t more = show(shown, text, n, point);
        if (length + more + 1 > size) {
            memcpy(place + whole, "...", 4);
            return place;
        }
        memcpy(place + length, shown, more);
        length += more;
        if (length + 4 <= size)
            whole = length;
    }
    place[length] = '\0';
    return place;
}

size_t text_width(const char *text)
{
    uint32_t point;
    size_t width = 0;
    for (size_t n; (n = text_decode(text, &point)) > 0; text += n)
        width++;
    return width;
}

unsigned text_distance(const char *a, const char *b)
{
    unsigned row[TEXT_DISTANCE_MOST + 1];
    size_t width = strlen(b);
    if (width >= TEXT_DISTANCE_MOST || strlen(a) >= TEXT_DISTANCE_MOST)
        return TEXT_DISTANCE_MOST;
    for (unsigned k = 0; k <= width; k++)
        row[k] = k;
    for (unsigned i = 1; *a; i++, a++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned k = 1; k <= width; k++) {
            unsigned change = corner + (*a != b[k - 1]),
                     least = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;
            corner = row[k];
            row[k] = change < least ? change : least;
        }
    }
    return row[width];
}
