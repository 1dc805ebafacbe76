/* SPDX-License-Identifier: Apache-2.0
 *
 * The figures of a study: the trade-off between energy and time with its front, and how the choice
 * of the batch size went.
 */
#include "show/page/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/page/svg.h"

static const struct svg_unit energy_units[SVG_UNITS] = {
    {"J", 1}, {"kJ", 1e3}, {"MJ", 1e6}, {"GJ", 1e9}};
static const struct svg_unit time_units[SVG_UNITS] = {
    {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};

static void widen(double *least, double *most, double value)
{
    *least = fmin(*least, value);
    *most = fmax(*most, value);
}

/* The range of the choices, front and default, with a margin so that no mark is on the frame.
 * The worst points of a trace are so far off that all others would be one blot. */
static void fit(struct chart *chart, const struct wt_study *study, const struct wt_point points[],
                size_t count)
{
    chart->x_least = chart->y_least = INFINITY;
    chart->x_most = chart->y_most = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (!points[i].on_front)
            continue;
        widen(&chart->x_least, &chart->x_most, points[i].time_s);
        widen(&chart->y_least, &chart->y_most, points[i].energy_j);
    }
    if (study->standard.batch_size) { /* fmin() and fmax() pass NaN over */
        widen(&chart->x_least, &chart->x_most, study->standard.time_s);
        widen(&chart->y_least, &chart->y_most, study->standard.energy_j);
    }
    if (!(chart->x_least <= chart->x_most && chart->y_least <= chart->y_most))
        chart->x_least = chart->x_most = chart->y_least = chart->y_most = 0;
    double x_margin = fmax((chart->x_most - chart->x_least) * 0.1, chart->x_most * 1e-3 + 1e-9);
    double y_margin = fmax((chart->y_most - chart->y_least) * 0.1, chart->y_most * 1e-3 + 1e-9);
    chart->x_least -= x_margin;
    chart->x_most += x_margin;
    chart->y_least -= y_margin;
    chart->y_most += y_margin;
}

static int faster_first(const void *a, const void *b)
{
    const struct wt_point *x = *(const struct wt_point *const *)a,
                          *y = *(const struct wt_point *const *)b;
    return (x->time_s > y->time_s) - (x->time_s < y->time_s);
}

/* A line through the front, from the fastest on. */
static void put_front(struct buffer *out, const struct chart *chart, const struct wt_point points[],
                      size_t count)
{
    const struct wt_point **front = malloc(count ? count * sizeof(void *) : 1);
    size_t on_front = 0;
    if (!front) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (points[i].on_front)
            front[on_front++] = &points[i];
    qsort(front, on_front, sizeof(void *), faster_first);
    buffer_print(out, "<polyline fill=\"none\" stroke=\"#1f77b4\" points=\"");
    for (size_t i = 0; i < on_front; i++)
        buffer_print(out, "%s%.1f,%.1f", i ? " " : "", svg_x(chart, front[i]->time_s),
                     svg_y(chart, front[i]->energy_j));
    buffer_print(out, "\"/>\n");
    free(front);
}

static void put_named(struct buffer *out, const struct chart *chart, const char *name,
                      const char *fill, const struct wt_point *point)
{
    char text[96];
    if (!point->batch_size || !isfinite(point->time_s) || !isfinite(point->energy_j))
        return;
    double x = svg_x(chart, point->time_s), y = svg_y(chart, point->energy_j);
    snprintf(text, sizeof text, "%s: %u, %g W", name, point->batch_size, point->limit_mw / 1e3);
    buffer_print(out, "<path d=\"M%.1f %.1fl6 6l-6 6l-6 -6z\" fill=\"%s\" stroke=\"black\"/>\n", x,
                 y - 6, fill);
    bool right = x > chart->left + chart->width * 0.6;
    svg_text(out, right ? x - 10 : x + 10, y < chart->top + 30 ? y + 16 : y - 8,
             right ? "end" : "start", text);
}

static bool is_beyond(const struct chart *chart, const struct wt_point *point)
{
    return point->time_s > chart->x_most || point->energy_j > chart->y_most;
}

