/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of watched GPUs as bars: runs, idle time, and the remainder.  A part below 0 has no bar
 * and its number says so: nothing is spread over the others.
 */
#include "show/page/fleet_charts.h"

#include <math.h>
#include <stdio.h>

#include "show/page/html.h"
#include "show/page/svg.h"
#include "show/text/table.h"

enum { WIDTH = 480, BAR_ROW = 34, PARTS = 3 };

struct part {
    const char *name, *class;
    double value;
};

/* A bar of up to PARTS parts, with the text above it. */
struct bar {
    const char *name;
    struct part parts[PARTS];
    double amount;
};

double page_fleet_known_hours(const struct wt_fleet_lines *lines)
{
    return lines->watched_hours - lines->unknown_hours;
}

double page_fleet_other_hours(const struct wt_fleet_lines *lines)
{
    return page_fleet_known_hours(lines) - lines->reserved_hours - lines->idle_hours;
}

static double length_of(double value)
{
    return isfinite(value) ? fmax(value, 0) : 0;
}

static double length_of_bar(const struct bar *bar)
{
    double sum = 0;
    for (unsigned i = 0; i < PARTS; i++)
        sum += length_of(bar->parts[i].value);
    return sum;
}

static void put_bar(struct buffer *out, const struct chart *chart, const struct bar *bar, double y,
                    const char *amount)
{
    double from = 0;
    svg_text(out, 0, y + 13, "start", bar->name);
    svg_text(out, WIDTH, y + 13, "end", amount);
    for (unsigned i = 0; i < PARTS; i++) {
        double length = length_of(bar->parts[i].value);
        if (length > 0)
            svg_bar(out, bar->parts[i].class, svg_x(chart, from), y + 18,
                    svg_x(chart, from + length) - svg_x(chart, from), 10);
        from += length;
    }
}

static void put_key(struct buffer *out, const struct part *part)
{
    buffer_print(out, " <span class=\"part\"><span class=\"key %s\"></span> %s</span>", part->class,
                 part->name);
}

static void put_figure(struct buffer *out, const char *name, const char *id,
                       const struct bar bars[2], const char *note,
                       char *(*in_units)(char[UNIT_SIZE], double))
{
    char text[UNIT_SIZE];
    double most = fmax(length_of_bar(&bars[0]), length_of_bar(&bars[1]));
    struct chart chart = {.width = WIDTH, .x_most = most > 0 ? most : 1};
    buffer_print(out, "<figure>\n<figcaption><strong>%s</strong>", name);
    for (unsigned b = 0; b < 2; b++)
        for (unsigned i = 0; i < PARTS && bars[b].parts[i].name; i++)
            put_key(out, &bars[b].parts[i]);
    buffer_print(out, "%s</figcaption>\n", note);
    svg_begin_inline(out, WIDTH, 2 * BAR_ROW, id, name);
    for (unsigned b = 0; b < 2; b++)
        put_bar(out, &chart, &bars[b], BAR_ROW * (double)b, in_units(text, bars[b].amount));
    svg_end(out);
    buffer_print(out, "</figure>\n");
}

static char *in_hours(char text[UNIT_SIZE], double hours)
{
    if (isfinite(hours))
        snprintf(text, UNIT_SIZE, hours < 9999.5 ? "%.4g GPU hours" : "%.0f GPU hours", hours);
    else
        snprintf(text, UNIT_SIZE, "unknown");
    return text;
}

void page_fleet_charts(struct buffer *out, const struct wt_fleet_lines *lines)
{
    double known_hours = page_fleet_known_hours(lines), runs_j = lines->runs_j - lines->overlap_j;
    if (!(known_hours > 0))
        return;
    const struct bar energy[2] = {
        {"by the counters", {{"counters", "counters", lines->energy_j}}, lines->energy_j},
        {"by use",
         {{"runs", "energy", runs_j},
          {"idle", "idle", lines->idle_j},
          {"unattributed", "other", lines->unattributed_j}},
         runs_j + lines->idle_j + lines->unattributed_j}};
    const struct bar hours[2] = {
        {"watched",
         {{"reserved by runs", "energy", lines->reserved_hours},
          {"idle", "idle", lines->idle_hours},
          {"used without a run", "other", page_fleet_other_hours(lines)}},
         known_hours},
        {"known to be busy", {{"busy", "counters", lines->busy_hours}}, lines->busy_hours}};
    put_figure(out, "Energy of watched GPUs", "lines-energy", energy,
               lines->unattributed_j < 0 ? "<br>Unattributed is below 0 and has no bar: runs have "
                                           "booked more than the counters say."
                                         : "",
               unit_watt_hours);
    put_figure(out, "GPU hours of watched GPUs", "lines-hours", hours, "", in_hours);
}
