/* SPDX-License-Identifier: Apache-2.0
 *
 * A series of intensities.  A wrong unit is the mistake that nobody sees later: it is looked for in
 * the heading and in the values.
 */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "account/carbon/intensity.h"
#include "account/carbon/tables.h"
#include "base/csv.h"
#include "base/parse.h"
#include "base/text.h"

enum { DAY_S = 86400, YEAR_S = 366 * DAY_S };
/* A century of hours, or ten years of 5 minutes. */
enum { POINTS_MOST = 1100000 };

struct reading {
    struct csv csv;
    struct carbon_series *series;
    unsigned time, value, field_count; /* columns */
    unsigned ahead;                    /* points behind now */
    struct wt_error *err;
};

__attribute__((format(printf, 3, 4))) static int wrong(const struct reading *reading, unsigned line,
                                                       const char *format, ...)
{
    char words[320];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return error_set(reading->err, WT_E_PARSE, "%s:%u: %s", reading->csv.path, line, words);
}

/* --- The heading --- */

enum unit { UNIT_NONE, UNIT_G_PER_KWH, UNIT_OTHER };

static size_t drop_end(const char *text, size_t length, const char *end)
{
    size_t n = strlen(end);
    return length >= n && memcmp(text + length - n, end, n) == 0 ? length - n : length;
}

/* Which unit a heading tells: "Carbon intensity gCO2eq/kWh" -> "carbonintensitygcoeqkwh". */
static enum unit unit_of(const char *heading)
{
    static const char *const others[] = {"wh", "kg", "lb", "tonne", "joule"};
    char text[128];
    size_t length = 0;
    for (; *heading && length + 1 < sizeof text; heading++)
        if (isalpha((unsigned char)*heading))
            text[length++] = (char)tolower((unsigned char)*heading);
    text[length] = '\0';
    const char *kwh = strstr(text, "kwh");
    if (kwh) {
        static const char *const ends[] = {"per", "eq", "e", "co", "of"};
        size_t before = (size_t)(kwh - text);
        for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++)
            before = drop_end(text, before, ends[i]);
        if (before && text[before - 1] == 'g' &&
            !(before > 1 && (text[before - 2] == 'k' || text[before - 2] == 'm')))
            return UNIT_G_PER_KWH;
    }
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strstr(text, others[i]))
            return UNIT_OTHER;
    return UNIT_NONE;
}

static bool is_time(const char *heading)
{
    return strncasecmp(heading, "time", 4) == 0 || strncasecmp(heading, "date", 4) == 0;
}

static int take_heading(struct reading *reading)
{
    const struct csv *csv = &reading->csv;
    int time = -1, value = -1, other = -1, last = -1;
    char shown[80];
    for (unsigned i = 0; i < csv->field_count; i++) {
        enum unit unit = unit_of(csv->fields[i]);
        if (time < 0 && unit == UNIT_NONE && is_time(csv->fields[i])) {
            time = (int)i;
            continue;
        }
        last = (int)i;
        if (unit == UNIT_OTHER)
            other = (int)i;
        if (unit != UNIT_G_PER_KWH)
            continue;
        if (value >= 0)
            return wrong(reading, csv->line,
                         "two columns are in g/kWh; leave the one that is meant");
        value = (int)i;
    }
    if (time < 0)
        return wrong(reading, csv->line,
                     "there is no column of times: a series has the columns time,g_per_kwh");
    if (value < 0 && other >= 0)
        return wrong(reading, csv->line,
                     "the column \"%s\" is in another unit: intensities are in g CO2e/kWh",
                     text_escape_into(shown, sizeof shown, csv->fields[other]));
    if (value < 0 && csv->field_count == 2)
        value = last; /* there is only one that it can be */
    if (value < 0)
        return wrong(reading, csv->line,
                     "no column says that it is in g/kWh: a series has the columns time,g_per_kwh");
    reading->time = (unsigned)time;
    reading->value = (unsigned)value;
    return 0;
}

