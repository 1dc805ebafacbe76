/* SPDX-License-Identifier: Apache-2.0
 *
 * A fleet as a page of HTML: the size of the problem and the worth of the solution, the fleet view,
 * the task view, other assumptions, and the basis of all figures.  Numbers are those of the JSON,
 * shown with units and kept whole beside (see show/page/html.h).
 */
#include <math.h>
#include <stdio.h>

#include "base/units.h"
#include "show/page/fleet_charts.h"
#include "show/page/fleet_tables.h"
#include "show/page/html.h"
#include "show/page/report_parts.h"
#include "show/page/page.h"

static bool is_watched(const struct wt_fleet *fleet)
{
    return fleet->lines.watched_hours > 0;
}

/* A note with one value in it. */
static void put_share(struct buffer *out, double fraction, const char *of_what)
{
    html_note(out, "");
    html_percent(out, fraction);
    buffer_print(out, "%s of %s", isfinite(fraction) ? "" : " share", of_what);
}

/* --- Figures --- */

/* The part of a figure that is not of runs: watched devices use more than runs have booked.
 * `watched`: the devices' own sum, without which that is not known. */
static void put_beside(struct buffer *out, const struct wt_fleet *fleet, double now, double of_runs,
                       double watched, void (*put)(struct buffer *, double))
{
    if (!is_watched(fleet))
        return;
    html_note(out, "runs ");
    put(out, of_runs);
    buffer_print(out, ", watched GPUs outside runs ");
    put(out, !(page_fleet_known_hours(&fleet->lines) > 0) || !isfinite(watched) ? (double)NAN
             : isfinite(of_runs)                                                ? now - of_runs
                                                                                : now);
}

static void put_energy_figures(struct buffer *out, const struct wt_fleet *fleet)
{
    const struct wt_report_row *runs = &fleet->total;
    html_figure(out, "Energy");
    html_energy(out, fleet->now.energy_j);
    html_note(out, "of runs: GPUs ");
    html_energy(out, runs->gpu_j);
    buffer_print(out, ", CPUs ");
    html_energy(out, runs->cpu_j);
    buffer_print(out, ", DRAM ");
    html_energy(out, runs->dram_j);
    put_beside(out, fleet, fleet->now.energy_j, report_measured_j(runs), fleet->lines.energy_j,
               html_energy);
    html_figure_end(out);
    html_figure(out, "Energy of the facility");
    html_energy(out, fleet->now.facility_j);
    html_note(out, "the above with cooling and losses (PUE)");
    html_figure_end(out);
}

static void put_carbon_figures(struct buffer *out, const struct wt_fleet *fleet)
{
    const struct wt_report_row *runs = &fleet->total;
    html_figure(out, "Operational carbon, " HTML_CO2E);
    html_grams(out, fleet->now.operational_g);
    html_note(out, "location-based: at the grid&#8217;s average");
    put_beside(out, fleet, fleet->now.operational_g, runs->operational_g,
               fleet->lines.operational_g, html_grams);
    if (isfinite(runs->market_g)) {
        html_note(out, "of runs market-based, by contract: ");
        html_grams(out, runs->market_g);
        buffer_print(out, " (an alternative to the figure above, not part of it)");
    }
    html_figure_end(out);
    html_figure(out, "Embodied carbon, " HTML_CO2E);
    html_grams(out, fleet->now.embodied_g);
    html_note(out, "the time&#8217;s share of the systems&#8217; lifetime (SCI)");
    put_beside(out, fleet, fleet->now.embodied_g, runs->embodied_g, fleet->lines.embodied_g,
               html_grams);
    if (isfinite(fleet->now.embodied_useful_g)) {
        html_note(out, "of runs, divided by the fleet&#8217;s utilisation: ");
        html_grams(out, fleet->now.embodied_useful_g);
        buffer_print(out, " (an alternative to the figure above, not part of it)");
    }
    html_figure_end(out);
}

static void put_figures(struct buffer *out, const struct wt_fleet *fleet)
{
    buffer_print(out, "<dl class=\"figures\">\n");
    put_energy_figures(out, fleet);
    put_carbon_figures(out, fleet);
    page_saved_figure(out, &fleet->total);
    html_figure(out, "GPU hours of runs");
    html_number(out, fleet->now.gpu_hours);
    html_note(out, "known to be busy: ");
    html_number(out, fleet->total.busy_gpu_hours);
    html_figure_end(out);
    html_figure(out, "Runs");
    html_number(out, (double)fleet->total.runs);
    html_figure_end(out);
    buffer_print(out, "</dl>\n");
}

