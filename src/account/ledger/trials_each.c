/* SPDX-License-Identifier: Apache-2.0
 *
 * Trials one by one, of a job or of a time: no more than one is held, and of that only the parts
 * that the caller asks for.  Each reading is one transaction: a run that books at the same time is
 * in it wholly or not at all.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/columns.h"

/* Unknown, where nobody asked. */
static void clear_parts(struct wt_trial *trial)
{
    const double unknown = NAN;
    trial->carbon = (struct wt_carbon){.pue = unknown,
                                       .intensity_g_per_kwh = unknown,
                                       .operational_g = unknown,
                                       .market_g = unknown,
                                       .embodied_g = unknown,
                                       .embodied_useful_g = unknown};
    trial->profile.count = 0;
    trial->part = (struct wt_trial_part){.energy_j = unknown,
                                         .energy_error_j = unknown,
                                         .sensor_error_fraction = unknown,
                                         .cpu_energy_j = unknown,
                                         .dram_energy_j = unknown,
                                         .busy_s = unknown};
}

static void read_carbon(struct query *query, struct wt_trial *trial)
{
    {
        struct wt_trial *row = trial;
        TRIAL_CARBON(GET)
    }
    struct wt_carbon *row = &trial->carbon;
    FACTOR(GET)
}

/* TRIAL_ROW of sql.c. */
static void read_row(struct query *query, unsigned parts, struct wt_trial *row)
{
    row->identity.id = query_int(query, 0);
    row->identity.recurrence = query_u32(query);
    row->identity.try_number = query_u32(query);
    row->outcome.ended = query_int(query, 0) != 0;
    TRIAL_PLACE(GET)
    TRIAL_IDENTITY(GET)
    TRIAL_PLAN(GET)
    TRIAL_OUTCOME(GET)
    if (!(parts & (LEDGER_TRIAL_CARBON | LEDGER_TRIAL_PART)))
        return;
    struct wt_carbon unknown = row->carbon;
    read_carbon(query, row);
    if (!(parts & LEDGER_TRIAL_CARBON))
        row->carbon = unknown;
    if (parts & LEDGER_TRIAL_PART) {
        TRIAL_PART(GET)
    }
}

static int read_gpus(struct ledger *ledger, struct wt_trial *trial, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_GPUS);
    query_put_int(query, trial->identity.id);
    int rc;
    while ((rc = query_step(query, err)) > 0 && trial->part.gpu_count < WT_MAX_DEVICES) {
        struct wt_trial_gpu *gpu = &trial->part.gpus[trial->part.gpu_count++];
        gpu->index = query_u32(query);
        query_text(query, gpu->uuid, sizeof gpu->uuid);
        query_text(query, gpu->name, sizeof gpu->name);
    }
    query_leave(query);
    return rc < 0 ? rc : 0;
}

int ledger_trial_read(struct ledger *ledger, struct query *query, unsigned parts,
                      struct wt_trial *trial, struct wt_error *err)
{
    clear_parts(trial);
    read_row(query, parts, trial);
    int rc = 0;
    if (parts & LEDGER_TRIAL_PART)
        rc = read_gpus(ledger, trial, err);
    if (rc == 0 && parts & LEDGER_TRIAL_PROFILE)
        rc = ledger_points_get(ledger, SQL_POINTS, trial->identity.id, trial->profile.points,
                               WT_MAX_LIMITS, &trial->profile.count, err);
    return rc;
}

/* --- Of a job --- */

static int each_trial(struct ledger *ledger, const char *job, const struct ledger_trials *which,
                      ledger_run_taker *take, void *ctx, struct wt_error *err)
{
    struct wt_trial trial = {0};
    int64_t job_id = 0;
    int rc = ledger_find_job(ledger, job, &job_id, err);
    if (rc <= 0)
        return rc < 0 ? rc : ledger_no_such_job(ledger, job, err);
    struct query *query = ledger_query(ledger, which->latest_first ? SQL_TRIALS_BACK : SQL_TRIALS);
    query_put_int(query, job_id);
    query_put_int(query, which->last);
    while ((rc = query_step(query, err)) > 0) {
        snprintf(trial.identity.job, sizeof trial.identity.job, "%s", job);
        rc = ledger_trial_read(ledger, query, which->parts, &trial, err);
        if (rc == 0)
            rc = take(ctx, &trial, err);
        if (rc < 0)
            break;
    }
    query_leave(query);
    return rc;
}

int ledger_each_trial(struct ledger *ledger, const char *job, const struct ledger_trials *which,
                      ledger_run_taker *take, void *ctx, struct wt_error *err)
{
    int rc = ledger_begin(ledger, false, err);
    return rc ? rc : ledger_finish(ledger, each_trial(ledger, job, which, take, ctx, err), err);
}

/* --- Of a time --- */

static int each_run(struct ledger *ledger, const struct ledger_runs *runs, ledger_run_taker *take,
                    void *ctx, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_RUNS);
    struct wt_trial run = {0};
    int rc;
    ledger_put_runs(query, runs);
    while ((rc = query_step(query, err)) > 0) {
        query_text(query, run.identity.job, sizeof run.identity.job);
        rc = ledger_trial_read(ledger, query, LEDGER_TRIAL_ALL & ~LEDGER_TRIAL_PROFILE, &run, err);
        if (rc == 0)
            rc = take(ctx, &run, err);
        if (rc < 0)
            break;
    }
    query_leave(query);
    return rc;
}

int ledger_each_run(struct ledger *ledger, const struct ledger_runs *runs, ledger_run_taker *take,
                    void *ctx, struct wt_error *err)
{
    int rc = ledger ? ledger_begin(ledger, false, err) : 0;
    return rc == 0 && ledger ? ledger_finish(ledger, each_run(ledger, runs, take, ctx, err), err)
                             : rc;
}
