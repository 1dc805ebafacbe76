/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside carbon/: reading a table of figures.  Columns are rows of a const table that is check and
 * sentence at once; a file has them in any order, and may have others.  Knows no figure.
 */
#ifndef WATTUNE_ACCOUNT_CARBON_TABLES_H
#define WATTUNE_ACCOUNT_CARBON_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/csv.h"

enum carbon_need {
    CARBON_NEEDED,   /* the column, and a value in every row */
    CARBON_MAY_LACK, /* the value, or the whole column */
};

struct carbon_column {
    const char *name;
    enum carbon_need need;
    /* of a number; most 0: it is a text, and least its longest length in bytes */
    double least, most;
    bool whole;
};

enum { CARBON_COLUMNS_MOST = 16 };

struct carbon_table_reader {
    struct csv csv;
    const struct carbon_column *columns;
    unsigned count, heading_count;
    int place[CARBON_COLUMNS_MOST];
};

/* Reads the heading.  WT_E_PARSE names path and line, or a column that is missing. */
int carbon_table_open(struct carbon_table_reader *reader, const char *path, struct buffer *text,
                      const struct carbon_column columns[], unsigned count, struct wt_error *err);

/* Goes to the next row, all of whose values are checked: 1; 0 at the end; WT_E_PARSE. */
int carbon_table_next(struct carbon_table_reader *reader, struct wt_error *err);

/* Of that row: "" and NaN where it has none. */
const char *carbon_table_text(const struct carbon_table_reader *reader, unsigned column);
double carbon_table_number(const struct carbon_table_reader *reader, unsigned column);

/* Room for one more element behind `count` of them; the array as it is now, NULL when out of memory
 * (the old one stays). */
void *carbon_table_grow(void *array, size_t count, size_t size);

#endif
