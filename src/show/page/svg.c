/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures as SVG.
 */
#include "show/page/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "show/page/html.h"

void svg_begin(struct buffer *out, double width, double height)
{
    buffer_print(out,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" "
                 "height=\"%g\" "
                 "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"%g\" height=\"%g\" "
                 "fill=\"white\"/>\n",
                 width, height, width, height, width, height);
}

void svg_begin_inline(struct buffer *out, double width, double height, const char *id,
                      const char *title)
{
    buffer_print(out,
                 "<svg role=\"img\" aria-labelledby=\"%s\" viewBox=\"0 0 %g %g\" "
                 "font-family=\"sans-serif\" font-size=\"12\">\n"
                 "<title id=\"%s\">",
                 id, width, height, id);
    html_text(out, title);
    buffer_print(out, "</title>\n");
}

void svg_end(struct buffer *out)
{
    buffer_print(out, "</svg>\n");
}

void svg_text(struct buffer *out, double x, double y, const char *anchor, const char *text)
{
    buffer_print(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    html_text(out, text);
    buffer_print(out, "</text>\n");
}

void svg_names(struct buffer *out, double x, double y, double width, const char *const names[],
               unsigned count)
{
    /* Each between U+2068 and U+2069, so that it keeps its direction to itself; those in the names
     * are shown escaped. */
    enum { ALL = 48 };
    char shown[ALL];
    size_t size = count > 1 ? ALL / count : ALL;
    buffer_print(out, "<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"18\"><text y=\"13\">", x,
                 y - 13, width);
    for (unsigned i = 0; i < count; i++) {
        buffer_print(out, "%s&#x2068;", i ? ", " : "");
        html_text(out, names[i][0] ? text_escape_into(shown, size < 16 ? 16 : size, names[i])
                                   : "unknown");
        buffer_print(out, "&#x2069;");
    }
    buffer_print(out, "</text></svg>\n");
}

void svg_bar(struct buffer *out, const char *class, double x, double y, double width, double height)
{
    buffer_print(out, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
                 class, x, y, width, height);
}

double svg_x(const struct chart *chart, double value)
{
    return chart->left + chart->width * (value - chart->x_least) / (chart->x_most - chart->x_least);
}

double svg_y(const struct chart *chart, double value)
{
    return chart->top + chart->height * (chart->y_most - value) / (chart->y_most - chart->y_least);
}

void svg_frame(struct buffer *out, const struct chart *chart, const char *title, const char *x_name,
               const char *y_name)
{
    double middle = chart->left + chart->width / 2, center = chart->top + chart->height / 2;
    buffer_print(
        out, "<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" fill=\"none\" stroke=\"#888\"/>\n",
        chart->left, chart->top, chart->width, chart->height);
    if (title)
        svg_text(out, middle, chart->top - 12, "middle", title);
    if (x_name)
        svg_text(out, middle, chart->top + chart->height + 36, "middle", x_name);
    if (!y_name)
        return;
    buffer_print(out, "<g transform=\"translate(%g %g) rotate(-90)\">", chart->left - 48, center);
    svg_text(out, 0, 0, "middle", y_name);
    buffer_print(out, "</g>\n");
}

struct svg_unit svg_unit_for(const struct svg_unit units[SVG_UNITS], double most)
{
    unsigned i = 0;
    while (i + 1 < SVG_UNITS && most >= 2 * units[i + 1].size)
        i++;
    return units[i];
}

/* The distance of round numbers, 1, 2 or 5 of some power of ten, such that four to nine fit. */
static double round_step(double range)
{
    double power = pow(10, floor(log10(range / 5)));
    double times = range / 5 / power;
    return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

static void put_ticks(struct buffer *out, const struct chart *chart, bool along_x, double least,
                      double most, double unit)
{
    double step = round_step((most - least) / unit);
    char text[32];
    if (!isfinite(step) || !(step > 0))
        return;
    /* Counted, not added up: a range far from 0 may be narrower than additions can tell apart. */
    double first = ceil(least / unit / step), last = floor(most / unit / step);
    for (unsigned i = 0; i < 20 && first + i <= last; i++) {
        double value = (first + i) * step;
        snprintf(text, sizeof text, "%.6g", value);
        double x = along_x ? svg_x(chart, value * unit) : chart->left;
        double y = along_x ? chart->top + chart->height : svg_y(chart, value * unit);
        buffer_print(out, "<path d=\"M%.1f %.1f%s\" stroke=\"#888\"/>\n", x, y,
                     along_x ? "v5" : "h-5");
        svg_text(out, along_x ? x : x - 8, along_x ? y + 18 : y + 4, along_x ? "middle" : "end",
                 text);
    }
}

void svg_ticks_x(struct buffer *out, const struct chart *chart, double unit)
{
    put_ticks(out, chart, true, chart->x_least, chart->x_most, unit);
}

void svg_ticks_y(struct buffer *out, const struct chart *chart, double unit)
{
    put_ticks(out, chart, false, chart->y_least, chart->y_most, unit);
}
