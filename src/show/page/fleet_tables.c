/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of a fleet's page.  No row is looked for twice: a fleet may have thousands of jobs and
 * devices.
 */
#include "show/page/fleet_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "show/page/fleet_charts.h"
#include "show/page/html.h"
#include "show/page/report_parts.h"
#include "show/text/table.h"

enum {
    MOST_GROUPS = 20,
    MOST_DEVICES = 100,
    MOST_PHASES = 8, /* of one job; Sustainable AI has four */
};

static const struct wt_report_row no_runs = {WT_REPORT_NO_RUNS};

static void begin_row(struct buffer *out, const char *name)
{
    buffer_print(out, "<tr><th scope=\"row\" class=\"name\">");
    html_name(out, name);
    buffer_print(out, "</th>");
}

/* The remainder of a cut table; in front of all keys. */
static void begin_rest(struct buffer *out, size_t count, unsigned key_count)
{
    buffer_print(out, "<tr><th scope=\"row\" class=\"name\"");
    if (key_count > 1)
        buffer_print(out, " colspan=\"%u\"", key_count);
    buffer_print(out, ">%zu more</th>", count);
}

static void begin_total(struct buffer *out, unsigned key_count)
{
    buffer_print(out, "<tfoot><tr><th scope=\"row\" class=\"name\"");
    if (key_count > 1)
        buffer_print(out, " colspan=\"%u\"", key_count);
    buffer_print(out, ">all</th>");
}

static void begin_cell(struct buffer *out, void (*put)(struct buffer *, double), double value)
{
    buffer_print(out, "<td>");
    put(out, value);
}

static void put_cell(struct buffer *out, void (*put)(struct buffer *, double), double value)
{
    begin_cell(out, put, value);
    buffer_print(out, "</td>");
}

static void put_rest(struct buffer *out, const struct wt_rows *rows, unsigned key_count,
                     struct page_columns columns)
{
    struct wt_report_row rest = no_runs;
    if (rows->count <= MOST_GROUPS)
        return;
    for (size_t i = MOST_GROUPS; i < rows->count; i++)
        report_add(&rest, &rows->rows[i]);
    begin_rest(out, rows->count - MOST_GROUPS, key_count);
    page_sums(out, &rest, columns);
}

static void put_total(struct buffer *out, const struct wt_report_row *total, unsigned key_count,
                      struct page_columns columns)
{
    begin_total(out, key_count);
    page_sums(out, total, columns);
    buffer_print(out, "</tfoot>\n");
}

void page_fleet_table_groups(struct buffer *out, const char *id, const char *title,
                             enum wt_report_key key, const struct wt_rows *rows,
                             const struct wt_report_row *total)
{
    struct page_columns columns = page_columns(total);
    if (!rows->count)
        return;
    buffer_print(out, "<h3 id=\"%s\">%s</h3>\n", id, title);
    html_table(out, id);
    page_sums_heading(out, &key, 1, columns);
    buffer_print(out, "<tbody>\n");
    for (size_t i = 0; i < rows->count && i < MOST_GROUPS; i++) {
        begin_row(out, rows->rows[i].keys[0]);
        page_sums(out, &rows->rows[i], columns);
    }
    put_rest(out, rows, 1, columns);
    buffer_print(out, "</tbody>\n");
    put_total(out, total, 1, columns);
    html_table_end(out);
}

/* --- Watched GPUs --- */

static void put_line(struct buffer *out, const char *name, double hours, double known_hours,
                     double energy_j, double of_j)
{
    buffer_print(out, "<tr><th scope=\"row\" class=\"name\">%s</th>", name);
    put_cell(out, html_number, hours);
    put_cell(out, html_percent, hours / known_hours);
    put_cell(out, html_energy, energy_j);
    put_cell(out, html_percent, energy_j / of_j);
    buffer_print(out, "</tr>\n");
}

