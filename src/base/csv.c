/* SPDX-License-Identifier: Apache-2.0
 *
 * Comma separated values.
 */
#include "base/csv.h"

#include <string.h>

void csv_init(struct csv *csv, const char *path, struct buffer *text)
{
    *csv = (struct csv){.path = path, .next = text->text, .end = text->text};
    if (text->length) /* otherwise there is no text at all */
        csv->end += text->length;
    if (text->length >= 3 && memcmp(text->text, "\xef\xbb\xbf", 3) == 0)
        csv->next += 3; /* a byte order mark: a spreadsheet has had the file */
}

/* Splits the line, which ends with a 0; a quoted field may hold commas and doubled quotes. */
static int split(struct csv *csv, char *from)
{
    csv->field_count = 0;
    for (;;) {
        if (csv->field_count == CSV_FIELDS_MOST)
            return WT_E_PARSE;
        char *to = from;
        csv->fields[csv->field_count++] = to;
        if (*from == '"') {
            for (from++; *from && !(from[0] == '"' && from[1] != '"'); from++) {
                if (*from == '"')
                    from++;
                *to++ = *from;
            }
            if (*from++ != '"')
                return WT_E_PARSE;
        } else {
            from += strcspn(from, ",");
            to = from;
        }
        char after = *from;
        if (after && after != ',')
            return WT_E_PARSE;
        *to = '\0';
        if (!after)
            return 0;
        from++;
    }
}

int csv_next(struct csv *csv, struct wt_error *err)
{
    while (csv->next < csv->end) {
        char *from = csv->next, *newline = memchr(from, '\n', (size_t)(csv->end - from));
        size_t length = (size_t)((newline ? newline : csv->end) - from);
        csv->next = newline ? newline + 1 : csv->end;
        csv->line++;
        if (length && from[length - 1] == '\r')
            length--;
        if (length >= CSV_LINE_MOST)
            return error_set(err, WT_E_PARSE, "%s:%u: the line is longer than %d bytes", csv->path,
                             csv->line, CSV_LINE_MOST);
        if (memchr(from, '\0', length))
            return error_set(err, WT_E_PARSE, "%s:%u: the line is no text: it holds a byte 0",
                             csv->path, csv->line);
        if (length == 0)
            continue;
        from[length] =
            '\0'; /* in place of its end; the text's last line is followed by a 0 already */
        if (split(csv, from))
            return error_set(err, WT_E_PARSE,
                             "%s:%u: the quotes or columns of this line do not fit", csv->path,
                             csv->line);
        return 1;
    }
    return 0;
}

int csv_columns(const struct csv *csv, const char *const names[], unsigned count, int place[],
                struct wt_error *err)
{
    for (unsigned i = 0; i < count; i++) {
        place[i] = -1;
        for (unsigned f = 0; f < csv->field_count; f++) {
            if (strcmp(csv->fields[f], names[i]) != 0)
                continue;
            if (place[i] >= 0)
                return error_set(err, WT_E_PARSE, "%s:%u: there are two columns %s", csv->path,
                                 csv->line, names[i]);
            place[i] = (int)f;
        }
    }
    return 0;
}
