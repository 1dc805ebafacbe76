/* SPDX-License-Identifier: Apache-2.0
 *
 * The common parts of pages over runs: their range, the columns of sums, the gaps, and the basis of
 * the figures.  Numbers are those of the JSON, shown with units and kept whole beside (see
 * show/page/html.h).
 */
#include "show/page/report_parts.h"

#include <math.h>

#include "show/page/html.h"

enum { MOST_SOURCES = 8 }; /* of each kind */

void page_range(struct buffer *out, int64_t from_ms, int64_t to_ms,
                const struct wt_report_row *total, int64_t made_ms)
{
    buffer_print(out, "<p class=\"soft\">");
    if (from_ms == INT64_MIN && to_ms == INT64_MAX)
        buffer_print(out, "All runs in the ledger");
    else
        buffer_print(out, "Hours that began");
    if (from_ms != INT64_MIN) {
        buffer_print(out, " at or after ");
        html_time(out, from_ms);
    }
    if (to_ms != INT64_MAX) {
        buffer_print(out, from_ms != INT64_MIN ? " and before " : " before ");
        html_time(out, to_ms);
    }
    if (total->runs) {
        buffer_print(out, "; runs from ");
        html_time(out, total->first_ms);
        buffer_print(out, " to ");
        html_time(out, total->last_ms);
    }
    buffer_print(out, ".<br>Made ");
    html_time(out, made_ms);
    buffer_print(out, " by Wattune.</p>\n");
}

/* --- Sums --- */

void page_saved_figure(struct buffer *out, const struct wt_report_row *total)
{
    html_figure(out, "Saved energy");
    html_energy(out, total->saved_j);
    if (isfinite(total->saved_j)) {
        html_below(out, html_error, total->saved_error_j);
        html_note(out, "against the measured baseline, in ");
        buffer_print(out, "%llu of ", (unsigned long long)total->saved_runs);
        report_say_runs(out, total->runs);
        buffer_print(out, "; carbon ");
        html_grams(out, total->saved_g);
    } else {
        html_note(out, "no run has measured its baseline");
    }
    html_figure_end(out);
}

struct page_columns page_columns(const struct wt_report_row *total)
{
    struct report_gap gaps[REPORT_GAPS];
    return (struct page_columns){isfinite(total->market_g), isfinite(total->embodied_useful_g),
                                 report_gaps(total, gaps) > 0};
}

void page_sums_heading(struct buffer *out, const enum wt_report_key keys[], unsigned key_count,
                       struct page_columns columns)
{
    static const char *const names[WT_REPORT_KEYS] = {"Job", "Phase", "User", "Project",
                                                      "GPU", "Node",  "Day"};
    buffer_print(out, "<thead><tr>");
    for (unsigned i = 0; i < key_count; i++)
        buffer_print(out, "<th scope=\"col\" class=\"name\">%s</th>", names[keys[i]]);
    if (!key_count)
        buffer_print(out, "<th scope=\"col\" class=\"name\">Group</th>");
    buffer_print(out,
                 "<th scope=\"col\">Runs</th><th scope=\"col\">GPU hours <small>known to be "
                 "busy</small></th>"
                 "<th scope=\"col\">Energy</th><th scope=\"col\">Energy of the facility</th>"
                 "<th scope=\"col\">Operational " HTML_CO2E
                 "%s</th><th scope=\"col\">Embodied " HTML_CO2E "%s</th>"
                 "<th scope=\"col\">Both</th><th scope=\"col\">Saved energy <small>&#177; "
                 "error</small></th>%s</tr></thead>\n",
                 columns.market ? " <small>market-based</small>" : "",
                 columns.useful ? " <small>divided by utilisation</small>" : "",
                 columns.gaps ? "<th scope=\"col\" class=\"words\">Gaps</th>" : "");
}

static void put_gaps(struct buffer *out, const struct wt_report_row *row)
{
    struct report_gap gaps[REPORT_GAPS];
    unsigned count = report_gaps(row, gaps);
    buffer_print(out, "<td class=\"words\">");
    for (unsigned i = 0; i < count; i++)
        buffer_print(out, "%s%s %llu", i ? ", " : "no ", gaps[i].what,
                     (unsigned long long)gaps[i].runs);
    buffer_print(out, "</td>");
}

