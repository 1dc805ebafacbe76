/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of yearly averages.
 */
#include "account/carbon/intensity.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "account/carbon/data.h"
#include "account/carbon/tables.h"
#include "base/text.h"

/* There are 250 countries, and some have regions; quadratic searches stay cheap. */
enum { ROWS_MOST = 4096, SIMILAR_MOST = 4, FAR = 5 };

enum column { CODE, NAME, G_PER_KWH, SOURCE, YEAR, COLUMNS };
static const struct carbon_column columns[COLUMNS] = {
    [CODE] = {"code", CARBON_NEEDED, CARBON_CODE_LEN - 1, 0, false},
    [NAME] = {"name", CARBON_MAY_LACK, 63, 0, false},
    [G_PER_KWH] = {"g_per_kwh", CARBON_NEEDED, 0, CARBON_INTENSITY_MOST, false},
    [SOURCE] = {"source", CARBON_NEEDED, 119, 0, false},
    [YEAR] = {"year", CARBON_NEEDED, 1900, 2200, true},
};

const char *carbon_intensity_source_name(enum carbon_intensity_source source)
{
    static const char *const names[] = {"unknown",  "given", "series",
                                        "provider", "table", "assumed"};
    return (unsigned)source < sizeof names / sizeof names[0] ? names[source] : names[0];
}

static const struct carbon_intensity_row *find(const struct carbon_intensity_table *table,
                                               const char *code)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcasecmp(table->rows[i].code, code) == 0)
            return &table->rows[i];
    return NULL;
}

static int take_row(const struct carbon_table_reader *reader,
                    const struct carbon_intensity_table *table, struct carbon_intensity_row *row,
                    struct wt_error *err)
{
    const char *path = reader->csv.path, *code = carbon_table_text(reader, CODE);
    unsigned line = reader->csv.line;
    char shown[48];
    for (const char *c = code; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            return error_set(err, WT_E_PARSE,
                             "%s:%u: a code is made of letters, digits, - and _, not \"%s\"", path,
                             line, text_escape_into(shown, sizeof shown, code));
    const struct carbon_intensity_row *before = find(table, code);
    if (before)
        return error_set(err, WT_E_PARSE, "%s:%u: %s is in line %u already", path, line, code,
                         before->line);
    *row = (struct carbon_intensity_row){.g_per_kwh = carbon_table_number(reader, G_PER_KWH),
                                         .year = (int)carbon_table_number(reader, YEAR),
                                         .line = line};
    strcpy(row->code, code); /* their columns bound them */
    strcpy(row->name, carbon_table_text(reader, NAME));
    strcpy(row->source, carbon_table_text(reader, SOURCE));
    return 0;
}

/* No grid emits less than a gram in all of its rows: such a table is one in kg. */
static int check_unit(const struct carbon_intensity_table *table, const char *path,
                      struct wt_error *err)
{
    double most = 0;
    unsigned line = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].g_per_kwh > most) {
            most = table->rows[i].g_per_kwh;
            line = table->rows[i].line;
        }
    if (most == 0 || most >= 1)
        return 0;
    return error_set(
        err, WT_E_RANGE,
        "%s:%u: the largest g_per_kwh is %g; is this table in kg/kWh? It has to be in g/kWh", path,
        line, most);
}

int carbon_intensity_table_parse(struct carbon_intensity_table *table, const char *path,
                                 struct buffer *text, struct wt_error *err)
{
    struct carbon_table_reader reader;
    struct carbon_intensity_row row;
    *table = (struct carbon_intensity_table){0};
    int rc = carbon_table_open(&reader, path, text, columns, COLUMNS, err);
    while (rc == 0 && (rc = carbon_table_next(&reader, err)) > 0) {
        rc = take_row(&reader, table, &row, err);
        if (rc == 0 && table->count == ROWS_MOST)
            rc = error_set(err, WT_E_RANGE, "%s:%u: a table has at most %d rows", path,
                           reader.csv.line, ROWS_MOST);
        if (rc)
            break;
        struct carbon_intensity_row *rows =
            carbon_table_grow(table->rows, table->count, sizeof *rows);
        if (!rows) {
            rc = error_set(err, WT_E_NO_MEMORY, "read %s: out of memory", path);
            break;
        }
        table->rows = rows;
        table->rows[table->count++] = row;
    }
    if (rc == 0)
        rc = check_unit(table, path, err);
    if (rc)
        carbon_intensity_table_clear(table);
    return rc;
}

