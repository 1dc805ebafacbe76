/* SPDX-License-Identifier: Apache-2.0
 *
 * A fleet as text: the size of the problem, the fleet view, the task view, other assumptions.  The
 * lines of watched devices add up to their counters; the remainder is a line, of either sign.
 */
#include "show/text/view.h"

#include <math.h>
#include <stdio.h>

#include "show/text/report.h"
#include "show/text/table.h"

static double share(double part, double whole)
{
    return part / whole;
}

static void put_heading(struct buffer *out, const char *heading, bool colour)
{
    buffer_print(out, "\n%s%s%s\n", paint(colour, 'b'), heading, paint(colour, '0'));
}

/* --- The size of the problem --- */

static void put_now(struct buffer *out, const struct wt_fleet *fleet)
{
    char energy[UNIT_SIZE], facility[UNIT_SIZE], operational[UNIT_SIZE], embodied[UNIT_SIZE],
        useful[UNIT_SIZE];
    const struct wt_fleet_figures *now = &fleet->now;
    buffer_print(out,
                 "%llu runs%s used %s, for which the facility drew %s; %s CO2e operational and %s "
                 "embodied.\n",
                 (unsigned long long)fleet->total.runs,
                 fleet->lines.watched_hours > 0 ? " and the devices beside them" : "",
                 unit_watt_hours(energy, now->energy_j), unit_watt_hours(facility, now->facility_j),
                 unit_grams(operational, now->operational_g),
                 unit_grams(embodied, now->embodied_g));
    if (isfinite(now->embodied_useful_g))
        buffer_print(out,
                     "Embodied carbon of the runs divided by the fleet's utilisation is %s: beside "
                     "it, never added to it.\n",
                     unit_grams(useful, now->embodied_useful_g));
}

static void put_saved(struct buffer *out, const struct wt_fleet *fleet)
{
    char saved[UNIT_SIZE], error[UNIT_SIZE], grams[UNIT_SIZE], part[UNIT_SIZE];
    const struct wt_report_row *total = &fleet->total;
    if (!isfinite(total->saved_j)) {
        buffer_print(out, "The saving is unknown: no run has measured its baseline.\n");
        return;
    }
    buffer_print(out,
                 "Saving against the measured baseline: %s +- %s and %s CO2e in %llu of the runs, "
                 "%s of the energy that all would have used without it.\n",
                 unit_watt_hours(saved, total->saved_j),
                 unit_watt_hours(error, total->saved_error_j), unit_grams(grams, total->saved_g),
                 (unsigned long long)total->saved_runs,
                 unit_percent(part, share(total->saved_j, total->saved_j + fleet->now.energy_j)));
}

static void put_potential(struct buffer *out, const struct wt_fleet *fleet)
{
    char more[UNIT_SIZE], least[UNIT_SIZE], part[UNIT_SIZE];
    if (!isfinite(fleet->tunable_j)) {
        buffer_print(out, "The further saving available is unknown: no job has a profile of the "
                          "limit that it runs at.\n");
        return;
    }
    buffer_print(
        out,
        "Further saving available: %s at the limits that eta %g chooses, %s at those of least "
        "energy; known of jobs with %s of the "
        "GPU energy.\n",
        unit_watt_hours(more, fleet->tunable_j - fleet->at_choice_j), fleet->eta,
        unit_watt_hours(least, fleet->tunable_j - fleet->at_least_j),
        unit_percent(part, share(fleet->tunable_j, fleet->total.gpu_j)));
}

/* --- The fleet view --- */

static void put_line(struct table *table, const char *name, double energy_j, double whole_j,
                     double hours, double operational_g, double embodied_g)
{
    char text[UNIT_SIZE];
    table_put(table, "%s", name);
    table_put(table, "%s", unit_watt_hours(text, energy_j));
    table_put(table, "%s", unit_percent(text, share(energy_j, whole_j)));
    if (isfinite(hours))
        table_put(table, "%s", unit_count(text, hours));
    else
        table_put(table, "%s", "");
    table_put(table, "%s", isfinite(operational_g) ? unit_grams(text, operational_g) : "");
    table_put(table, "%s", isfinite(embodied_g) ? unit_grams(text, embodied_g) : "");
}

