/* SPDX-License-Identifier: Apache-2.0
 *
 * The charts of a report: bars of energy and of carbon for the groups that used most, and day by
 * day.  An unknown value has no bar and is printed as unknown.
 */
#include "base/units.h"
#include "show/page/report_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "show/page/html.h"
#include "show/page/svg.h"
#include "show/text/table.h"

enum {
    /* two beside each other on a wide screen, one on a telephone, and text of 12 can be read on
       both */
    WIDTH = 480,
    MOST_BARS = 20, /* a page of paper holds them */
    BAR_ROW = 30,
    MOST_DAYS = 366,
    PARTS = 2,
};
static const int64_t DAY_MS = INT64_C(86400000);

static double operational_g(const struct wt_report_row *row)
{
    return row->operational_g;
}

static double embodied_g(const struct wt_report_row *row)
{
    return row->embodied_g;
}

/* The parts of a bar, from the left or from the bottom. */
struct measure {
    const char *name, *id;
    struct {
        const char *name, *class;
        double (*of)(const struct wt_report_row *row);
    } parts[PARTS];
    char *(*in_units)(char text[UNIT_SIZE], double value);
    struct svg_unit units[SVG_UNITS];
};

static const struct measure measures[] = {
    {"Energy",
     "energy",
     {{"energy", "energy", report_measured_j}},
     unit_watt_hours,
     {{"Wh", 3600}, {"kWh", 3.6e6}, {"MWh", 3.6e9}, {"GWh", 3.6e12}}},
    {"Carbon",
     "carbon",
     {{"operational", "operational", operational_g}, {"embodied", "embodied", embodied_g}},
     unit_grams,
     {{"g", 1}, {"kg", 1e3}, {"t", 1e6}, {"kt", 1e9}}},
};
static bool has_part(const struct measure *measure, unsigned i)
{
    return i < PARTS && measure->parts[i].of;
}

enum { MEASURES = sizeof measures / sizeof measures[0] };

/* --- By group --- */

/* Values that cannot be drawn have no length. */
static double length_of(double value)
{
    return isfinite(value) ? fmax(value, 0) : 0;
}

static double length_of_row(const struct measure *measure, const struct wt_report_row *row)
{
    double sum = 0;
    for (unsigned i = 0; has_part(measure, i); i++)
        sum += length_of(measure->parts[i].of(row));
    return sum;
}

/* "3.2 kg"; where only a part is known, which one. */
static void put_amount(struct buffer *out, const struct measure *measure, const double parts[PARTS])
{
    char text[UNIT_SIZE];
    bool all = true, none = true;
    double sum = 0;
    for (unsigned i = 0; has_part(measure, i); i++) {
        all = all && isfinite(parts[i]);
        none = none && !isfinite(parts[i]);
        sum += parts[i];
    }
    if (all || none) {
        buffer_print(out, "%s", measure->in_units(text, sum));
        return;
    }
    for (unsigned i = 0; has_part(measure, i); i++)
        buffer_print(out, "%s%s %s", i ? ", " : "", measure->parts[i].name,
                     measure->in_units(text, parts[i]));
}

static void put_bar_row(struct buffer *out, const struct measure *measure,
                        const struct chart *chart, const struct wt_report_row *row,
                        unsigned key_count, double y)
{
    const char *names[WT_REPORT_KEYS] = {"all"};
    double parts[PARTS] = {NAN, NAN}, from = 0;
    struct buffer amount = {0};
    for (unsigned i = 0; i < key_count; i++)
        names[i] = row->keys[i];
    for (unsigned i = 0; has_part(measure, i); i++)
        parts[i] = measure->parts[i].of(row);
    put_amount(&amount, measure, parts);
    /* The amount has the room it needs; some seven pixels a letter. */
    svg_names(out, 0, y + 13, WIDTH - 12 - 7 * (double)strlen(buffer_text(&amount)), names,
              key_count ? key_count : 1);
    svg_text(out, WIDTH, y + 13, "end", buffer_text(&amount));
    for (unsigned i = 0; has_part(measure, i); i++) {
        double length = length_of(parts[i]);
        if (length > 0)
            svg_bar(out, measure->parts[i].class, svg_x(chart, from), y + 17,
                    svg_x(chart, from + length) - svg_x(chart, from), 8);
        from += length;
    }
    out->failed |= amount.failed;
    buffer_clear(&amount);
}