/* --- Size and worth --- */

/* The potentials of the jobs together; energy NaN: of none. */
struct outlook {
    size_t known, unknown;            /* jobs */
    double unknown_j;                 /* energy of the latter, where that is known */
    double chosen_hours, least_hours; /* GPU hours that they would take more */
};

static struct outlook outlook_of(const struct wt_fleet *fleet)
{
    struct outlook outlook = {.unknown_j = NAN, .chosen_hours = NAN, .least_hours = NAN};
    for (size_t i = 0; i < fleet->jobs.count; i++) {
        const struct wt_report_row *job = &fleet->jobs.rows[i];
        const struct wt_potential *potential = &fleet->potentials[i];
        if (isfinite(potential->chosen_energy) && isfinite(job->gpu_j)) {
            outlook.known++;
            outlook.chosen_hours =
                sum_known(outlook.chosen_hours, job->gpu_hours * (potential->chosen_time - 1));
            outlook.least_hours =
                sum_known(outlook.least_hours, job->gpu_hours * (potential->least_time - 1));
        } else {
            outlook.unknown++;
            outlook.unknown_j = sum_known(outlook.unknown_j, job->gpu_j);
        }
    }
    return outlook;
}

static void put_possible(struct buffer *out, const struct wt_fleet *fleet, double then_j,
                         double more_hours, const char *how)
{
    double less_j = fleet->tunable_j - then_j;
    html_energy(out, less_j);
    html_note(out, how);
    put_share(out, less_j / fleet->now.energy_j, "the energy of the fleet; ");
    html_percent(out, less_j / fleet->tunable_j);
    buffer_print(out, " of the ");
    html_energy(out, fleet->tunable_j);
    buffer_print(out, " of jobs with a profile");
    html_note(out, "operational carbon at the fleet&#8217;s mean: ");
    html_grams(out, less_j / fleet->now.energy_j * fleet->now.operational_g);
    html_note(out, "Additional GPU hours: ");
    html_number(out, more_hours);
    html_figure_end(out);
}

static void put_idle(struct buffer *out, const struct wt_fleet_lines *lines)
{
    bool known = page_fleet_known_hours(lines) > 0;
    html_figure(out, "Energy of idle GPUs");
    html_energy(out, known ? lines->idle_j : (double)NAN);
    if (known)
        put_share(out, lines->idle_j / lines->energy_j,
                  "the energy of watched GPUs; no power limit saves that");
    else
        html_note(out, lines->watched_hours > 0 ? "the energy of the hours watched is unknown"
                                                : "nobody watched the devices");
    html_figure_end(out);
}

static void put_worth(struct buffer *out, const struct wt_fleet *fleet,
                      const struct outlook *outlook)
{
    const struct wt_report_row *runs = &fleet->total;
    char name[64];
    buffer_print(out, "<h2 id=\"worth\">Use and savings</h2>\n<dl "
                      "class=\"figures\">\n");
    html_figure(out, "Energy used");
    html_energy(out, fleet->now.energy_j);
    html_note(out, "operational and embodied: ");
    html_grams(out, fleet->now.operational_g + fleet->now.embodied_g);
    html_figure_end(out);
    html_figure(out, "Saving so far");
    html_energy(out, runs->saved_j);
    if (isfinite(runs->saved_j)) {
        html_below(out, html_error, runs->saved_error_j);
        put_share(out, runs->saved_j / (fleet->now.energy_j + runs->saved_j),
                  "the energy without it; measured in ");
        buffer_print(out, "%llu of ", (unsigned long long)runs->saved_runs);
        report_say_runs(out, runs->runs);
    } else {
        html_note(out, "no run has measured its baseline");
    }
    html_figure_end(out);
    snprintf(name, sizeof name, "Further saving available at eta %.4g", fleet->eta);
    html_figure(out, name);
    put_possible(out, fleet, fleet->at_choice_j, outlook->chosen_hours,
                 "by the limits that eta chooses from the jobs&#8217; profiles");
    html_figure(out, "Largest saving available by limits");
    put_possible(out, fleet, fleet->at_least_j, outlook->least_hours,
                 "by the power limits of least energy");
    html_figure(out, "Without a usable profile");
    html_energy(out, outlook->unknown_j);
    html_note(out, "of GPUs; the saving available there is unknown");
    put_share(out, outlook->unknown_j / fleet->now.energy_j, "the energy of the fleet, ");
    buffer_print(out, "%zu of %zu jobs", outlook->unknown, outlook->known + outlook->unknown);
    html_figure_end(out);
    put_idle(out, &fleet->lines);
    buffer_print(out, "</dl>\n");
}

