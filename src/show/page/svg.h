/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside page/: figures as SVG.  A chart is a rectangle on the page with a range on each side;
 * marks are put at values and land inside.  Plain SVG 1.1 without scripts, styles or anything to
 * fetch, as a document of its own or within a page of HTML, whose style sheet colours it then.
 */
#ifndef WATTUNE_SHOW_PAGE_SVG_H
#define WATTUNE_SHOW_PAGE_SVG_H

#include <stdbool.h>

#include "base/buffer.h"

struct chart {
    double left, top, width, height;         /* on the page, in pixels */
    double x_least, x_most, y_least, y_most; /* y grows upwards */
};

void svg_begin(struct buffer *out, double width, double height);
void svg_begin_inline(struct buffer *out, double width, double height, const char *id,
                      const char *title); /* within HTML */
void svg_end(struct buffer *out);

/* Text at a place of the page; anchor is start, middle or end.  The text may be anything. */
void svg_text(struct buffer *out, double x, double y, const char *anchor, const char *text);

/* Names that others chose, "unknown" where one is empty, with commas between them: each isolated
 * from the direction of the others, cut with "..." and all of it at `width`. */
void svg_names(struct buffer *out, double x, double y, double width, const char *const names[],
               unsigned count);

/* A bar, of the colour that the page's style sheet gives to its class. */
void svg_bar(struct buffer *out, const char *class, double x, double y, double width,
             double height);

/* The largest unit that the value has two of. */
enum { SVG_UNITS = 4 };
struct svg_unit {
    const char *name;
    double size;
};
struct svg_unit svg_unit_for(const struct svg_unit units[SVG_UNITS], double most);

/* The frame of the chart and the names of its sides; NULL: it has none. */
void svg_frame(struct buffer *out, const struct chart *chart, const char *title, const char *x_name,
               const char *y_name);

/* Round numbers along a side, some five of them, divided by `unit`. */
void svg_ticks_x(struct buffer *out, const struct chart *chart, double unit);
void svg_ticks_y(struct buffer *out, const struct chart *chart, double unit);

/* Where a value lands. */
double svg_x(const struct chart *chart, double value);
double svg_y(const struct chart *chart, double value);

#endif