/* Most energy first; unknown energy last; else in the order of the table. */
static int by_energy(const void *a, const void *b)
{
    const struct wt_report_row *const x = *(const struct wt_report_row *const *)a,
                                      *const y = *(const struct wt_report_row *const *)b;
    double of_x = report_measured_j(x), of_y = report_measured_j(y);
    of_x = isfinite(of_x) ? of_x : -1;
    of_y = isfinite(of_y) ? of_y : -1;
    return of_x < of_y ? 1 : of_x > of_y ? -1 : (x > y) - (x < y);
}

static void put_caption(struct buffer *out, const struct measure *measure,
                        const enum wt_report_key keys[], unsigned key_count)
{
    buffer_print(out, "<figure>\n<figcaption><strong>%s", measure->name);
    report_say_keys(out, keys, key_count);
    buffer_print(out, "</strong>");
    for (unsigned i = 0; has_part(measure, 1) && has_part(measure, i); i++)
        buffer_print(out, " <span class=\"part\"><span class=\"key %s\"></span> %s</span>",
                     measure->parts[i].class, measure->parts[i].name);
}

static void put_groups(struct buffer *out, const struct measure *measure,
                       const struct view_report_page *page,
                       const struct wt_report_row *const sorted[])
{
    size_t shown = page->count < MOST_BARS ? page->count : MOST_BARS;
    double most = 0, rest_j = NAN;
    char text[UNIT_SIZE], id[32], title[96];
    for (size_t i = 0; i < shown; i++)
        most = fmax(most, length_of_row(measure, sorted[i]));
    for (size_t i = shown; i < page->count; i++)
        rest_j = sum_known(rest_j, report_measured_j(sorted[i]));
    put_caption(out, measure, page->keys, page->key_count);
    if (shown < page->count)
        buffer_print(out, "<br>The %u that used most; %zu more (%s) are in the table.", MOST_BARS,
                     page->count - shown, unit_watt_hours(text, rest_j));
    buffer_print(out, "</figcaption>\n");
    snprintf(id, sizeof id, "%s-by-group", measure->id);
    snprintf(title, sizeof title,
             "%s of %zu groups as bars, largest energy first; the table has the numbers",
             measure->name, shown);
    svg_begin_inline(out, WIDTH, BAR_ROW * (double)shown, id, title);
    struct chart chart = {.width = WIDTH, .x_most = most > 0 ? most : 1};
    for (size_t i = 0; i < shown; i++)
        put_bar_row(out, measure, &chart, sorted[i], page->key_count, BAR_ROW * (double)i);
    svg_end(out);
    buffer_print(out, "</figure>\n");
}

/* --- By day --- */

struct day {
    int64_t number; /* since 1970 */
    double parts[MEASURES][PARTS];
};

/* The rows' days in their order, each with the sums of its groups; returns how many. */
static size_t take_days(const struct page_days *rows, struct day days[])
{
    size_t count = 0;
    int64_t at_ms;
    for (size_t k = 0; k < rows->count; k++) {
        const struct wt_report_row *row = &rows->rows[k];
        if (parse_time_or_age(row->keys[rows->key], 0, &at_ms))
            continue;
        if (!count || days[count - 1].number != at_ms / DAY_MS)
            days[count++] = (struct day){at_ms / DAY_MS, {{NAN, NAN}, {NAN, NAN}}};
        for (unsigned m = 0; m < MEASURES; m++)
            for (unsigned i = 0; has_part(&measures[m], i); i++)
                days[count - 1].parts[m][i] =
                    sum_known(days[count - 1].parts[m][i], measures[m].parts[i].of(row));
    }
    return count;
}

static char *date_of(char text[32], int64_t number)
{
    clock_format_wall(number * DAY_MS, text);
    text[10] = '\0';
    return text;
}