/* --- Fleet view --- */

static void put_charts(struct buffer *out, const struct wt_fleet *fleet)
{
    const enum wt_report_key phase = WT_BY_PHASE;
    if (!fleet->phases.count && !is_watched(fleet))
        return;
    buffer_print(out, "<div class=\"charts\">\n");
    page_group_charts(out, &(struct view_report_page){.keys = &phase,
                                                      .key_count = 1,
                                                      .rows = fleet->phases.rows,
                                                      .count = fleet->phases.count});
    page_day_charts(
        out, &(struct page_days){fleet->days.rows, fleet->days.count, 0, "wattune report --by day",
                                 fleet->by_hour ? "" : "Each run counts on the day it began."});
    page_fleet_charts(out, &fleet->lines);
    buffer_print(out, "</div>\n");
}

static void put_watched_figure(struct buffer *out, const char *name, double value,
                               void (*put)(struct buffer *, double), double share,
                               const char *of_what)
{
    html_figure(out, name);
    put(out, value);
    put_share(out, share, of_what);
    html_figure_end(out);
}

static void put_watched(struct buffer *out, const struct wt_fleet_lines *lines)
{
    double known = page_fleet_known_hours(lines), none = NAN;
    buffer_print(out, "<dl class=\"figures\">\n");
    html_figure(out, "GPU hours watched");
    html_number(out, lines->watched_hours);
    html_note(out, "hours with unknown energy: ");
    html_number(out, lines->unknown_hours);
    html_figure_end(out);
    put_watched_figure(out, "Reserved by runs, GPU hours", known > 0 ? lines->reserved_hours : none,
                       html_number, lines->reserved_hours / known,
                       "the hours watched with known energy");
    put_watched_figure(out, "Busy, GPU hours", lines->busy_hours, html_number,
                       lines->busy_hours / known, "the same, as far as known");
    put_watched_figure(out, "Idle energy", known > 0 ? lines->idle_j : none, html_energy,
                       lines->idle_j / lines->energy_j, "the energy by the counters");
    put_watched_figure(out, "Idle operational carbon, " HTML_CO2E, lines->idle_operational_g,
                       html_grams, lines->idle_operational_g / lines->operational_g,
                       "that of watched GPUs");
    put_watched_figure(out, "Idle embodied carbon, " HTML_CO2E, lines->idle_embodied_g, html_grams,
                       lines->idle_embodied_g / lines->embodied_g, "that of watched GPUs");
    buffer_print(out, "</dl>\n");
}

static void put_fleet_view(struct buffer *out, const struct wt_fleet *fleet)
{
    buffer_print(out, "<h2 id=\"fleet-view\">Fleet view</h2>\n<p>By phase, day, GPU model, user "
                      "and project: the account of runs. Of watched GPUs: the energy by their "
                      "counters, runs and all else.</p>\n");
    put_charts(out, fleet);
    buffer_print(out, "<h3 id=\"watched\">Watched GPUs</h3>\n");
    if (is_watched(fleet)) {
        put_watched(out, &fleet->lines);
        page_fleet_table_lines(out, &fleet->lines);
        page_fleet_table_devices(out, fleet->devices, fleet->device_count, &fleet->lines);
    } else {
        buffer_print(
            out,
            "<p>Nobody watched the devices: their energy outside runs is unknown, and so are "
            "utilisation and idle energy. <code>wattune monitor --book</code> watches them.</p>\n");
    }
    page_fleet_table_groups(out, "phases", "By phase", WT_BY_PHASE, &fleet->phases, &fleet->total);
    page_fleet_table_groups(out, "gpus", "By GPU model", WT_BY_GPU, &fleet->gpus, &fleet->total);
    page_fleet_table_groups(out, "users", "By user", WT_BY_USER, &fleet->users, &fleet->total);
    page_fleet_table_groups(out, "projects", "By project", WT_BY_PROJECT, &fleet->projects,
                            &fleet->total);
}

/* --- Other assumptions --- */

static void put_assumption(struct buffer *out, const char *name, double value,
                           void (*put)(struct buffer *, double), const char *unit)
{
    if (!isfinite(value))
        return;
    buffer_print(out, "<li>%s", name);
    put(out, value);
    buffer_print(out, "%s</li>\n", unit);
}