static void put_trade_off(struct buffer *out, struct chart *chart, const struct wt_study *study,
                          const struct wt_point points[], size_t count)
{
    char x_name[128], y_name[64], beyond[64] = "";
    size_t outside = 0;
    fit(chart, study, points, count);
    for (size_t i = 0; i < count; i++)
        outside += is_beyond(chart, &points[i]);
    if (outside)
        snprintf(beyond, sizeof beyond, "; %u of %u choices are beyond", (unsigned)outside,
                 (unsigned)count);
    struct svg_unit time = svg_unit_for(time_units, chart->x_most),
                    energy = svg_unit_for(energy_units, chart->y_most);
    snprintf(x_name, sizeof x_name, "time to the target (%s)%s", time.name, beyond);
    snprintf(y_name, sizeof y_name, "energy to the target (%s)", energy.name);
    svg_frame(out, chart, study->job, x_name, y_name);
    svg_ticks_x(out, chart, time.size);
    svg_ticks_y(out, chart, energy.size);
    for (size_t i = 0; i < count; i++)
        if (!is_beyond(chart, &points[i]))
            buffer_print(out,
                         "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%u, %g "
                         "W</title></circle>\n",
                         svg_x(chart, points[i].time_s), svg_y(chart, points[i].energy_j),
                         points[i].on_front ? "#1f77b4" : "#bbb", points[i].batch_size,
                         points[i].limit_mw / 1e3);
    put_front(out, chart, points, count);
    put_named(out, chart, "default", "#d62728", &study->standard);
    put_named(out, chart, "optimum", "#2ca02c", &study->optimum);
}

/* A column a bin, a row a batch size; the darker, the more recurrences ended with it. */
static void put_choices(struct buffer *out, struct chart *chart, const struct wt_study *study,
                        const struct wt_choices *choices)
{
    unsigned bins = study->recurrences < WT_MAX_BINS ? study->recurrences : WT_MAX_BINS;
    char text[96];
    chart->x_least = 0;
    chart->x_most = study->recurrences;
    chart->y_least = -0.5;
    chart->y_most = study->size_count - 0.5;
    snprintf(text, sizeof text, "batch size that a recurrence ended with, policy %s",
             study->policy);
    svg_frame(out, chart, text, "recurrence", "batch size");
    svg_ticks_x(out, chart, 1);
    double width = chart->width / bins, height = chart->height / study->size_count;
    for (unsigned k = 0; k < study->size_count; k++) {
        bool best = study->sizes[k] == study->optimum.batch_size;
        double y = svg_y(chart, k);
        snprintf(text, sizeof text, "%u", study->sizes[k]);
        svg_text(out, chart->left - 8, y + 4, "end", text);
        if (best)
            buffer_print(out,
                         "<rect x=\"%g\" y=\"%.1f\" width=\"%g\" height=\"%.1f\" fill=\"#2ca02c\" "
                         "fill-opacity=\"0.15\"/>\n",
                         chart->left, y - height / 2, chart->width, height);
        for (unsigned i = 0; i < bins; i++) {
            uint64_t all = 0;
            for (unsigned j = 0; j < study->size_count; j++)
                all += choices->counts[i][j];
            if (choices->counts[i][k])
                buffer_print(
                    out,
                    "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" fill=\"#1f77b4\" "
                    "fill-opacity=\"%.3f\"/>\n",
                    chart->left + i * width, y - height * 0.4, width, height * 0.8,
                    (double)choices->counts[i][k] / (double)all);
        }
    }
}

void page_study_svg(struct buffer *out, const struct wt_study *study,
                    const struct wt_point points[], size_t count, const struct wt_choices *choices)
{
    struct chart left = {.left = 70, .top = 40, .width = 520, .height = 360};
    struct chart right = {.left = 680, .top = 40, .width = 520, .height = 360};
    svg_begin(out, choices ? 1220 : 610, 450);
    put_trade_off(out, &left, study, points, count);
    if (choices)
        put_choices(out, &right, study, choices);
    svg_end(out);
}