/* Goes to the first row of values: 1, or 0 when there is none. */
static int begin(struct reading *reading)
{
    int rc = csv_next(&reading->csv, reading->err);
    if (rc <= 0)
        return rc;
    reading->field_count = reading->csv.field_count;
    reading->value = 1;
    bool is_heading = !isdigit((unsigned char)reading->csv.fields[0][0]);
    if (!is_heading && reading->field_count != 2)
        return wrong(reading, reading->csv.line,
                     "without a heading a row is a time and g/kWh, not %u columns",
                     reading->field_count);
    if (!is_heading)
        return 1;
    rc = take_heading(reading);
    return rc ? rc : csv_next(&reading->csv, reading->err);
}

/* --- Rows --- */

static int take_time(const struct reading *reading, int64_t now_s, int64_t *from_s)
{
    const struct carbon_series *series = reading->series;
    const char *text = reading->csv.fields[reading->time];
    unsigned line = reading->csv.line;
    char shown[48];
    int64_t ms;
    if (parse_time(text, &ms))
        return wrong(reading, line,
                     "\"%s\" is no time with Z or an offset, such as 2025-03-01T12:00:00Z",
                     text_escape_into(shown, sizeof shown, text));
    if (ms % 1000)
        return wrong(reading, line, "the time %s has parts of a second", text);
    *from_s = ms / 1000;
    if (*from_s < 0)
        return wrong(reading, line, "the time %s lies before 1970", text);
    if (*from_s > now_s + YEAR_S)
        return wrong(reading, line, "the time %s lies more than a year ahead of now", text);
    if (series->count == 0 || *from_s > series->points[series->count - 1].from_s)
        return 0;
    const struct carbon_series_point *last = &series->points[series->count - 1];
    if (*from_s == last->from_s)
        return wrong(reading, line, "the time %s is in line %u already", text, last->line);
    return wrong(reading, line, "the time %s lies before that of line %u; sort the rows by time",
                 text, last->line);
}

/* NaN for an empty value: nothing was measured in that hour, a gap. */
static int take_value(const struct reading *reading, double *g_per_kwh)
{
    const char *text = reading->csv.fields[reading->value];
    unsigned line = reading->csv.line;
    char shown[48];
    *g_per_kwh = NAN;
    if (!*text)
        return 0;
    text_escape_into(shown, sizeof shown, text);
    if (parse_number(text, -HUGE_VAL, HUGE_VAL, g_per_kwh))
        return wrong(reading, line, "\"%s\" is no number of g/kWh", shown);
    if (*g_per_kwh < 0)
        return wrong(reading, line, "%s g/kWh is less than nothing", shown);
    if (*g_per_kwh > CARBON_INTENSITY_MOST)
        return wrong(reading, line, "%s g/kWh is more than any grid's; is the unit another one?",
                     shown);
    return 0;
}

static int take_row(struct reading *reading, int64_t now_s)
{
    struct carbon_series *series = reading->series;
    struct carbon_series_point point = {.line = reading->csv.line};
    if (reading->csv.field_count != reading->field_count)
        return wrong(reading, point.line, "the row has %u columns and the first one %u",
                     reading->csv.field_count, reading->field_count);
    int rc = take_time(reading, now_s, &point.from_s);
    if (rc == 0)
        rc = take_value(reading, &point.g_per_kwh);
    if (rc)
        return rc;
    if (series->count == POINTS_MOST)
        return error_set(reading->err, WT_E_RANGE, "%s:%u: a series has at most %d rows",
                         reading->csv.path, point.line, POINTS_MOST);
    struct carbon_series_point *points =
        carbon_table_grow(series->points, series->count, sizeof *points);
    if (!points)
        return error_set(reading->err, WT_E_NO_MEMORY, "read %s: out of memory", reading->csv.path);
    series->points = points;
    series->points[series->count++] = point;
    if (point.from_s > now_s && reading->ahead++ == 0)
        snprintf(series->remark, sizeof series->remark,
                 "from line %u on the times lie in the future: a forecast", point.line);
    return 0;
}

/* --- The whole --- */

/* How long a value holds: the distance at which most rows follow each other, of those that divide
 * an hour; of several the longest.  A file of other distances has values that hold for an hour, and
 * gaps. */
