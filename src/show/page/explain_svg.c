/* SPDX-License-Identifier: Apache-2.0
 *
 * The figure of an explanation: energy and time of a step over the power limit, measured and
 * fitted.
 */
#include "show/page/page.h"

#include <math.h>
#include <stdio.h>

#include "show/page/svg.h"

/* The value of a point that is drawn. */
struct value {
    double measured, error, fitted;
};

static struct value energy_of(const struct wt_fit_point *p)
{
    return (struct value){p->measured.energy_per_step_j, p->measured.energy_error_j,
                          p->energy_per_step_j};
}

static struct value time_of(const struct wt_fit_point *p)
{
    return (struct value){p->measured.time_per_step_s, p->measured.time_error_s,
                          p->time_per_step_s};
}

typedef struct value reader(const struct wt_fit_point *p);

/* Values from 0 on, so that shares can be seen; limits with a margin. */
static void fit_chart(struct chart *chart, const struct wt_fit *fit, reader *read)
{
    double low_w = INFINITY, high_w = 0;
    chart->y_least = 0;
    chart->y_most = 0;
    for (unsigned i = 0; i < fit->count; i++) {
        struct value value = read(&fit->points[i]);
        low_w = fmin(low_w, fit->points[i].measured.setting.value / 1e3);
        high_w = fmax(high_w, fit->points[i].measured.setting.value / 1e3);
        chart->y_most = fmax(chart->y_most,
                             1.1 * fmax(value.measured, value.fitted)); /* fmax() passes NaN over */
    }
    if (!(high_w > 0))
        low_w = high_w = 1;
    if (!(chart->y_most > 0))
        chart->y_most = 1;
    double margin = fmax(0.05 * (high_w - low_w), 5);
    chart->x_least = low_w - margin;
    chart->x_most = high_w + margin;
}

static void put_line(struct buffer *out, const struct chart *chart, const struct wt_fit *fit,
                     const double values[], const char *colour)
{
    buffer_print(out, "<polyline fill=\"none\" stroke=\"%s\" points=\"", colour);
    for (unsigned i = 0; i < fit->count; i++)
        if (isfinite(values[i]))
            buffer_print(out, "%.1f,%.1f ",
                         svg_x(chart, fit->points[i].measured.setting.value / 1e3),
                         svg_y(chart, values[i]));
    buffer_print(out, "\"/>\n");
}

static void put_points(struct buffer *out, const struct chart *chart,
                       const struct wt_explanation *e, reader *read)
{
    for (unsigned i = 0; i < e->fit.count; i++) {
        const struct wt_fit_point *p = &e->fit.points[i];
        struct value value = read(p);
        if (!isfinite(value.measured))
            continue;
        double x = svg_x(chart, p->measured.setting.value / 1e3), y = svg_y(chart, value.measured);
        bool chosen = p->measured.setting.value == e->chosen.limit_mw,
             found = p->measured.setting.value == e->found_limit_mw;
        if (isfinite(value.error))
            buffer_print(out, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"#1f77b4\"/>\n", x,
                         svg_y(chart, value.measured - value.error),
                         svg_y(chart, value.measured + value.error));
        buffer_print(
            out,
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"%s\"><title>%g W</title></circle>\n",
            x, y, chosen ? 5 : 3,
            p->used ? chosen  ? "#2ca02c"
                      : found ? "#d62728"
                              : "#1f77b4"
                    : "#bbb",
            p->measured.setting.value / 1e3);
        if (chosen || found)
            svg_text(out, x, y - 10, "middle",
                     chosen && found ? "chosen, found"
                     : chosen        ? "chosen"
                                     : "found");
    }
}

static void put_chart(struct buffer *out, struct chart *chart, const struct wt_explanation *e,
                      reader *read, const char *title, const char *y_name, bool energy)
{
    double fitted[WT_MAX_LIMITS], fixed[WT_MAX_LIMITS];
    for (unsigned i = 0; i < e->fit.count; i++) {
        const struct wt_fit_point *p = &e->fit.points[i];
        fitted[i] = e->fit.describes ? read(p).fitted : (double)NAN;
        fixed[i] =
            energy && e->fit.describes ? e->fit.static_w.value * p->time_per_step_s : (double)NAN;
    }
    fit_chart(chart, &e->fit, read);
    svg_frame(out, chart, title, "power limit (W)", y_name);
    svg_ticks_x(out, chart, 1);
    svg_ticks_y(out, chart, 1);
    put_line(out, chart, &e->fit, fixed, "#bbb");
    put_line(out, chart, &e->fit, fitted, "#888");
    put_points(out, chart, e, read);
}

void page_explain_svg(struct buffer *out, const struct wt_explanation *e)
{
    struct chart left = {.left = 70, .top = 40, .width = 520, .height = 360};
    struct chart right = {.left = 680, .top = 40, .width = 520, .height = 360};
    svg_begin(out, 1220, 450);
    put_chart(out, &left, e, energy_of, e->job, "energy of a step (J)", true);
    put_chart(out, &right, e, time_of,
              "blue: measured; dark line: the fit; light line: its static part",
              "time of a step (s)", false);
    svg_end(out);
}