static void put_comparison(struct buffer *out, const char *name, double now, double then,
                           void (*put)(struct buffer *, double))
{
    buffer_print(out, "<tr><th scope=\"row\" class=\"name\">%s</th><td>", name);
    put(out, now);
    buffer_print(out, "</td><td>");
    put(out, then);
    buffer_print(out, "</td><td>");
    html_change(out, then / now - 1);
    buffer_print(out, "</td></tr>\n");
}

static void put_what_if(struct buffer *out, const struct wt_fleet *fleet)
{
    const struct wt_what_if *assumed = &fleet->what_if;
    const struct wt_fleet_figures *now = &fleet->now, *then = &fleet->then;
    buffer_print(out, "<h2 id=\"what-if\">Other assumptions</h2>\n<p>The same ledger, assuming the "
                      "following; all else as it was booked. "
                      "Nothing was run.</p>\n<ul id=\"assumptions\">\n");
    put_assumption(out, "Grid intensity: ", assumed->intensity_g_per_kwh, html_number,
                   " g " HTML_CO2E "/kWh");
    put_assumption(out, "PUE: ", assumed->pue, html_number, "");
    put_assumption(out, "Utilisation: ", assumed->utilisation, html_percent, "");
    put_assumption(out, "Lifetime of the systems: ", assumed->lifetime_years, html_number,
                   " years");
    put_assumption(out, "Power limits by eta ", assumed->eta, html_number,
                   ": those that it chooses from the jobs&#8217; profiles; jobs without a usable "
                   "one as they are");
    buffer_print(out, "</ul>\n");
    html_table(out, "what-if");
    buffer_print(out, "<thead><tr><th scope=\"col\" class=\"name\">Figure</th><th "
                      "scope=\"col\">Now</th><th scope=\"col\">Then</th>"
                      "<th scope=\"col\">Change</th></tr></thead>\n<tbody>\n");
    put_comparison(out, "Energy", now->energy_j, then->energy_j, html_energy);
    put_comparison(out, "Energy of the facility", now->facility_j, then->facility_j, html_energy);
    put_comparison(out, "GPU hours of runs", now->gpu_hours, then->gpu_hours, html_number);
    put_comparison(out, "Operational carbon, " HTML_CO2E, now->operational_g, then->operational_g,
                   html_grams);
    put_comparison(out, "Embodied carbon, " HTML_CO2E, now->embodied_g, then->embodied_g,
                   html_grams);
    put_comparison(out,
                   "Embodied carbon of runs, divided by utilisation <small>an alternative, not "
                   "part of it</small>",
                   now->embodied_useful_g, then->embodied_useful_g, html_grams);
    buffer_print(out, "</tbody>\n");
    html_table_end(out);
}

/* --- Gaps --- */

static void put_unknown(struct buffer *out, const struct wt_fleet *fleet,
                        const struct outlook *outlook)
{
    struct buffer items = {0};
    page_unknown(&items, &fleet->total);
    if (!is_watched(fleet))
        buffer_print(&items, "<li>the energy of devices outside runs: nobody watched them</li>\n");
    if (fleet->lines.unknown_hours > 0) {
        buffer_print(&items, "<li>the energy of ");
        html_number(&items, fleet->lines.unknown_hours);
        buffer_print(&items, " of ");
        html_number(&items, fleet->lines.watched_hours);
        buffer_print(&items, " GPU hours watched; it is in no sum</li>\n");
    }
    if (outlook->unknown)
        buffer_print(&items,
                     "<li>the further saving available in %zu of %zu jobs: there is no profile, or "
                     "none with the limit that they run at"
                     "</li>\n",
                     outlook->unknown, outlook->known + outlook->unknown);
    if (items.length)
        buffer_print(out, "<h2>Gaps</h2>\n<ul id=\"unknown\">\n%s</ul>\n", items.text);
    out->failed |= items.failed;
    buffer_clear(&items);
}

void page_fleet(struct buffer *out, const struct wt_fleet *fleet)
{
    html_begin(out, "Energy and carbon of the fleet");
    page_range(out, fleet->from_ms, fleet->to_ms, &fleet->total, fleet->made_ms);
    if (!fleet->total.runs && !is_watched(fleet)) {
        buffer_print(out, "<p>No runs and no watched devices in the ledger match.</p>\n");
    } else {
        struct outlook outlook = outlook_of(fleet);
        put_figures(out, fleet);
        put_worth(out, fleet, &outlook);
        put_fleet_view(out, fleet);
        page_fleet_table_tasks(out, fleet);
        if (fleet->has_what_if)
            put_what_if(out, fleet);
        page_sources(out, fleet->basis, fleet->basis_count);
        put_unknown(out, fleet, &outlook);
    }
    html_end(out);
}