static void put_watched(struct buffer *out, const struct wt_fleet *fleet, bool colour)
{
    static const char *const headings[] = {
        "", "ENERGY", "SHARE", "GPU HOURS", "OPERATIONAL", "EMBODIED", NULL};
    const struct wt_fleet_lines *l = &fleet->lines;
    const double none = NAN, hours = l->watched_hours - l->unknown_hours;
    char error[UNIT_SIZE], busy[UNIT_SIZE], reserved[UNIT_SIZE];
    put_heading(out, "Watched devices", colour);
    if (!(l->watched_hours > 0)) {
        buffer_print(out, "Nobody watched the devices: their energy between runs is unknown. "
                          "wattune monitor --book watches them.\n");
        return;
    }
    struct table table = {.columns = "lrrrrr"};
    table_heading(&table, headings);
    put_line(&table, "runs", l->runs_j, l->energy_j, l->reserved_hours, none, none);
    if (l->overlap_j != 0)
        put_line(&table, "counted more than once", -l->overlap_j, l->energy_j, none, none, none);
    put_line(&table, "idle", l->idle_j, l->energy_j, l->idle_hours, l->idle_operational_g,
             l->idle_embodied_g);
    put_line(&table, "unattributed", l->unattributed_j, l->energy_j,
             hours - l->reserved_hours - l->idle_hours, none, none);
    put_line(&table, "sum of the counters", l->energy_j, l->energy_j, hours, l->operational_g,
             l->embodied_g);
    table_print(&table, out, "  ", colour);
    buffer_print(out, "  +- %s; %zu GPUs, reserved %s and busy %s of the time\n",
                 unit_watt_hours(error, l->energy_error_j), fleet->device_count,
                 unit_percent(reserved, l->reserved_hours / hours),
                 unit_percent(busy, l->busy_hours / hours));
    if (l->unknown_hours > 0)
        buffer_print(out, "  the energy of %.4g more GPU hours is unknown and not in these\n",
                     l->unknown_hours);
}

static void put_groups(struct buffer *out, const char *heading, const char *name,
                       const struct wt_rows *rows, unsigned most, bool colour)
{
    char text[UNIT_SIZE];
    double all_j = 0;
    size_t shown = rows->count < most ? rows->count : most;
    for (size_t i = 0; i < rows->count; i++)
        all_j +=
            isfinite(report_measured_j(&rows->rows[i])) ? report_measured_j(&rows->rows[i]) : 0;
    const char *const headings[] = {name,          "RUNS",     "GPU HOURS", "ENERGY", "SHARE",
                                    "OPERATIONAL", "EMBODIED", "SAVED",     NULL};
    struct table table = {.columns = "lrrrrrrr"};
    put_heading(out, heading, colour);
    table_heading(&table, headings);
    for (size_t i = 0; i < shown; i++) {
        const struct wt_report_row *row = &rows->rows[i];
        table_put_name(&table, row->keys[0]);
        table_put(&table, "%llu", (unsigned long long)row->runs);
        table_put(&table, "%s", unit_count(text, row->gpu_hours));
        table_put(&table, "%s", unit_watt_hours(text, report_measured_j(row)));
        table_put(&table, "%s", unit_percent(text, share(report_measured_j(row), all_j)));
        table_put(&table, "%s", unit_grams(text, row->operational_g));
        table_put(&table, "%s", unit_grams(text, row->embodied_g));
        table_put(&table, "%s",
                  isfinite(row->saved_j) ? unit_watt_hours(text, row->saved_j) : "unknown");
    }
    table_print(&table, out, "  ", colour);
    if (shown < rows->count)
        buffer_print(out, "  and %zu more\n", rows->count - shown);
}

/* --- The task view --- */

static void put_tasks(struct buffer *out, const struct wt_fleet *fleet, unsigned most, bool colour)
{
    static const char *const headings[] = {"JOB",      "RUNS",  "ENERGY", "OPERATIONAL",
                                           "EMBODIED", "SAVED", "LIMIT",  "STILL TO BE SAVED",
                                           NULL};
    size_t shown = fleet->jobs.count < most ? fleet->jobs.count : most;
    char text[UNIT_SIZE], limit[UNIT_SIZE];
    struct table table = {.columns = "lrrrrrrl"};
    put_heading(out, "Task view: the jobs that used most", colour);
    table_heading(&table, headings);
    for (size_t i = 0; i < shown; i++) {
        const struct wt_report_row *job = &fleet->jobs.rows[i];
        const struct wt_potential *p = &fleet->potentials[i];
        table_put_name(&table, job->keys[0]);
        table_put(&table, "%llu", (unsigned long long)job->runs);
        table_put(&table, "%s", unit_watt_hours(text, report_measured_j(job)));
        table_put(&table, "%s", unit_grams(text, job->operational_g));
        table_put(&table, "%s", unit_grams(text, job->embodied_g));
        table_put(&table, "%s",
                  isfinite(job->saved_j) ? unit_watt_hours(text, job->saved_j) : "unknown");
        table_put(&table, "%s", unit_limit(limit, p->limit_mw));
        if (!isfinite(p->chosen_energy))
            table_put(&table, "unknown");
        else if (p->chosen_mw == p->limit_mw)
            table_put(&table, "nothing by eta; %s at %s", unit_percent(text, 1 - p->least_energy),
                      unit_limit(limit, p->least_mw));
        else
            table_put(&table, "%s at %s", unit_percent(text, 1 - p->chosen_energy),
                      unit_limit(limit, p->chosen_mw));
    }
    table_print(&table, out, "  ", colour);
    if (shown < fleet->jobs.count)
        buffer_print(out, "  and %zu more\n", fleet->jobs.count - shown);
}