void page_fleet_table_lines(struct buffer *out, const struct wt_fleet_lines *lines)
{
    double known = page_fleet_known_hours(lines), j = lines->energy_j;
    if (!(known > 0)) {
        buffer_print(out, "<p>The energy of all hours watched is unknown.</p>\n");
        return;
    }
    buffer_print(out, "<h3 id=\"lines\">Energy of watched GPUs, by use</h3>\n");
    html_table(out, "lines");
    buffer_print(
        out, "<thead><tr><th scope=\"col\" class=\"name\">Line</th><th scope=\"col\">GPU "
             "hours</th><th scope=\"col\">Share</th>"
             "<th scope=\"col\">Energy</th><th scope=\"col\">Share</th></tr></thead>\n<tbody>\n");
    put_line(out, "Runs, as they booked it", lines->reserved_hours + lines->overlap_hours, known,
             lines->runs_j, j);
    put_line(out, "Counted more than once: runs that shared a GPU", 0 - lines->overlap_hours, known,
             0 - lines->overlap_j, j); /* not -0 */
    put_line(out, "Idle: no process, no run", lines->idle_hours, known, lines->idle_j, j);
    put_line(out, "Unattributed: used without a run, or measured differently",
             page_fleet_other_hours(lines), known, lines->unattributed_j, j);
    buffer_print(out,
                 "</tbody>\n<tfoot><tr><th scope=\"row\" class=\"name\">Sum of the counters</th>");
    put_cell(out, html_number, known);
    put_cell(out, html_percent, 1);
    begin_cell(out, html_energy, j);
    html_below(out, html_error, lines->energy_error_j);
    buffer_print(out, "</td>");
    put_cell(out, html_percent, 1);
    buffer_print(out, "</tr></tfoot>\n");
    html_table_end(out);
    buffer_print(out, "<p>These GPUs used ");
    html_energy(out, lines->facility_j);
    buffer_print(out, " of the facility, with ");
    html_grams(out, lines->operational_g);
    buffer_print(out, " of operational and ");
    html_grams(out, lines->embodied_g);
    buffer_print(out, " of embodied carbon.</p>\n");
}

static void add_lines(struct wt_fleet_lines *sum, const struct wt_fleet_lines *lines)
{
    static const size_t values[] = {offsetof(struct wt_fleet_lines, watched_hours),
                                    offsetof(struct wt_fleet_lines, unknown_hours),
                                    offsetof(struct wt_fleet_lines, energy_j),
                                    offsetof(struct wt_fleet_lines, runs_j),
                                    offsetof(struct wt_fleet_lines, overlap_j),
                                    offsetof(struct wt_fleet_lines, idle_j),
                                    offsetof(struct wt_fleet_lines, unattributed_j),
                                    offsetof(struct wt_fleet_lines, reserved_hours),
                                    offsetof(struct wt_fleet_lines, idle_hours),
                                    offsetof(struct wt_fleet_lines, busy_hours),
                                    offsetof(struct wt_fleet_lines, idle_operational_g),
                                    offsetof(struct wt_fleet_lines, idle_embodied_g)};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        double *to = (double *)((char *)sum + values[i]);
        *to = sum_known(*to, *(const double *)((const char *)lines + values[i]));
    }
    sum->energy_error_j = hypot(sum->energy_error_j, lines->energy_error_j);
}

/* Without a known hour there is no energy, rather than none used. */
static void put_lines(struct buffer *out, const struct wt_fleet_lines *lines)
{
    double known = page_fleet_known_hours(lines), none = NAN;
    bool is_known = known > 0;
    begin_cell(out, html_number, lines->watched_hours);
    html_below(out, html_number, lines->unknown_hours);
    buffer_print(out, "</td>");
    begin_cell(out, html_percent, lines->reserved_hours / known);
    html_below(out, html_percent, lines->busy_hours / known);
    buffer_print(out, "</td>");
    begin_cell(out, html_energy, is_known ? lines->energy_j : none);
    if (is_known)
        html_below(out, html_error, lines->energy_error_j);
    buffer_print(out, "</td>");
    begin_cell(out, html_energy, is_known ? lines->runs_j : none);
    if (is_known && lines->overlap_j != 0)
        html_below(out, html_energy, -lines->overlap_j);
    buffer_print(out, "</td>");
    put_cell(out, html_energy, is_known ? lines->idle_j : none);
    put_cell(out, html_energy, is_known ? lines->unattributed_j : none);
    put_cell(out, html_grams, lines->idle_operational_g);
    put_cell(out, html_grams, lines->idle_embodied_g);
    buffer_print(out, "</tr>\n");
}

/* Most energy first, which is 0 where it is unknown; else in the order given. */
static int by_energy(const void *a, const void *b)
{
    const struct wt_fleet_device *const x = *(const struct wt_fleet_device *const *)a,
                                        *const y = *(const struct wt_fleet_device *const *)b;
    double of_x = x->lines.energy_j, of_y = y->lines.energy_j;
    return of_x < of_y ? 1 : of_x > of_y ? -1 : (x > y) - (x < y);
}