void page_sums(struct buffer *out, const struct wt_report_row *row, struct page_columns columns)
{
    buffer_print(out, "<td>");
    html_number(out, (double)row->runs);
    buffer_print(out, "</td><td>");
    html_number(out, row->gpu_hours);
    html_below(out, html_number, row->busy_gpu_hours);
    buffer_print(out, "</td><td>");
    html_energy(out, report_measured_j(row));
    buffer_print(out, "</td><td>");
    html_energy(out, row->facility_j);
    buffer_print(out, "</td><td>");
    html_grams(out, row->operational_g);
    if (columns.market)
        html_below(out, html_grams, row->market_g);
    buffer_print(out, "</td><td>");
    html_grams(out, row->embodied_g);
    if (columns.useful)
        html_below(out, html_grams, row->embodied_useful_g);
    buffer_print(out, "</td><td>");
    html_grams(out, report_total_g(row));
    buffer_print(out, "</td><td>");
    html_energy(out, row->saved_j);
    if (isfinite(row->saved_j))
        html_below(out, html_error, row->saved_error_j);
    buffer_print(out, "</td>");
    if (columns.gaps)
        put_gaps(out, row);
    buffer_print(out, "</tr>\n");
}

void page_unknown(struct buffer *out, const struct wt_report_row *total)
{
    struct report_gap gaps[REPORT_GAPS + 1] = {0};
    unsigned count = report_gaps(total, gaps);
    if (isfinite(total->market_g) && total->market_unknown)
        gaps[count++] =
            (struct report_gap){"the market-based figure", total->market_unknown, false};
    for (unsigned i = 0; i < count; i++) {
        buffer_print(out, "<li>");
        report_say_gap(out, &gaps[i], total);
        buffer_print(out, "</li>\n");
    }
}

/* --- Their basis --- */

static void put_factor(struct buffer *out, const struct wt_report_basis *basis, const char *unit)
{
    if (!isfinite(basis->least))
        return;
    report_say_range(out, basis->least, basis->most);
    buffer_print(out, "%s", unit);
}

static void put_basis(struct buffer *out, const struct wt_report_basis *basis)
{
    static const struct {
        const char *name, *unit;
    } kinds[WT_BASES] = {[WT_BASIS_ENERGY] = {"GPU energy: ", ""},
                         [WT_BASIS_PUE] = {"PUE: ", ", "},
                         [WT_BASIS_INTENSITY] = {"Grid intensity: ", " g " HTML_CO2E "/kWh, "},
                         [WT_BASIS_EMBODIED] = {"Embodied carbon: ", " years of lifetime, "}};
    buffer_print(out, "<li>%s", kinds[basis->kind].name);
    put_factor(out, basis, kinds[basis->kind].unit);
    buffer_print(out, "<bdi>");
    html_text(out, !basis->source[0]                ? "source unknown"
                   : basis->kind == WT_BASIS_ENERGY ? report_energy_source(basis->source)
                                                    : basis->source);
    buffer_print(out, "</bdi> (");
    report_say_runs(out, basis->runs);
    buffer_print(out, ")</li>\n");
}

void page_sources(struct buffer *out, const struct wt_report_basis basis[], size_t count)
{
    size_t of_kind = 0;
    buffer_print(out, "<h2>Sources</h2>\n<ul id=\"basis\">\n");
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count || basis[i + 1].kind != basis[i].kind;
        if (of_kind++ < MOST_SOURCES)
            put_basis(out, &basis[i]);
        if (last && of_kind > MOST_SOURCES)
            buffer_print(out, "<li>and %zu more sources of the same</li>\n",
                         of_kind - MOST_SOURCES);
        if (last)
            of_kind = 0;
    }
    buffer_print(out, "<li>Carbon is as it was booked with each run; each hour at its grid&#8217;s "
                      "intensity where a series was at hand."
                      "</li>\n</ul>\n");
}
