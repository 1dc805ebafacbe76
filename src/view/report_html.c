/* SPDX-License-Identifier: Apache-2.0
 *
 * A report as a page of HTML: figures, charts, table, and what they rest on.  Numbers are those of the JSON, shown with units and
 * kept whole beside (see view/html.h).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "view/html.h"
#include "view/report.h"
#include "view/table.h"

enum {
    MOST_ROWS = 500,  /* some twenty pages of paper */
    MOST_SOURCES = 8, /* of each kind */
};

#define CO2E "CO<sub>2</sub>e"

static void put_number(struct buffer *out, double value)
{
    char text[64];
    if (isfinite(value))
        snprintf(text, sizeof text, fabs(value) < 9999.5 ? "%.4g" : "%.0f", value);
    else
        snprintf(text, sizeof text, "unknown");
    html_value(out, value, text);
}

static void put_energy(struct buffer *out, double energy_j)
{
    char text[UNIT_SIZE];
    html_value(out, energy_j, unit_watt_hours(text, energy_j));
}

static void put_grams(struct buffer *out, double grams)
{
    char text[UNIT_SIZE];
    html_value(out, grams, unit_grams(text, grams));
}

static void put_runs(struct buffer *out, uint64_t runs)
{
    buffer_print(out, "%llu run%s", (unsigned long long)runs, runs == 1 ? "" : "s");
}

static void put_error(struct buffer *out, double energy_j)
{
    buffer_print(out, "&#177; ");
    put_energy(out, energy_j);
}

/* In the same place, smaller: what stands beside another number and is never added to it. */
static void put_below(struct buffer *out, void (*put)(struct buffer *, double), double value)
{
    buffer_print(out, " <small>");
    put(out, value);
    buffer_print(out, "</small>");
}

/* --- Figures ----------------------------------------------------------------------------------------------------- */

static void begin_figure(struct buffer *out, const char *name)
{
    buffer_print(out, "<div><dt>%s</dt><dd class=\"main\">", name);
}

static void put_note(struct buffer *out, const char *words)
{
    buffer_print(out, "</dd>\n<dd class=\"note\">%s", words);
}

static void end_figure(struct buffer *out)
{
    buffer_print(out, "</dd></div>\n");
}

static void put_energy_figures(struct buffer *out, const struct wt_report_row *total)
{
    begin_figure(out, "Energy");
    put_energy(out, report_measured_j(total));
    put_note(out, "GPUs ");
    put_energy(out, total->gpu_j);
    buffer_print(out, ", CPUs ");
    put_energy(out, total->cpu_j);
    buffer_print(out, ", DRAM ");
    put_energy(out, total->dram_j);
    end_figure(out);
    begin_figure(out, "Energy of the facility");
    put_energy(out, total->facility_j);
    put_note(out, "the above with cooling and losses (PUE)");
    end_figure(out);
    begin_figure(out, "Saved energy");
    put_energy(out, total->saved_j);
    if (isfinite(total->saved_j)) {
        put_below(out, put_error, total->saved_error_j);
        put_note(out, "against the measured baseline, in ");
        buffer_print(out, "%llu of ", (unsigned long long)total->saved_runs);
        put_runs(out, total->runs);
        buffer_print(out, "; carbon ");
        put_grams(out, total->saved_g);
    } else {
        put_note(out, "no run has measured its baseline");
    }
    end_figure(out);
}

static void put_carbon_figures(struct buffer *out, const struct wt_report_row *total)
{
    begin_figure(out, "Operational carbon, " CO2E);
    put_grams(out, total->operational_g);
    put_note(out, "location-based: what the grid emits on average");
    if (isfinite(total->market_g)) {
        put_note(out, "market-based, by contract: ");
        put_grams(out, total->market_g);
        buffer_print(out, " (beside the above, never mixed)");
    }
    end_figure(out);
    begin_figure(out, "Embodied carbon, " CO2E);
    put_grams(out, total->embodied_g);
    put_note(out, "the runs&#8217; share of the systems&#8217; lifetime (SCI)");
    if (isfinite(total->embodied_useful_g)) {
        put_note(out, "divided by the fleet&#8217;s utilisation: ");
        put_grams(out, total->embodied_useful_g);
        buffer_print(out, " (beside the above, never added to it)");
    }
    end_figure(out);
    begin_figure(out, "Operational and embodied, " CO2E);
    put_grams(out, report_total_g(total));
    put_note(out, "location-based, and SCI&#8217;s share");
    end_figure(out);
}

static void put_figures(struct buffer *out, const struct wt_report_row *total)
{
    buffer_print(out, "<dl class=\"figures\">\n");
    put_energy_figures(out, total);
    put_carbon_figures(out, total);
    begin_figure(out, "GPU hours reserved");
    put_number(out, total->gpu_hours);
    put_note(out, "known to be busy: ");
    put_number(out, total->busy_gpu_hours);
    end_figure(out);
    begin_figure(out, "Runs");
    put_number(out, (double)total->runs);
    end_figure(out);
    buffer_print(out, "</dl>\n");
}

