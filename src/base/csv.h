/* SPDX-License-Identifier: Apache-2.0
 *
 * Comma separated values, as spreadsheets and we ourselves write them (RFC 4180, but no line breaks
 * inside quotes): a row at a time, split in place.  A byte order mark, lines that end in "\r\n" and
 * empty lines are passed over; a field that is too long or no text is an error that names file and
 * line.
 */
#ifndef WATTUNE_BASE_CSV_H
#define WATTUNE_BASE_CSV_H

#include "base/buffer.h"
#include "base/error.h"

/* Longer than any row of ours; a file of another kind is noticed before a person is shown a
 * megabyte. */
enum { CSV_LINE_MOST = 2048, CSV_FIELDS_MOST = 64 };

struct csv {
    const char *path; /* for sentences; borrowed */
    unsigned line;    /* of the row read last, from 1 */
    unsigned field_count;
    char *fields[CSV_FIELDS_MOST]; /* of that row; valid until the text is freed */
    char *next, *end;              /* the rest, not read yet */
};

/* Reads from the text, which is changed and must outlive *csv. */
void csv_init(struct csv *csv, const char *path, struct buffer *text);

/* Goes to the next row: 1; 0 at the end; WT_E_PARSE. */
int csv_next(struct csv *csv, struct wt_error *err);

/* Which field of the row that was read, the heading, holds each name: place[i] for names[i], -1
 * when it is not there.  WT_E_PARSE: a name is there twice. */
int csv_columns(const struct csv *csv, const char *const names[], unsigned count, int place[],
                struct wt_error *err);

#endif