static void put_day(struct buffer *out, const struct measure *measure, const struct chart *chart,
                    const struct day *day, const double parts[PARTS])
{
    double from = 0, width = svg_x(chart, 1) - svg_x(chart, 0),
           middle = svg_x(chart, (double)day->number + 0.5);
    double bar = width > 40 ? 40 : width > 3 ? width - 1 : width;
    for (unsigned i = 0; has_part(measure, i); i++) {
        double length = length_of(parts[i]);
        if (!isfinite(parts[i]) && i == 0)
            svg_text(out, middle, svg_y(chart, 0) - 3, "middle", "?");
        if (length > 0)
            svg_bar(out, measure->parts[i].class, middle - bar / 2, svg_y(chart, from + length),
                    bar, svg_y(chart, from) - svg_y(chart, from + length));
        from += length;
    }
}

static void put_dates(struct buffer *out, const struct chart *chart)
{
    char text[32];
    int64_t first = (int64_t)chart->x_least, last = (int64_t)chart->x_most - 1;
    int64_t step = (last - first) / 5 + 1; /* five dates fit beside each other */
    for (int64_t day = first; day <= last; day += step)
        svg_text(out, svg_x(chart, (double)day + 0.5), chart->top + chart->height + 18, "middle",
                 date_of(text, day));
}

static void put_days(struct buffer *out, unsigned m, const struct day days[], size_t count,
                     bool cut, const struct page_days *rows)
{
    const struct measure *measure = &measures[m];
    struct chart chart = {.left = 64, .top = 10, .width = WIDTH - 64 - 36, .height = 190};
    char id[32], title[128];
    bool unknown = false;
    chart.x_least = (double)days[0].number;
    chart.x_most = (double)days[count - 1].number + 1;
    for (size_t k = 0; k < count; k++) {
        chart.y_most =
            fmax(chart.y_most, length_of(days[k].parts[m][0]) + length_of(days[k].parts[m][1]));
        unknown = unknown || !isfinite(days[k].parts[m][0]);
    }
    chart.y_most = chart.y_most > 0 ? chart.y_most * 1.05 : 1;
    struct svg_unit unit = svg_unit_for(measure->units, chart.y_most);
    put_caption(out, measure, (const enum wt_report_key[]){WT_BY_DAY}, 1);
    if (cut)
        buffer_print(out, "<br>The last %u days; %s has those before.", MOST_DAYS, rows->where);
    buffer_print(out, "%s%s%s</figcaption>\n", unknown ? "<br>?: unknown on that day." : "",
                 rows->remark[0] ? "<br>" : "", rows->remark);
    snprintf(id, sizeof id, "%s-by-day", measure->id);
    snprintf(title, sizeof title, "%s of each day as bars, in %s; %s has the numbers",
             measure->name, unit.name, rows->where);
    svg_begin_inline(out, WIDTH, 232, id, title);
    svg_frame(out, &chart, NULL, NULL, unit.name);
    svg_ticks_y(out, &chart, unit.size);
    put_dates(out, &chart);
    for (size_t k = 0; k < count; k++)
        put_day(out, measure, &chart, &days[k], days[k].parts[m]);
    svg_end(out);
    buffer_print(out, "</figure>\n");
}

void page_day_charts(struct buffer *out, const struct page_days *rows)
{
    struct day *days = malloc((rows->count + 1) * sizeof *days);
    if (!days) {
        out->failed = true;
        return;
    }
    size_t count = take_days(rows, days), first = 0;
    while (count && days[first].number <= days[count - 1].number - MOST_DAYS)
        first++;
    for (unsigned m = 0; count && m < MEASURES; m++)
        put_days(out, m, days + first, count - first, first > 0, rows);
    free(days);
}

void page_group_charts(struct buffer *out, const struct view_report_page *page)
{
    const struct wt_report_row **sorted = malloc((page->count + 1) * sizeof *sorted);
    if (!sorted) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < page->count; i++)
        sorted[i] = &page->rows[i];
    qsort(sorted, page->count, sizeof *sorted, by_energy);
    for (unsigned m = 0; page->count && m < MEASURES; m++)
        put_groups(out, &measures[m], page, sorted);
    free(sorted);
}
