/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside page/: pages of HTML that need nothing but themselves.  One style sheet for all of them,
 * for screens wide and narrow, light and dark, and for A4; no script; a policy that forbids the
 * browser to run or fetch anything.  Names that others chose are text: nothing of them can become
 * markup or turn the text beside them around.
 */
#ifndef WATTUNE_SHOW_PAGE_HTML_H
#define WATTUNE_SHOW_PAGE_HTML_H

#include <stdint.h>

#include "base/buffer.h"

/* From the doctype to the beginning of <main>, with the title as <h1>; and its end.  The title is a
 * text of ours. */
void html_begin(struct buffer *out, const char *title);
void html_end(struct buffer *out);

/* Any bytes as text, for elements and for attributes in double quotes: control characters,
 * direction marks and wrong bytes shown escaped as text_escape() does, markup as entities. */
void html_text(struct buffer *out, const char *text);

/* A name that others chose: isolated from the direction of the text around it, cut with "..."
 * behind 64 bytes (the whole is its title then), "unknown" when empty. */
void html_name(struct buffer *out, const char *name);

/* The shown form of a number, with the number itself beside it for programs (12 digits); the
 * shown form alone when it is not finite. */
void html_value(struct buffer *out, double value, const char *shown);

/* A moment to the minute, UTC; "unknown" for one that has no date. */
void html_time(struct buffer *out, int64_t wall_ms);

#define HTML_CO2E "CO<sub>2</sub>e"

/* Values with their units, as html_value() has them: plain (four digits), J, g of CO2e, a fraction
 * as percent, a change from 0 as percent with its sign, and a power limit (0: unknown; the value is
 * in W). */
void html_number(struct buffer *out, double value);
void html_energy(struct buffer *out, double energy_j);
void html_grams(struct buffer *out, double grams);
void html_percent(struct buffer *out, double fraction);
void html_change(struct buffer *out, double fraction);
void html_limit(struct buffer *out, uint32_t limit_mw);
void html_error(struct buffer *out, double energy_j); /* with a plus-minus sign */

/* In the same place, smaller: a number that stands beside another and is never added to it. */
void html_below(struct buffer *out, void (*put)(struct buffer *, double), double value);

/* A figure of a <dl class="figures">: its name, then its value by the caller, then notes, each
 * begun here, and its end.  Words are ours. */
void html_figure(struct buffer *out, const char *name);
void html_note(struct buffer *out, const char *words);
void html_figure_end(struct buffer *out);

/* A table that scrolls by itself where it is too wide; `id` is that of its heading. */
void html_table(struct buffer *out, const char *id);
void html_table_end(struct buffer *out);

#endif
