/* SPDX-License-Identifier: Apache-2.0
 *
 * Carbon intensity of electricity: the table of yearly averages by country or region, and series by
 * the hour.  Pure: files come as text, the time as an argument.  Must not know files, networks,
 * storage or clocks.  The order of sources is in setup/carbon_sources.h.
 *
 * A value is never bare: it carries its source in words, and the year of its factor.
 */
#ifndef WATTUNE_ACCOUNT_CARBON_INTENSITY_H
#define WATTUNE_ACCOUNT_CARBON_INTENSITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* More than 5000 g/kWh no power station emits; a series or a provider that says so means another
 * unit. */
#define CARBON_INTENSITY_MOST 5000.0

/* In the order in which they are asked. */
enum carbon_intensity_source {
    CARBON_INTENSITY_NONE,     /* unknown */
    CARBON_INTENSITY_GIVEN,    /* --intensity, or the configuration */
    CARBON_INTENSITY_SERIES,   /* a file, by the hour */
    CARBON_INTENSITY_PROVIDER, /* over HTTP */
    CARBON_INTENSITY_TABLE,    /* a yearly average of the location */
    CARBON_INTENSITY_ASSUMED,  /* no location is set: the world's average */
};

/* The words of CARBON_INTENSITY_ASSUMED, exactly. */
#define CARBON_ASSUMED_TEXT "assumed world average"

struct carbon_intensity {
    double g_per_kwh; /* g CO2e/kWh; NaN: unknown */
    enum carbon_intensity_source source;
    char source_text[200]; /* The word for `intensity_source` in the documents. */
    int year;              /* of the factor; 0: not known */
    char remark[240];      /* why a source that goes first gave nothing; empty: none did */
};

/* "given", "series", "provider", "table", "assumed"; "unknown". */
const char *carbon_intensity_source_name(enum carbon_intensity_source source);

/* --- The table --- */

enum { CARBON_CODE_LEN = 16 };

#define CARBON_WORLD_CODE "WORLD"

struct carbon_intensity_row {
    char code[CARBON_CODE_LEN]; /* ISO 3166 alpha-3, or a region's */
    char name[64];
    double g_per_kwh;
    char source[120];
    int year;
    unsigned line; /* of its file */
};

struct carbon_intensity_table {
    struct carbon_intensity_row *rows;
    size_t count;
};

/* CSV with a heading: code, name, g_per_kwh, source, year.  WT_E_PARSE and WT_E_RANGE name `path`
 * and line; then the table is empty.  The text is used up.  The caller frees the table with
 * carbon_intensity_table_clear(). */
int carbon_intensity_table_parse(struct carbon_intensity_table *table, const char *path,
                                 struct buffer *text, struct wt_error *err);
void carbon_intensity_table_clear(struct carbon_intensity_table *table);

/* The project's own table (src/account/carbon/data/intensity.csv); fails only for want of memory.
 */
int carbon_intensity_builtin(struct carbon_intensity_table *table, struct wt_error *err);

/* The row of a code, capital or small, in the first of `count` tables that has it.  WT_E_NOT_FOUND:
 * the sentence names similar codes. */
int carbon_intensity_find(const struct carbon_intensity_table *const tables[], unsigned count,
                          const char *code, const struct carbon_intensity_row **row,
                          struct wt_error *err);

/* --- A series --- */

struct carbon_series_point {
    int64_t from_s; /* unix time; the value holds from here for one step, never longer */
    double g_per_kwh;
    unsigned line; /* of its file */
};

struct carbon_series {
    struct carbon_series_point *points; /* by time */
    size_t count;
    int64_t step_s; /* an hour, or the part of one that the file is mostly made of */
    int64_t read_s; /* points behind this were not yet measured: a forecast */
    /* a sentence worth saying, such as from which line on it is a forecast; empty: none */
    char remark[240];
};

/* CSV: time (RFC 3339 with Z or an offset) and g CO2e/kWh, one row an hour (or each 30, 20, 15, 10
 * or 5 minutes), rising.  A heading may name the columns; one that names another unit is refused.
 * So are times twice, falling, overlapping or more than a year ahead of now_s; values that are
 * negative, no numbers, above CARBON_INTENSITY_MOST; and a file whose values are all below 1 and
 * not 0, which is one in kg.  WT_E_PARSE and WT_E_RANGE name `path` and line; then the series is
 * empty.  The text is used up.  The caller frees the series with carbon_series_clear(). */
int carbon_series_parse(struct carbon_series *series, const char *path, struct buffer *text,
                        int64_t now_s, struct wt_error *err);
void carbon_series_clear(struct carbon_series *series);

/* g/kWh of the step that holds the time; NaN in a gap, before the first and behind the last:
 * nothing is interpolated. */
double carbon_series_at(const struct carbon_series *series, int64_t unix_s);

/* Was the value at that time a forecast when the file was read? */
bool carbon_series_is_forecast(const struct carbon_series *series, int64_t unix_s);

/* MaxCI: the largest value that held in the 24 h before now_s; NaN without one. */
double carbon_series_most(const struct carbon_series *series, int64_t now_s);

#endif
