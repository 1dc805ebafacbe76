/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside view/: what the pages of a report have in common, text, CSV or HTML.
 */
#ifndef WATTUNE_SHOW_TEXT_REPORT_H
#define WATTUNE_SHOW_TEXT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "flow/report.h"
#include "show/text/view.h"

/* Energy of all devices that were measured. */
double report_measured_j(const struct wt_report_row *row);

/* Operational, location-based, and embodied.  Both must be known: grams of one kind alone are not
 * the total. */
double report_total_g(const struct wt_report_row *row);

/* " by user and day"; nothing without keys. */
void report_say_keys(struct buffer *out, const enum wt_report_key keys[], unsigned key_count);

/* What a row does not know: those of which there are any, in order; returns how many. */
enum { REPORT_GAPS = 6 };
struct report_gap {
    const char *sentence; /* its beginning; report_say_gap() has the rest */
    const char *words;    /* the same in short */
    uint64_t runs;        /* of which it is unknown */
};
unsigned report_gaps(const struct wt_report_row *row, struct report_gap gaps[REPORT_GAPS]);
void report_say_gap(struct buffer *out, const struct report_gap *gap,
                    const struct wt_report_row *row);

/* The ledger's words for enum wt_source, for people: "hardware counters". */
const char *report_energy_source(const char *word);

/* All sources of a kind, those of most runs first: "1.1 (3 runs)", "381 g CO2e/kWh, FRA: ... (2
 * runs); ...".  Long lists are cut, and say so.  "unknown": there is none.  Without `counts` one
 * that stands alone does not say of how many runs it is. */
void report_say_sources(struct buffer *out, const struct view_report_page *page, enum wt_basis kind,
                        bool counts);

/* "2 GPUs", "1 to 4 GPUs": of a run; the row must know. */
void report_say_gpus(struct buffer *out, const struct wt_report_row *row);

/* "1 run", "2 runs". */
void report_say_runs(struct buffer *out, uint64_t runs);

/* Adds the sums that pages show of one row to those of another; what is no such sum (keys, times,
 * gpus, errors, complete) stays. */
void report_add(struct wt_report_row *sum, const struct wt_report_row *row);

/* The charts of a page, energy and carbon, each a figure: of the groups that used most, and by day.
 * `where`: what has the numbers that are not shown; `remark`: what else is to be said of the days,
 * or "".  Both are words of ours. */
void report_group_charts(struct buffer *out, const struct view_report_page *page);
struct report_days {
    const struct wt_report_row *rows;
    size_t count;
    unsigned key; /* which of the rows' keys is the day */
    const char *where, *remark;
};
void report_day_charts(struct buffer *out, const struct report_days *rows);

/* From here on in report_parts.c.  A paragraph: of which time, and when made. */
void report_range(struct buffer *out, int64_t from_ms, int64_t to_ms,
                  const struct wt_report_row *total, int64_t made_ms);

/* What was saved, as a figure (see show/page/html.h). */
void report_saved_figure(struct buffer *out, const struct wt_report_row *total);

/* The columns of sums: the heading from <thead> on, with the keys in front; and the cells of a row,
 * to its </tr>. */
struct report_columns {
    bool market, useful; /* stand below other numbers in the same cell, smaller */
    bool gaps;
};
struct report_columns report_columns(const struct wt_report_row *total); /* what any row can have */
void report_heading(struct buffer *out, const enum wt_report_key keys[], unsigned key_count,
                    struct report_columns columns);
void report_sums(struct buffer *out, const struct wt_report_row *row,
                 struct report_columns columns);

/* What is not known of the sums, as items of a list; nothing when all is. */
void report_unknown(struct buffer *out, const struct wt_report_row *total);

/* What the figures rest on, with its heading. */
void report_sources(struct buffer *out, const struct wt_report_basis basis[], size_t count);

#endif
