/* SPDX-License-Identifier: Apache-2.0
 *
 * The figures of carbon, as text: a number never stands without its source.
 */
#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "show/text/table.h"
#include "show/text/view.h"

enum { WORDS = 400 };

static void put_words(struct table *table, const char *text)
{
    char words[WORDS];
    table_put(table, "%s", *text ? text_escape_into(words, sizeof words, text) : "-");
}

/* Six digits: 0.4500 would look measured. */
static void put_number(struct table *table, double value, const char *unit)
{
    if (isfinite(value))
        table_put(table, "%.6g%s%s", value, *unit ? " " : "", unit);
    else
        table_put(table, "unknown");
}

static void put_year(struct table *table, int year)
{
    if (year)
        table_put(table, "%d", year);
    else
        table_put(table, "-");
}

void view_figures(struct buffer *out, const struct wt_figure figures[], size_t count, bool colour)
{
    static const char *const headings[] = {"FIGURE", "VALUE", "YEAR", "FROM"};
    struct table table = {.columns = "lrrl"};
    char words[WORDS];
    table_heading(&table, headings);
    for (size_t i = 0; i < count; i++) {
        put_words(&table, figures[i].label);
        put_number(&table, figures[i].value, figures[i].unit);
        put_year(&table, figures[i].year);
        put_words(&table, figures[i].source);
    }
    table_print(&table, out, "", colour);
    for (size_t i = 0; i < count; i++)
        if (figures[i].remark[0])
            buffer_print(out, "%s: %s.\n", figures[i].label,
                         text_escape_into(words, sizeof words, figures[i].remark));
}

void view_carbon_tables(struct buffer *out, const struct wt_figure intensities[],
                        size_t intensity_count, const struct wt_figure embodied[],
                        size_t embodied_count, bool colour)
{
    static const char *const places[] = {"LOCATION", "NAME", "G/KWH", "YEAR", "SOURCE"};
    static const char *const things[] = {"EMBODIED", "KIND",    "KG",   "FROM",
                                         "TO",       "DEVICES", "YEAR", "SOURCE"};
    struct table table = {.columns = "llrrl"};
    table_heading(&table, places);
    for (size_t i = 0; i < intensity_count; i++) {
        put_words(&table, intensities[i].name);
        put_words(&table, intensities[i].label);
        put_number(&table, intensities[i].value, "");
        put_year(&table, intensities[i].year);
        put_words(&table, intensities[i].source);
    }
    table_print(&table, out, "", colour);
    buffer_print(out, "\n");
    table = (struct table){.columns = "llrrrrrl"};
    table_heading(&table, things);
    for (size_t i = 0; i < embodied_count; i++) {
        put_words(&table, embodied[i].name);
        put_words(&table, embodied[i].kind);
        put_number(&table, embodied[i].value, "");
        put_number(&table, embodied[i].low, "");
        put_number(&table, embodied[i].high, "");
        put_number(&table, embodied[i].devices, "");
        put_year(&table, embodied[i].year);
        put_words(&table, embodied[i].source);
    }
    table_print(&table, out, "", colour);
}
