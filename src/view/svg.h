/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside view/: figures as SVG.  A chart is a rectangle on the page with a range on each side; marks are put
 * at values and land inside.  Plain SVG 1.1 without scripts, styles or anything to fetch.
 */
#ifndef WATTUNE_VIEW_SVG_H
#define WATTUNE_VIEW_SVG_H

#include <stdbool.h>

#include "base/buffer.h"

struct chart {
    double left, top, width, height;         /* on the page, in pixels */
    double x_least, x_most, y_least, y_most; /* y grows upwards */
};

void svg_begin(struct buffer *out, double width, double height);
void svg_end(struct buffer *out);

/* Text at a place of the page; anchor is start, middle or end.  The text may be anything. */
void svg_text(struct buffer *out, double x, double y, const char *anchor, const char *text);

/* The frame of the chart and the names of its sides. */
void svg_frame(struct buffer *out, const struct chart *chart, const char *title, const char *x_name,
               const char *y_name);

/* Round numbers along a side, some five of them, divided by `unit`. */
void svg_ticks_x(struct buffer *out, const struct chart *chart, double unit);
void svg_ticks_y(struct buffer *out, const struct chart *chart, double unit);

/* Where a value lands. */
double svg_x(const struct chart *chart, double value);
double svg_y(const struct chart *chart, double value);

#endif