/* --- Other assumptions --- */

static void put_assumption(struct buffer *out, const char *name, double value, const char *unit,
                           bool *first)
{
    if (!isfinite(value))
        return;
    buffer_print(out, "%s%s %g%s", *first ? "" : ", ", name, value, unit);
    *first = false;
}

static void put_figure(struct table *table, const char *name, const char *now, const char *then,
                       double change)
{
    table_put(table, "%s", name);
    table_put(table, "%s", now);
    table_put(table, "%s", then);
    if (isfinite(change))
        table_put(table, "%+.1f %%", 100 * change);
    else
        table_put(table, "unknown");
}

static void put_what_if(struct buffer *out, const struct wt_fleet *fleet, bool colour)
{
    static const char *const headings[] = {"", "NOW", "THEN", "CHANGE", NULL};
    const struct wt_fleet_figures *now = &fleet->now, *then = &fleet->then;
    const struct {
        const char *name;
        double now, then;
        char *(*unit)(char text[UNIT_SIZE], double value);
    } rows[] = {
        {"energy", now->energy_j, then->energy_j, unit_watt_hours},
        {"energy of the facility", now->facility_j, then->facility_j, unit_watt_hours},
        {"operational CO2e", now->operational_g, then->operational_g, unit_grams},
        {"embodied CO2e", now->embodied_g, then->embodied_g, unit_grams},
        {"embodied of runs / utilisation", now->embodied_useful_g, then->embodied_useful_g,
         unit_grams},
    };
    struct table table = {.columns = "lrrr"};
    bool first = true;
    put_heading(out, "Other assumptions", colour);
    buffer_print(out, "  ");
    put_assumption(out, "intensity", fleet->what_if.intensity_g_per_kwh, " g/kWh", &first);
    put_assumption(out, "PUE", fleet->what_if.pue, "", &first);
    put_assumption(out, "utilisation", fleet->what_if.utilisation, "", &first);
    put_assumption(out, "lifetime", fleet->what_if.lifetime_years, " years", &first);
    put_assumption(out, "eta", fleet->what_if.eta, "", &first);
    buffer_print(out, "; all else as it was booked\n");
    table_heading(&table, headings);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char a[UNIT_SIZE], b[UNIT_SIZE];
        put_figure(&table, rows[i].name, rows[i].unit(a, rows[i].now),
                   rows[i].unit(b, rows[i].then), rows[i].then / rows[i].now - 1);
    }
    table_print(&table, out, "  ", colour);
}

static void put_gaps(struct buffer *out, const struct wt_report_row *total)
{
    struct report_gap gaps[REPORT_GAPS];
    unsigned count = report_gaps(total, gaps);
    if (count)
        buffer_print(out, "\n");
    for (unsigned i = 0; i < count; i++) {
        report_say_gap(out, &gaps[i], total);
        buffer_print(out, "\n");
    }
}

void view_fleet(struct buffer *out, const struct wt_fleet *fleet, unsigned tasks, bool colour)
{
    if (!fleet->total.runs && !(fleet->lines.watched_hours > 0)) {
        buffer_print(out, "no runs and no watched devices in the ledger match\n");
        return;
    }
    put_now(out, fleet);
    put_saved(out, fleet);
    put_potential(out, fleet);
    put_watched(out, fleet, colour);
    if (fleet->total.runs) {
        put_groups(out, "By phase", "PHASE", &fleet->phases, 10, colour);
        put_groups(out, "By GPU", "GPU", &fleet->gpus, 10, colour);
        put_groups(out, "By project", "PROJECT", &fleet->projects, 10, colour);
        put_groups(out, "By user", "USER", &fleet->users, 10, colour);
        put_tasks(out, fleet, tasks, colour);
    }
    if (fleet->has_what_if)
        put_what_if(out, fleet, colour);
    put_gaps(out, &fleet->total);
}