static int64_t usual_step(const struct carbon_series *series)
{
    static const int64_t steps_s[] = {3600, 1800, 1200, 900, 600, 300};
    enum { STEPS = sizeof steps_s / sizeof steps_s[0] };
    size_t counts[STEPS] = {0};
    unsigned best = 0;
    for (size_t i = 1; i < series->count; i++)
        for (unsigned k = 0; k < STEPS; k++)
            counts[k] += series->points[i].from_s - series->points[i - 1].from_s == steps_s[k];
    for (unsigned k = 1; k < STEPS; k++)
        if (counts[k] > counts[best])
            best = k;
    return steps_s[best];
}

static int check_overlaps(const struct reading *reading)
{
    const struct carbon_series *series = reading->series;
    for (size_t i = 1; i < series->count; i++) {
        int64_t apart_s = series->points[i].from_s - series->points[i - 1].from_s;
        if (apart_s < series->step_s)
            return wrong(reading, series->points[i].line,
                         "this row begins %g minutes behind the one of line %u, whose value "
                         "holds for %g minutes: they overlap",
                         (double)apart_s / 60, series->points[i - 1].line,
                         (double)series->step_s / 60);
    }
    return 0;
}

/* No grid stays below a gram: such a file is one in kg. */
static int check_unit(const struct reading *reading)
{
    const struct carbon_series_point *most = NULL;
    for (size_t i = 0; i < reading->series->count; i++) {
        const struct carbon_series_point *point = &reading->series->points[i];
        if (!most || !(point->g_per_kwh <= most->g_per_kwh))
            most = isnan(point->g_per_kwh) ? most : point;
    }
    if (!most || most->g_per_kwh == 0 || most->g_per_kwh >= 1)
        return 0;
    return wrong(reading, most->line,
                 "%g is the largest value; is this series in kg/kWh? It has to be in g/kWh",
                 most->g_per_kwh);
}

int carbon_series_parse(struct carbon_series *series, const char *path, struct buffer *text,
                        int64_t now_s, struct wt_error *err)
{
    struct reading reading = {.series = series, .err = err};
    *series = (struct carbon_series){.read_s = now_s};
    csv_init(&reading.csv, path, text);
    int rc = begin(&reading);
    while (rc > 0) {
        rc = take_row(&reading, now_s);
        if (rc == 0)
            rc = csv_next(&reading.csv, err);
    }
    if (rc == 0 && series->count == 0)
        rc = error_set(err, WT_E_PARSE, "%s: the series has no values: a row is a time and g/kWh",
                       path);
    series->step_s = usual_step(series);
    if (rc == 0)
        rc = check_overlaps(&reading);
    if (rc == 0)
        rc = check_unit(&reading);
    if (rc)
        carbon_series_clear(series);
    return rc;
}

void carbon_series_clear(struct carbon_series *series)
{
    free(series->points);
    *series = (struct carbon_series){0};
}

/* How many points begin at the time or before it. */
static size_t count_until(const struct carbon_series *series, int64_t unix_s)
{
    size_t low = 0, high = series->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (series->points[middle].from_s <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double carbon_series_at(const struct carbon_series *series, int64_t unix_s)
{
    size_t n = count_until(series, unix_s);
    if (n == 0 || unix_s - series->points[n - 1].from_s >= series->step_s)
        return NAN;
    return series->points[n - 1].g_per_kwh;
}

bool carbon_series_is_forecast(const struct carbon_series *series, int64_t unix_s)
{
    size_t n = count_until(series, unix_s);
    return n > 0 && series->points[n - 1].from_s > series->read_s;
}

double carbon_series_most(const struct carbon_series *series, int64_t now_s)
{
    double most_g_per_kwh = NAN;
    for (size_t n = count_until(series, now_s); n > 0; n--) {
        const struct carbon_series_point *point = &series->points[n - 1];
        if (point->from_s + series->step_s <= now_s - DAY_S)
            break;
        if (!(point->g_per_kwh <= most_g_per_kwh) && !isnan(point->g_per_kwh))
            most_g_per_kwh = point->g_per_kwh;
    }
    return most_g_per_kwh;
}
