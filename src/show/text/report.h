/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside show/: sentences and sums that a report has in common as text, page and export.
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

/* The gaps of a row, in order; returns their number. */
enum { REPORT_GAPS = 6 };
struct report_gap {
    const char *what; /* the thing that is missing, as a noun: "end", "CPU energy" */
    uint64_t runs;    /* runs that lack it */
    bool no_end;      /* it is their end */
};
unsigned report_gaps(const struct wt_report_row *row, struct report_gap gaps[REPORT_GAPS]);
void report_say_gap(struct buffer *out, const struct report_gap *gap,
                    const struct wt_report_row *row);

/* "1.1", "381 to 402": one number where both print alike. */
void report_say_range(struct buffer *out, double least, double most);

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

/* Adds the sums that pages show of one row to those of another; all else (keys, times, gpus,
 * errors, complete) stays. */
void report_add(struct wt_report_row *sum, const struct wt_report_row *row);

#endif
