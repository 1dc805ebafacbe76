/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside view/: pages of HTML that need nothing but themselves.  One style sheet for all of them, for screens wide and narrow,
 * light and dark, and for A4; no script; a policy that forbids the browser to run or fetch anything.  What others chose is
 * text: nothing of it can become markup or turn what stands beside it around.
 */
#ifndef WATTUNE_VIEW_HTML_H
#define WATTUNE_VIEW_HTML_H

#include <stdint.h>

#include "base/buffer.h"

/* From the doctype to the beginning of <main>, with the title as <h1>; and its end.  The title is a text of ours. */
void html_begin(struct buffer *out, const char *title);
void html_end(struct buffer *out);

/* Any bytes as text, for elements and for attributes in double quotes: control characters, direction marks and wrong bytes
 * shown escaped as text_escape() does, markup as entities. */
void html_text(struct buffer *out, const char *text);

/* A name that others chose: isolated from the direction of what is around, cut with "..." behind 64 bytes (the whole is its
 * title then), "unknown" when empty. */
void html_name(struct buffer *out, const char *name);

/* What is shown of a number, with the number itself beside it for programs (12 digits); as shown alone when it is not finite. */
void html_value(struct buffer *out, double value, const char *shown);

/* A moment to the minute, UTC; "unknown" for one that has no date. */
void html_time(struct buffer *out, int64_t wall_ms);

#endif
