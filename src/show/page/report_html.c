/* SPDX-License-Identifier: Apache-2.0
 *
 * A report as a page of HTML: figures, charts, table, and their basis.  Numbers are those of the
 * JSON, shown with units and kept whole beside (see show/page/html.h).
 */
#include <math.h>

#include "show/page/html.h"
#include "show/page/page.h"
#include "show/page/report_parts.h"

enum { MOST_ROWS = 500 }; /* some twenty pages of paper */

/* --- Figures --- */

static void put_energy_figures(struct buffer *out, const struct wt_report_row *total)
{
    html_figure(out, "Energy");
    html_energy(out, report_measured_j(total));
    html_note(out, "GPUs ");
    html_energy(out, total->gpu_j);
    buffer_print(out, ", CPUs ");
    html_energy(out, total->cpu_j);
    buffer_print(out, ", DRAM ");
    html_energy(out, total->dram_j);
    html_figure_end(out);
    html_figure(out, "Energy of the facility");
    html_energy(out, total->facility_j);
    html_note(out, "the above with cooling and losses (PUE)");
    html_figure_end(out);
    page_saved_figure(out, total);
}

static void put_carbon_figures(struct buffer *out, const struct wt_report_row *total)
{
    html_figure(out, "Operational carbon, " HTML_CO2E);
    html_grams(out, total->operational_g);
    html_note(out, "location-based: at the grid&#8217;s average");
    if (isfinite(total->market_g)) {
        html_note(out, "market-based, by contract: ");
        html_grams(out, total->market_g);
        buffer_print(out, " (an alternative to the figure above, not part of it)");
    }
    html_figure_end(out);
    html_figure(out, "Embodied carbon, " HTML_CO2E);
    html_grams(out, total->embodied_g);
    html_note(out, "the runs&#8217; share of the systems&#8217; lifetime (SCI)");
    if (isfinite(total->embodied_useful_g)) {
        html_note(out, "divided by the fleet&#8217;s utilisation: ");
        html_grams(out, total->embodied_useful_g);
        buffer_print(out, " (an alternative to the figure above, not part of it)");
    }
    html_figure_end(out);
    html_figure(out, "Operational and embodied, " HTML_CO2E);
    html_grams(out, report_total_g(total));
    html_note(out, "location-based, and SCI&#8217;s share");
    html_figure_end(out);
}

static void put_figures(struct buffer *out, const struct wt_report_row *total)
{
    buffer_print(out, "<dl class=\"figures\">\n");
    put_energy_figures(out, total);
    put_carbon_figures(out, total);
    html_figure(out, "GPU hours reserved");
    html_number(out, total->gpu_hours);
    html_note(out, "known to be busy: ");
    html_number(out, total->busy_gpu_hours);
    html_figure_end(out);
    html_figure(out, "Runs");
    html_number(out, (double)total->runs);
    html_figure_end(out);
    buffer_print(out, "</dl>\n");
}

static void put_unknown(struct buffer *out, const struct wt_report_row *total)
{
    struct buffer items = {0};
    page_unknown(&items, total);
    if (items.length)
        buffer_print(out, "<h2>Gaps</h2>\n<ul id=\"unknown\">\n%s</ul>\n", items.text);
    out->failed |= items.failed;
    buffer_clear(&items);
}

/* --- Table --- */

static void put_table(struct buffer *out, const struct view_report_page *page)
{
    const struct wt_report_row *total = page->total;
    struct page_columns columns = page_columns(total);
    size_t shown = page->count < MOST_ROWS ? page->count : MOST_ROWS;
    buffer_print(out, "<h2 id=\"groups\">Groups</h2>\n");
    if (shown < page->count)
        buffer_print(out,
                     "<p>The first %u of %zu groups; <code>wattune report --format csv</code> has "
                     "all.</p>\n",
                     MOST_ROWS, page->count);
    html_table(out, "groups");
    page_sums_heading(out, page->keys, page->key_count, columns);
    buffer_print(out, "<tbody>\n");
    for (size_t k = 0; page->key_count && k < shown; k++) {
        buffer_print(out, "<tr>");
        for (unsigned i = 0; i < page->key_count; i++) {
            buffer_print(out, "<th scope=\"row\" class=\"name\">");
            html_name(out, page->rows[k].keys[i]);
            buffer_print(out, "</th>");
        }
        page_sums(out, &page->rows[k], columns);
    }
    buffer_print(out, "</tbody>\n<tfoot><tr><th scope=\"row\" class=\"name\"");
    if (page->key_count > 1)
        buffer_print(out, " colspan=\"%u\"", page->key_count);
    buffer_print(out, ">all</th>");
    page_sums(out, total, columns);
    buffer_print(out, "</tfoot>\n");
    html_table_end(out);
}

static void put_charts(struct buffer *out, const struct view_report_page *page)
{
    if (!page->count)
        return;
    buffer_print(out, "<div class=\"charts\">\n");
    for (unsigned i = 0; i < page->key_count; i++)
        if (page->keys[i] == WT_BY_DAY)
            page_day_charts(out, &(struct page_days){page->rows, page->count, i, "the table", ""});
    if (page->key_count != 1 || page->keys[0] != WT_BY_DAY)
        page_group_charts(out, page);
    buffer_print(out, "</div>\n");
}

void page_report(struct buffer *out, const struct view_report_page *page)
{
    struct buffer title = {0};
    buffer_print(&title, "Energy and carbon");
    report_say_keys(&title, page->keys, page->key_count);
    html_begin(out, buffer_text(&title));
    out->failed |= title.failed;
    buffer_clear(&title);
    page_range(out, page->from_ms, page->to_ms, page->total, page->made_ms);
    if (page->total->runs) {
        put_figures(out, page->total);
        put_unknown(out, page->total);
        put_charts(out, page);
        put_table(out, page);
        page_sources(out, page->basis, page->basis_count);
    } else {
        buffer_print(out, "<p>No runs in the ledger match.</p>\n");
    }
    html_end(out);
}
