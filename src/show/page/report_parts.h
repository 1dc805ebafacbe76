/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside page/: the parts that the pages of a report and of a fleet have in common.
 */
#ifndef WATTUNE_SHOW_PAGE_REPORT_PARTS_H
#define WATTUNE_SHOW_PAGE_REPORT_PARTS_H

#include "show/text/report.h"

/* The charts of a page, energy and carbon, each a figure: of the groups that used most, and by
 * day. `where`: the place of the numbers that are not shown; `remark`: a sentence about the
 * days, or "".  Both are words of ours. */
void page_group_charts(struct buffer *out, const struct view_report_page *page);
struct page_days {
    const struct wt_report_row *rows;
    size_t count;
    unsigned key; /* which of the rows' keys is the day */
    const char *where, *remark;
};
void page_day_charts(struct buffer *out, const struct page_days *rows);

/* A paragraph: the time of the report, and when it was made. */
void page_range(struct buffer *out, int64_t from_ms, int64_t to_ms,
                const struct wt_report_row *total, int64_t made_ms);

/* The savings, as a figure (see show/page/html.h). */
void page_saved_figure(struct buffer *out, const struct wt_report_row *total);

/* The columns of sums: the heading from <thead> on, with the keys in front; and the cells of a row,
 * to its </tr>. */
struct page_columns {
    bool market, useful; /* stand below other numbers in the same cell, smaller */
    bool gaps;
};
/* the columns that any row can have */
struct page_columns page_columns(const struct wt_report_row *total);
void page_sums_heading(struct buffer *out, const enum wt_report_key keys[], unsigned key_count,
                       struct page_columns columns);
void page_sums(struct buffer *out, const struct wt_report_row *row, struct page_columns columns);

/* The gaps of the sums, as items of a list; nothing when there are none. */
void page_unknown(struct buffer *out, const struct wt_report_row *total);

/* The basis of the figures, with its heading. */
void page_sources(struct buffer *out, const struct wt_report_basis basis[], size_t count);

#endif