static void put_unknown(struct buffer *out, const struct wt_report_row *total)
{
    struct report_gap gaps[REPORT_GAPS];
    unsigned count = report_gaps(total, gaps);
    bool contract = isfinite(total->market_g) && total->market_unknown;
    if (!count && !contract)
        return;
    buffer_print(out, "<h2>What is not known</h2>\n<ul id=\"unknown\">\n");
    for (unsigned i = 0; i < count; i++) {
        buffer_print(out, "<li>");
        report_say_gap(out, &gaps[i], total);
        buffer_print(out, "</li>\n");
    }
    if (contract) {
        const struct report_gap gap = {"the market-based figure is", "", total->market_unknown};
        buffer_print(out, "<li>");
        report_say_gap(out, &gap, total);
        buffer_print(out, "</li>\n");
    }
    buffer_print(out, "</ul>\n");
}

/* --- Table ------------------------------------------------------------------------------------------------------- */

/* What stands below another number in the same cell, smaller, since it is never added to it. */
struct below {
    bool market, useful, gaps;
};

static void put_heading(struct buffer *out, const struct view_report_page *page, struct below below)
{
    static const char *const names[WT_REPORT_KEYS] = {"Job", "Phase", "User", "Project", "GPU", "Node", "Day"};
    buffer_print(out, "<thead><tr>");
    for (unsigned i = 0; i < page->key_count; i++)
        buffer_print(out, "<th scope=\"col\" class=\"name\">%s</th>", names[page->keys[i]]);
    if (!page->key_count)
        buffer_print(out, "<th scope=\"col\" class=\"name\">Group</th>");
    buffer_print(out, "<th scope=\"col\">Runs</th><th scope=\"col\">GPU hours <small>known to be busy</small></th>"
                      "<th scope=\"col\">Energy</th><th scope=\"col\">Energy of the facility</th>"
                      "<th scope=\"col\">Operational " CO2E "%s</th><th scope=\"col\">Embodied " CO2E "%s</th>"
                      "<th scope=\"col\">Both</th><th scope=\"col\">Saved energy <small>&#177; error</small></th>%s</tr></thead>\n",
                 below.market ? " <small>market-based</small>" : "", below.useful ? " <small>divided by utilisation</small>" : "",
                 below.gaps ? "<th scope=\"col\" class=\"words\">Runs without</th>" : "");
}

static void put_gaps(struct buffer *out, const struct wt_report_row *row)
{
    struct report_gap gaps[REPORT_GAPS];
    unsigned count = report_gaps(row, gaps);
    buffer_print(out, "<td class=\"words\">");
    for (unsigned i = 0; i < count; i++)
        buffer_print(out, "%s%s %llu", i ? ", " : "", gaps[i].words, (unsigned long long)gaps[i].runs);
    buffer_print(out, "</td>");
}

static void put_sums(struct buffer *out, const struct wt_report_row *row, struct below below)
{
    buffer_print(out, "<td>");
    put_number(out, (double)row->runs);
    buffer_print(out, "</td><td>");
    put_number(out, row->gpu_hours);
    put_below(out, put_number, row->busy_gpu_hours);
    buffer_print(out, "</td><td>");
    put_energy(out, report_measured_j(row));
    buffer_print(out, "</td><td>");
    put_energy(out, row->facility_j);
    buffer_print(out, "</td><td>");
    put_grams(out, row->operational_g);
    if (below.market)
        put_below(out, put_grams, row->market_g);
    buffer_print(out, "</td><td>");
    put_grams(out, row->embodied_g);
    if (below.useful)
        put_below(out, put_grams, row->embodied_useful_g);
    buffer_print(out, "</td><td>");
    put_grams(out, report_total_g(row));
    buffer_print(out, "</td><td>");
    put_energy(out, row->saved_j);
    if (isfinite(row->saved_j))
        put_below(out, put_error, row->saved_error_j);
    buffer_print(out, "</td>");
    if (below.gaps)
        put_gaps(out, row);
    buffer_print(out, "</tr>\n");
}