static void put_device(struct buffer *out, const struct wt_fleet_device *device)
{
    buffer_print(out, "<tr><th scope=\"row\" class=\"name\">");
    html_name(out, device->node);
    buffer_print(out, " <small>GPU %u</small></th><th scope=\"row\" class=\"name gpu\">",
                 device->index);
    html_name(out, device->name);
    buffer_print(out, " <small>");
    html_name(out, device->uuid);
    buffer_print(out, "</small></th>");
    put_lines(out, &device->lines);
}

static void put_devices(struct buffer *out, const struct wt_fleet_device *const sorted[],
                        size_t count)
{
    const double none = NAN;
    struct wt_fleet_lines rest = {
        .busy_hours = none, .idle_operational_g = none, .idle_embodied_g = none};
    for (size_t i = 0; i < count && i < MOST_DEVICES; i++)
        put_device(out, sorted[i]);
    for (size_t i = MOST_DEVICES; i < count; i++)
        add_lines(&rest, &sorted[i]->lines);
    if (count > MOST_DEVICES) {
        begin_rest(out, count - MOST_DEVICES, 2);
        put_lines(out, &rest);
    }
}

void page_fleet_table_devices(struct buffer *out, const struct wt_fleet_device devices[],
                              size_t count, const struct wt_fleet_lines *total)
{
    const struct wt_fleet_device **sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = &devices[i];
    qsort(sorted, count, sizeof *sorted, by_energy);
    buffer_print(out, "<h3 id=\"devices\">Watched GPUs, by device</h3>\n");
    html_table(out, "devices");
    buffer_print(out, "<thead><tr><th scope=\"col\" class=\"name\">Node</th><th scope=\"col\" "
                      "class=\"name\">GPU</th>"
                      "<th scope=\"col\">Hours <small>with unknown energy</small></th><th "
                      "scope=\"col\">Reserved <small>busy</small></th>"
                      "<th scope=\"col\">Counters <small>&#177; error</small></th><th "
                      "scope=\"col\">Runs <small>counted more than once</small></th>"
                      "<th scope=\"col\">Idle</th><th scope=\"col\">Unattributed</th><th "
                      "scope=\"col\">Idle operational " HTML_CO2E "</th>"
                      "<th scope=\"col\">Idle embodied " HTML_CO2E "</th></tr></thead>\n<tbody>\n");
    put_devices(out, sorted, count);
    buffer_print(out, "</tbody>\n");
    begin_total(out, 2);
    put_lines(out, total);
    buffer_print(out, "</tfoot>\n");
    html_table_end(out);
    free(sorted);
}

/* --- Task view --- */

/* A job of the table, with its phases, most energy first. */
struct task {
    const struct wt_report_row *job, *phases[MOST_PHASES];
    size_t phase_count;        /* also those that did not fit */
    struct wt_report_row rest; /* the sum of these */
};

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct task *const *)a)->job->keys[0],
                  (*(const struct task *const *)b)->job->keys[0]);
}

static int is_name(const void *name, const void *task)
{
    return strcmp(name, (*(const struct task *const *)task)->job->keys[0]);
}

static size_t take_tasks(const struct wt_fleet *fleet, struct task tasks[MOST_GROUPS])
{
    struct task *sorted[MOST_GROUPS];
    size_t count = fleet->jobs.count < MOST_GROUPS ? fleet->jobs.count : MOST_GROUPS;
    for (size_t i = 0; i < count; i++) {
        tasks[i] = (struct task){.job = &fleet->jobs.rows[i], .rest = no_runs};
        sorted[i] = &tasks[i];
    }
    qsort(sorted, count, sizeof *sorted, by_name);
    for (size_t k = 0; k < fleet->tasks.count; k++) {
        const struct wt_report_row *row = &fleet->tasks.rows[k];
        struct task **found = bsearch(row->keys[0], sorted, count, sizeof *sorted, is_name);
        if (found && (*found)->phase_count++ < MOST_PHASES)
            (*found)->phases[(*found)->phase_count - 1] = row;
        else if (found)
            report_add(&(*found)->rest, row);
    }
    return count;
}

static void put_phase(struct buffer *out, const char *job, const char *phase,
                      const struct wt_report_row *row, struct page_columns columns)
{
    begin_row(out, job);
    buffer_print(out, "<th scope=\"row\" class=\"name\">");
    html_name(out, phase);
    buffer_print(out, "</th>");
    page_sums(out, row, columns);
}

