/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a table of figures.
 */
#include "account/carbon/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"

int carbon_table_open(struct carbon_table_reader *reader, const char *path, struct buffer *text,
                      const struct carbon_column columns[], unsigned count, struct wt_error *err)
{
    const char *names[CARBON_COLUMNS_MOST];
    *reader = (struct carbon_table_reader){.columns = columns, .count = count};
    csv_init(&reader->csv, path, text);
    int rc = csv_next(&reader->csv, err);
    if (rc == 0)
        return error_set(err, WT_E_PARSE, "%s: the file is empty", path);
    for (unsigned i = 0; i < count; i++)
        names[i] = columns[i].name;
    if (rc > 0)
        rc = csv_columns(&reader->csv, names, count, reader->place, err);
    if (rc < 0)
        return rc;
    reader->heading_count = reader->csv.field_count;
    for (unsigned i = 0; i < count; i++)
        if (columns[i].need == CARBON_NEEDED && reader->place[i] < 0)
            return error_set(err, WT_E_PARSE, "%s:%u: the heading has no column %s", path,
                             reader->csv.line, names[i]);
    return 0;
}

const char *carbon_table_text(const struct carbon_table_reader *reader, unsigned column)
{
    int place = reader->place[column];
    return place < 0 ? "" : reader->csv.fields[place];
}

double carbon_table_number(const struct carbon_table_reader *reader, unsigned column)
{
    const struct carbon_column *about = &reader->columns[column];
    double value = NAN;
    const char *text = carbon_table_text(reader, column);
    if (*text && parse_number(text, about->least, about->most, &value) == 0 && about->whole &&
        value != trunc(value))
        return NAN;
    return value;
}

static int check(const struct carbon_table_reader *reader, unsigned column, struct wt_error *err)
{
    const struct carbon_column *about = &reader->columns[column];
    const struct csv *csv = &reader->csv;
    const char *text = carbon_table_text(reader, column);
    char shown[64];
    if (!*text)
        return about->need == CARBON_MAY_LACK
                   ? 0
                   : error_set(err, WT_E_PARSE, "%s:%u: the row has no %s", csv->path, csv->line,
                               about->name);
    if (about->most == 0 && strlen(text) > (size_t)about->least)
        return error_set(err, WT_E_PARSE, "%s:%u: %s is longer than %g bytes", csv->path, csv->line,
                         about->name, about->least);
    if (about->most > 0 && isnan(carbon_table_number(reader, column)))
        return error_set(err, WT_E_PARSE,
                         "%s:%u: %s is \"%s\", which is not a %snumber from %g to %g", csv->path,
                         csv->line, about->name, text_escape_into(shown, sizeof shown, text),
                         about->whole ? "whole " : "", about->least, about->most);
    return 0;
}

int carbon_table_next(struct carbon_table_reader *reader, struct wt_error *err)
{
    int rc = csv_next(&reader->csv, err);
    if (rc <= 0)
        return rc;
    if (reader->csv.field_count != reader->heading_count)
        return error_set(err, WT_E_PARSE, "%s:%u: the row has %u columns and the heading %u",
                         reader->csv.path, reader->csv.line, reader->csv.field_count,
                         reader->heading_count);
    for (unsigned i = 0; i < reader->count; i++)
        if ((rc = check(reader, i, err)) < 0)
            return rc;
    return 1;
}

void *carbon_table_grow(void *array, size_t count, size_t size)
{
    if (count & (count - 1)) /* it grows where the count is 0 or a power of two */
        return array;
    return realloc(array, (count ? 2 * count : 1) * size);
}
