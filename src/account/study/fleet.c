/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a fleet.
 */
#include "account/study/fleet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "account/study/what_if.h"
#include "base/clock.h"

/* The groupings that the ledger is asked for in one pass, and the place of each in the fleet. */
static const struct grouping {
    unsigned key_count;
    enum wt_report_key keys[2];
    size_t offset;
} groupings[FLEET_GROUPINGS] = {
    {1, {WT_BY_PHASE}, offsetof(struct wt_fleet, phases)},
    {1, {WT_BY_DAY}, offsetof(struct wt_fleet, days)},
    {1, {WT_BY_USER}, offsetof(struct wt_fleet, users)},
    {1, {WT_BY_PROJECT}, offsetof(struct wt_fleet, projects)},
    {1, {WT_BY_GPU}, offsetof(struct wt_fleet, gpus)},
    {1, {WT_BY_JOB}, offsetof(struct wt_fleet, jobs)},
    {2, {WT_BY_JOB, WT_BY_PHASE}, offsetof(struct wt_fleet, tasks)},
};

static int read_groups(struct ledger *ledger, const struct fleet_options *options,
                       struct fleet_read *read, struct wt_error *err)
{
    struct ledger_report what[FLEET_GROUPINGS];
    for (unsigned i = 0; i < FLEET_GROUPINGS; i++) {
        what[i] = (struct ledger_report){.key_count = groupings[i].key_count,
                                         .from_ms = options->from_ms,
                                         .to_ms = options->to_ms,
                                         .whole_runs = true};
        memcpy(what[i].keys, groupings[i].keys, sizeof groupings[i].keys);
    }
    int rc = ledger_reports(ledger, what, FLEET_GROUPINGS, read->rows, err);
    for (unsigned i = 0; rc == 0 && i < FLEET_GROUPINGS; i++) {
        struct wt_rows *to = (struct wt_rows *)((char *)&read->fleet + groupings[i].offset);
        *to = (struct wt_rows){read->rows[i].rows, read->rows[i].count};
    }
    read->fleet.total = read->rows[0].total;
    read->fleet.basis = read->rows[0].basis;
    read->fleet.basis_count = read->rows[0].basis_count;
    return rc;
}

/* --- Potentials --- */

/* The jobs by name, to find those that have a profile. */
struct choices {
    const struct wt_report_row **jobs;
    const struct wt_rows *rows;
    struct wt_potential *potentials;
    double eta;
};

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct wt_report_row *const *)a)->keys[0],
                  (*(const struct wt_report_row *const *)b)->keys[0]);
}

static int is_name(const void *name, const void *row)
{
    return strcmp(name, (*(const struct wt_report_row *const *)row)->keys[0]);
}

static int take(void *ctx, const char *job, uint32_t limit_mw,
                const struct wt_profile_point points[], unsigned count)
{
    struct choices *choices = ctx;
    const struct wt_report_row **found =
        bsearch(job, choices->jobs, choices->rows->count, sizeof *choices->jobs, is_name);
    if (!found)
        return 0;
    struct wt_potential *potential = &choices->potentials[*found - choices->rows->rows];
    *potential = potential_of(points, count, limit_mw, choices->eta);
    potential->job = (*found)->keys[0];
    return 0;
}

static void sum_up(struct wt_fleet *fleet)
{
    fleet->tunable_j = fleet->at_choice_j = fleet->at_least_j = NAN;
    for (size_t i = 0; i < fleet->jobs.count; i++) {
        double job_j = fleet->jobs.rows[i].gpu_j;
        const struct wt_potential *potential = &fleet->potentials[i];
        if (!isfinite(job_j) || !isfinite(potential->chosen_energy))
            continue;
        bool first = isnan(fleet->tunable_j);
        fleet->tunable_j = first ? job_j : fleet->tunable_j + job_j;
        fleet->at_choice_j = (first ? 0 : fleet->at_choice_j) + job_j * potential->chosen_energy;
        fleet->at_least_j = (first ? 0 : fleet->at_least_j) + job_j * potential->least_energy;
    }
}

static int read_potentials(struct ledger *ledger, double eta, struct fleet_read *read,
                           struct wt_error *err)
{
    const struct wt_rows *rows = &read->fleet.jobs;
    const double none = NAN;
    struct choices choices = {
        .rows = rows, .eta = eta, .jobs = malloc((rows->count + 1) * sizeof *choices.jobs)};
    free(read->potentials);
    read->potentials = choices.potentials = malloc((rows->count + 1) * sizeof *choices.potentials);
    int rc = choices.jobs && choices.potentials
                 ? 0
                 : error_set(err, WT_E_NO_MEMORY, "read the fleet: out of memory");
    for (size_t i = 0; rc == 0 && i < rows->count; i++) {
        choices.jobs[i] = &rows->rows[i];
        choices.potentials[i] =
            (struct wt_potential){rows->rows[i].keys[0], 0, 0, 0, none, none, none, none};
    }
    if (rc == 0 && rows->count) {
        qsort(choices.jobs, rows->count, sizeof *choices.jobs, by_name);
        rc = ledger_choices(ledger, take, &choices, err);
    }
    free(choices.jobs);
    read->fleet.potentials = read->potentials;
    return rc;
}

/* --- All of it --- */

static int look_ahead(struct ledger *ledger, const struct fleet_options *options,
                      struct fleet_read *read, struct wt_error *err)
{
    struct wt_fleet *fleet = &read->fleet;
    int rc = 0;
    fleet->has_what_if = options->has_what_if;
    fleet->what_if = options->what_if;
    fleet->now = fleet_figures(fleet);
    if (!options->has_what_if)
        return 0;
    if (isfinite(options->what_if.eta))
        rc = read_potentials(ledger, options->what_if.eta, read, err);
    if (rc == 0)
        fleet->then = fleet_under(fleet, &fleet->now, &options->what_if, options->lifetime_years,
                                  options->utilisation);
    return rc;
}

int fleet_read(struct ledger *ledger, const struct fleet_options *options, struct fleet_read *read,
               struct wt_error *err)
{
    struct wt_fleet *fleet = &read->fleet;
    *read = (struct fleet_read){
        .fleet = {.from_ms = options->from_ms,
                  .to_ms = options->to_ms,
                  .made_ms = clock_wall_ms(),
                  .by_hour = options->from_ms != INT64_MIN || options->to_ms != INT64_MAX,
                  .eta = options->eta}};
    int rc = read_groups(ledger, options, read, err);
    if (rc == 0)
        rc = ledger_lines(ledger, options->from_ms, options->to_ms, &read->lines, err);
    if (rc)
        return rc;
    fleet->lines = read->lines.total;
    fleet->devices = read->lines.devices;
    fleet->device_count = read->lines.count;
    rc = look_ahead(ledger, options, read,
                    err); /* the potentials at the eta that is in force come last, and stay */
    if (rc == 0)
        rc = read_potentials(ledger, options->eta, read, err);
    if (rc == 0)
        sum_up(fleet);
    return rc;
}

void fleet_clear(struct fleet_read *read)
{
    for (unsigned i = 0; i < FLEET_GROUPINGS; i++)
        ledger_report_clear(&read->rows[i]);
    ledger_lines_clear(&read->lines);
    free(read->potentials);
    *read = (struct fleet_read){0};
}