static void put_task(struct buffer *out, const struct task *task, struct page_columns columns)
{
    const char *job = task->job->keys[0];
    for (size_t i = 0; i < task->phase_count && i < MOST_PHASES; i++)
        put_phase(out, job, task->phases[i]->keys[1], task->phases[i], columns);
    if (task->phase_count > MOST_PHASES) {
        begin_row(out, job);
        buffer_print(out, "<th scope=\"row\" class=\"name\">%zu more</th>",
                     task->phase_count - MOST_PHASES);
        page_sums(out, &task->rest, columns);
    }
    if (task->phase_count == 1)
        return;
    begin_row(out, job);
    buffer_print(out, "<th scope=\"row\" class=\"name\">all</th>");
    page_sums(out, task->job, columns);
}

static void put_tasks(struct buffer *out, const struct wt_fleet *fleet)
{
    static const enum wt_report_key keys[] = {WT_BY_JOB, WT_BY_PHASE};
    struct page_columns columns = page_columns(&fleet->total);
    struct task tasks[MOST_GROUPS];
    size_t count = take_tasks(fleet, tasks);
    buffer_print(out, "<h3 id=\"tasks\">Jobs by energy, by phase</h3>\n");
    html_table(out, "tasks");
    page_sums_heading(out, keys, 2, columns);
    buffer_print(out, "<tbody>\n");
    for (size_t i = 0; i < count; i++)
        put_task(out, &tasks[i], columns);
    put_rest(out, &fleet->jobs, 2, columns);
    buffer_print(out, "</tbody>\n");
    put_total(out, &fleet->total, 2, columns);
    html_table_end(out);
}

/* The change by another limit: energy with the joules that it saves, and time. */
static void put_choice(struct buffer *out, uint32_t limit_mw, double energy, double time,
                       double job_j)
{
    buffer_print(out, "<td>");
    html_limit(out, limit_mw);
    buffer_print(out, "</td>");
    begin_cell(out, html_change, energy - 1);
    if (isfinite(energy))
        html_below(out, html_energy, job_j * (1 - energy));
    buffer_print(out, "</td>");
    put_cell(out, html_change, time - 1);
}

static void put_potential(struct buffer *out, const struct wt_report_row *job,
                          const struct wt_potential *potential)
{
    begin_row(out, job->keys[0]);
    put_cell(out, html_energy, job->gpu_j);
    buffer_print(out, "<td>");
    html_limit(out, potential->limit_mw);
    buffer_print(out, "</td>");
    put_choice(out, potential->chosen_mw, potential->chosen_energy, potential->chosen_time,
               job->gpu_j);
    put_choice(out, potential->least_mw, potential->least_energy, potential->least_time,
               job->gpu_j);
    buffer_print(out, "</tr>\n");
}

static void put_potentials(struct buffer *out, const struct wt_fleet *fleet)
{
    size_t known = 0, shown = 0;
    for (size_t i = 0; i < fleet->jobs.count; i++)
        known += isfinite(fleet->potentials[i].chosen_energy);
    buffer_print(
        out,
        "<h3 id=\"potentials\">Further saving available, by job</h3>\n<p>By their profiles, per "
        "step: at the power limit that eta %.4g "
        "chooses, and at that of least energy, against the limit of the last run that was "
        "measured. ",
        fleet->eta);
    if (known < fleet->jobs.count)
        buffer_print(
            out, "%zu of %zu jobs have no usable profile: the saving available in them is unknown.",
            fleet->jobs.count - known, fleet->jobs.count);
    if (known > MOST_GROUPS)
        buffer_print(out, " Of %zu others, the %u that used most.", known, MOST_GROUPS);
    buffer_print(out, "</p>\n");
    if (!known)
        return;
    html_table(out, "potentials");
    buffer_print(out, "<thead><tr><th scope=\"col\" class=\"name\">Job</th><th scope=\"col\">GPU "
                      "energy</th><th scope=\"col\">Limit now</th>"
                      "<th scope=\"col\">Limit by eta</th><th scope=\"col\">Energy "
                      "<small>saves</small></th><th scope=\"col\">Time</th>"
                      "<th scope=\"col\">Limit of least energy</th><th scope=\"col\">Energy "
                      "<small>saves</small></th>"
                      "<th scope=\"col\">Time</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < fleet->jobs.count && shown < MOST_GROUPS; i++)
        if (isfinite(fleet->potentials[i].chosen_energy)) {
            put_potential(out, &fleet->jobs.rows[i], &fleet->potentials[i]);
            shown++;
        }
    buffer_print(out, "</tbody>\n");
    html_table_end(out);
}

void page_fleet_table_tasks(struct buffer *out, const struct wt_fleet *fleet)
{
    if (!fleet->jobs.count)
        return;
    buffer_print(out, "<h2 id=\"task-view\">Task view</h2>\n");
    put_tasks(out, fleet);
    put_potentials(out, fleet);
}
