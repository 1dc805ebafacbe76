/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages: HTML that stands alone, and figures as SVG documents.  No page asks for another file.
 * Takes rows from src/flow/ and appends to a buffer; must not know where rows came from.
 *
 * Unknown is shown as "unknown", never as 0.  Names that others chose are escaped.
 */
#ifndef WATTUNE_SHOW_PAGE_PAGE_H
#define WATTUNE_SHOW_PAGE_PAGE_H

#include <stddef.h>

#include "base/buffer.h"
#include "flow/fleet.h"
#include "flow/study.h"
#include "show/text/view.h"

/* `wattune report --format html`: figures, charts of the groups that used most (and by day, if days
 * are among the keys), a table of the first 500 groups, and the basis of the figures. */
void page_report(struct buffer *out, const struct view_report_page *page);

/* `wattune fleet --format html`: the fleet view with charts and the basis of the figures.  It has
 * the 20 jobs, users, projects and GPU models that used most, 100 watched GPUs, and the sum of the
 * others. */
void page_fleet(struct buffer *out, const struct wt_fleet *fleet);

/* `wattune pareto --svg`, `simulate --svg`: the points with their front, default and optimum; with
 * `choices` beside them the choice of the batch size over the recurrences.  NULL: no choices. */
void page_study_svg(struct buffer *out, const struct wt_study *study,
                    const struct wt_point points[], size_t count, const struct wt_choices *choices);

/* `wattune explain --svg`: the points of the chosen batch size, and the fit through them. */
void page_explain_svg(struct buffer *out, const struct wt_explanation *explanation);

#endif