static void put_table(struct buffer *out, const struct view_report_page *page)
{
    const struct wt_report_row *total = page->total;
    struct report_gap gaps[REPORT_GAPS];
    struct below below = {isfinite(total->market_g), isfinite(total->embodied_useful_g), report_gaps(total, gaps) > 0};
    size_t shown = page->count < MOST_ROWS ? page->count : MOST_ROWS;
    buffer_print(out, "<h2 id=\"groups\">Groups</h2>\n");
    if (shown < page->count)
        buffer_print(out, "<p>The first %u of %zu groups; <code>wattune report --format csv</code> has all.</p>\n", MOST_ROWS,
                     page->count);
    buffer_print(out, "<div class=\"wide\" role=\"region\" aria-labelledby=\"groups\" tabindex=\"0\">\n<table>\n");
    put_heading(out, page, below);
    buffer_print(out, "<tbody>\n");
    for (size_t k = 0; page->key_count && k < shown; k++) {
        buffer_print(out, "<tr>");
        for (unsigned i = 0; i < page->key_count; i++) {
            buffer_print(out, "<th scope=\"row\" class=\"name\">");
            html_name(out, page->rows[k].keys[i]);
            buffer_print(out, "</th>");
        }
        put_sums(out, &page->rows[k], below);
    }
    buffer_print(out, "</tbody>\n<tfoot><tr><th scope=\"row\" class=\"name\"");
    if (page->key_count > 1)
        buffer_print(out, " colspan=\"%u\"", page->key_count);
    buffer_print(out, ">all</th>");
    put_sums(out, total, below);
    buffer_print(out, "</tfoot>\n</table>\n</div>\n");
}

/* --- What it rests on -------------------------------------------------------------------------------------------- */

static void put_factor(struct buffer *out, const struct wt_report_basis *basis, const char *unit)
{
    if (!isfinite(basis->least))
        return;
    buffer_print(out, "%.5g", basis->least);
    if (basis->most > basis->least)
        buffer_print(out, " to %.5g", basis->most);
    buffer_print(out, "%s", unit);
}

static void put_basis(struct buffer *out, const struct wt_report_basis *basis)
{
    static const struct { const char *name, *unit; bool has_source; } kinds[WT_BASES] = {
        [WT_BASIS_ENERGY] = {"GPU energy: ", "", true},
        [WT_BASIS_PUE] = {"PUE: ", "", false},
        [WT_BASIS_INTENSITY] = {"Grid intensity: ", " g " CO2E "/kWh, ", true},
        [WT_BASIS_EMBODIED] = {"Embodied carbon: ", "", true}};
    buffer_print(out, "<li>%s", kinds[basis->kind].name);
    put_factor(out, basis, kinds[basis->kind].unit);
    if (kinds[basis->kind].has_source) {
        buffer_print(out, "<bdi>");
        html_text(out, !basis->source[0] ? "source unknown" : basis->kind == WT_BASIS_ENERGY ? report_energy_source(basis->source) : basis->source);
        buffer_print(out, "</bdi>");
    }
    buffer_print(out, " (");
    put_runs(out, basis->runs);
    buffer_print(out, ")</li>\n");
}

static void put_bases(struct buffer *out, const struct view_report_page *page)
{
    size_t of_kind = 0;
    buffer_print(out, "<h2>Where the numbers come from</h2>\n<ul id=\"basis\">\n");
    for (size_t i = 0; i < page->basis_count; i++) {
        bool last = i + 1 == page->basis_count || page->basis[i + 1].kind != page->basis[i].kind;
        if (of_kind++ < MOST_SOURCES)
            put_basis(out, &page->basis[i]);
        if (last && of_kind > MOST_SOURCES)
            buffer_print(out, "<li>and %zu more sources of the same</li>\n", of_kind - MOST_SOURCES);
        if (last)
            of_kind = 0;
    }
    buffer_print(out, "<li>Carbon is as it was booked with each run; each hour at its grid&#8217;s intensity where a series was at hand."
                      "</li>\n</ul>\n");
}

static void put_range(struct buffer *out, const struct view_report_page *page)
{
    buffer_print(out, "<p class=\"soft\">");
    if (page->from_ms == INT64_MIN && page->to_ms == INT64_MAX)
        buffer_print(out, "All runs in the ledger");
    else
        buffer_print(out, "Hours that began");
    if (page->from_ms != INT64_MIN) {
        buffer_print(out, " at or after ");
        html_time(out, page->from_ms);
    }
    if (page->to_ms != INT64_MAX) {
        buffer_print(out, page->from_ms != INT64_MIN ? " and before " : " before ");
        html_time(out, page->to_ms);
    }
    if (page->total->runs) {
        buffer_print(out, "; runs from ");
        html_time(out, page->total->first_ms);
        buffer_print(out, " to ");
        html_time(out, page->total->last_ms);
    }
    buffer_print(out, ".<br>Made ");
    html_time(out, page->made_ms);
    buffer_print(out, " by Wattune.</p>\n");
}

void view_report_html(struct buffer *out, const struct view_report_page *page)
{
    struct buffer title = {0};
    buffer_print(&title, "Energy and carbon");
    report_say_keys(&title, page->keys, page->key_count);
    html_begin(out, buffer_text(&title));
    out->failed |= title.failed;
    buffer_clear(&title);
    put_range(out, page);
    if (page->total->runs) {
        put_figures(out, page->total);
        put_unknown(out, page->total);
        report_charts(out, page);
        put_table(out, page);
        put_bases(out, page);
    } else {
        buffer_print(out, "<p>There are no runs in the ledger for that.</p>\n");
    }
    html_end(out);
}