int carbon_intensity_builtin(struct carbon_intensity_table *table, struct wt_error *err)
{
    struct buffer text = {0};
    *table = (struct carbon_intensity_table){0};
    buffer_append(&text, carbon_intensity_csv, carbon_intensity_csv_size);
    int rc = text.failed
                 ? error_set(err, WT_E_NO_MEMORY, "read the table of intensities: out of memory")
                 : carbon_intensity_table_parse(table, "intensity.csv", &text, err);
    buffer_clear(&text);
    return rc;
}

void carbon_intensity_table_clear(struct carbon_intensity_table *table)
{
    free(table->rows);
    *table = (struct carbon_intensity_table){0};
}

/* "uk" for "United Kingdom". */
static bool is_initials(const char *name, const char *code)
{
    for (bool begins = true; *name; begins = *name++ == ' ')
        if (begins && tolower((unsigned char)*name) != tolower((unsigned char)*code++))
            return false;
    return *code == '\0';
}

/* The distance of a row from a typed name: 0 is the name; FAR: nothing like it. */
static unsigned far_from(const struct carbon_intensity_row *row, const char *typed)
{
    size_t length = strlen(typed);
    char code[CARBON_CODE_LEN], wanted[CARBON_CODE_LEN];
    if (strcasecmp(row->name, typed) == 0 || (length >= 2 && is_initials(row->name, typed)))
        return 0;
    if (length >= 2 && strncasecmp(row->code, typed, length) == 0)
        return 1;
    if (length >= 2 && strncasecmp(row->name, typed, length) == 0)
        return 2;
    if (length < 3 || length >= CARBON_CODE_LEN)
        return FAR;
    for (size_t i = 0; i <= length; i++)
        wanted[i] = (char)toupper((unsigned char)typed[i]);
    for (size_t i = 0; i < CARBON_CODE_LEN; i++)
        code[i] = (char)toupper((unsigned char)row->code[i]);
    unsigned distance = text_distance(code, wanted);
    return distance <= 2 ? 2 + distance : FAR;
}

/* The nearest rows, all equally near, into `words`; true when there are any. */
static bool put_similar(const struct carbon_intensity_table *const tables[], unsigned count,
                        const char *typed, char *words, size_t size)
{
    unsigned nearest = FAR, found = 0;
    size_t used = 0;
    for (unsigned t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct carbon_intensity_row *row = &tables[t]->rows[i];
            unsigned far = far_from(row, typed);
            if (far == FAR || far > nearest || (far == nearest && found == SIMILAR_MOST))
                continue;
            if (far < nearest)
                used = found = 0;
            nearest = far;
            int n =
                snprintf(words + used, size - used, "%s%s%s%s%s", found++ ? ", " : "", row->code,
                         row->name[0] ? " (" : "", row->name, row->name[0] ? ")" : "");
            used = (size_t)n < size - used ? used + (size_t)n : size - 1;
        }
    return found > 0;
}

int carbon_intensity_find(const struct carbon_intensity_table *const tables[], unsigned count,
                          const char *code, const struct carbon_intensity_row **row,
                          struct wt_error *err)
{
    char shown[48], raw[300], similar[350];
    for (unsigned i = 0; i < count; i++) {
        const struct carbon_intensity_row *found = find(tables[i], code);
        if (found) {
            *row = found;
            return 0;
        }
    }
    text_escape_into(shown, sizeof shown, code);
    if (!put_similar(tables, count, code, raw, sizeof raw))
        return error_set(
            err, WT_E_NOT_FOUND,
            "there is no location \"%s\" in the table: codes are those of ISO 3166, three "
            "letters, such as DEU",
            shown);
    return error_set(err, WT_E_NOT_FOUND, "there is no location \"%s\" in the table; similar: %s",
                     shown, text_escape_into(similar, sizeof similar, raw));
}
