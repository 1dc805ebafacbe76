/* SPDX-License-Identifier: Apache-2.0
 *
 * The trials of one job in outline and as sums: a job may have tens of thousands, and a whole trial
 * is 18 KB.  Whole trials one by one are in trials_each.c.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/columns.h"

int ledger_job_check(struct ledger *ledger, const char *job, struct wt_error *err)
{
    int64_t job_id = 0;
    int rc = ledger_find_job(ledger, job, &job_id, err);
    return rc < 0 ? rc : rc == 0 ? ledger_no_such_job(ledger, job, err) : 0;
}

/* --- The last trial --- */

/* A trial with a job's name and nothing else; the caller frees it. */
static struct wt_trial *new_trial(struct wt_error *err)
{
    struct wt_trial *trial = calloc(1, sizeof *trial);
    if (!trial)
        error_set(err, WT_E_NO_MEMORY, "read the ledger: out of memory");
    return trial;
}

static int last_trial(struct ledger *ledger, const char *job, enum ledger_last which,
                      struct wt_trial *trial, struct wt_error *err)
{
    int64_t job_id = 0, trial_id = 0;
    int rc = ledger_find_job(ledger, job, &job_id, err);
    if (rc <= 0)
        return rc;
    struct query *query = ledger_query(
        ledger, which == LEDGER_LAST_PROFILED ? SQL_TRIAL_LAST_PROFILED : SQL_TRIAL_LAST);
    query_put_int(query, job_id);
    rc = query_step(query, err);
    if (rc > 0)
        trial_id = query_int(query, 0);
    query_leave(query);
    if (rc <= 0)
        return rc;
    query = ledger_query(ledger, SQL_TRIAL);
    query_put_int(query, trial_id);
    rc = query_step(query, err);
    if (rc > 0) {
        snprintf(trial->identity.job, sizeof trial->identity.job, "%s", job);
        int parts_rc = ledger_trial_read(ledger, query, LEDGER_TRIAL_ALL, trial, err);
        rc = parts_rc < 0 ? parts_rc : 1;
    }
    query_leave(query);
    return rc;
}

int ledger_last_trial(struct ledger *ledger, const char *job, enum ledger_last which,
                      struct wt_trial *trial, struct wt_error *err)
{
    struct wt_trial *found = new_trial(err);
    int rc = found ? ledger_begin(ledger, false, err) : WT_E_NO_MEMORY;
    if (rc == 0)
        rc = ledger_finish(ledger, last_trial(ledger, job, which, found, err), err);
    if (rc > 0)
        *trial = *found;
    free(found);
    return rc;
}

/* --- Outlines --- */

static void read_outline(struct query *query, struct wt_trial *row, bool *on_gpus)
{
    query_int(query, 0); /* the trial's number */
    OUTLINE(GET)
    *on_gpus = query_int(query, 0) != 0;
}

static int each_outline(struct ledger *ledger, const char *job, const struct wt_profile_key *gpus,
                        struct wt_trial *trial, ledger_outline_taker *take, void *ctx,
                        struct wt_error *err)
{
    int64_t job_id = 0;
    int rc = ledger_find_job(ledger, job, &job_id, err);
    if (rc <= 0)
        return rc < 0 ? rc : ledger_no_such_job(ledger, job, err);
    struct query *query = ledger_query(ledger, SQL_OUTLINES);
    query_put_int(query, job_id);
    query_put_text(query, gpus ? gpus->gpu_model : "");
    query_put_int(query, gpus ? gpus->gpu_count : 0);
    while ((rc = query_step(query, err)) > 0) {
        bool on_gpus;
        read_outline(query, trial, &on_gpus);
        rc = take(ctx, trial, on_gpus, err);
        if (rc < 0)
            break;
    }
    return rc;
}

int ledger_each_outline(struct ledger *ledger, const char *job, const struct wt_profile_key *gpus,
                        ledger_outline_taker *take, void *ctx, struct wt_error *err)
{
    struct wt_trial *trial = new_trial(err);
    int rc = trial ? ledger_begin(ledger, false, err) : WT_E_NO_MEMORY;
    if (rc == 0)
        rc = ledger_finish(ledger, each_outline(ledger, job, gpus, trial, take, ctx, err), err);
    free(trial);
    return rc;
}

/* --- Sums --- */

static int each_recurrence(struct ledger *ledger, const char *job, ledger_recurrence_taker *take,
                           void *ctx, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_RECURRENCES);
    query_put_text(query, job);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        struct wt_recurrence sums, *row = &sums;
        query_int(query, 0);
        RECURRENCE(GET)
        rc = take(ctx, row, err);
        if (rc < 0)
            break;
    }
    return rc;
}

int ledger_each_recurrence(struct ledger *ledger, const char *job, ledger_recurrence_taker *take,
                           void *ctx, struct wt_error *err)
{
    int rc = ledger_begin(ledger, false, err);
    return rc ? rc : ledger_finish(ledger, each_recurrence(ledger, job, take, ctx, err), err);
}

static int each_gpu(struct ledger *ledger, const char *job, ledger_gpu_taker *take, void *ctx,
                    struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_JOB_GPUS);
    query_put_text(query, job);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        struct wt_trial_gpu gpu = {.index = query_u32(query)};
        query_text(query, gpu.uuid, sizeof gpu.uuid);
        query_text(query, gpu.name, sizeof gpu.name);
        rc = take(ctx, &gpu, err);
        if (rc < 0)
            break;
    }
    return rc;
}

int ledger_each_gpu(struct ledger *ledger, const char *job, ledger_gpu_taker *take, void *ctx,
                    struct wt_error *err)
{
    int rc = ledger_begin(ledger, false, err);
    return rc ? rc : ledger_finish(ledger, each_gpu(ledger, job, take, ctx, err), err);
}

int ledger_each_steps_per_epoch(struct ledger *ledger, const char *job, ledger_steps_taker *take,
                                void *ctx, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_STEPS_BY_SIZE);
    query_put_text(query, job);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        uint32_t batch_size = query_u32(query);
        rc = take(ctx, batch_size, query_real(query), err);
        if (rc < 0)
            break;
    }
    query_leave(query);
    return rc;
}

int ledger_recurrence_count(struct ledger *ledger, const char *job, size_t *count,
                            struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_RECURRENCE_COUNT);
    query_put_text(query, job);
    int rc = query_step(query, err);
    if (rc > 0)
        *count = (size_t)query_int(query, 0);
    query_leave(query);
    return rc < 0 ? rc : 0;
}

int ledger_epochs_taken(struct ledger *ledger, const char *job, const struct ledger_whole_runs *of,
                        struct ledger_epochs *epochs, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_EPOCHS_TAKEN);
    query_put_text(query, job);
    query_put_int(query, of->batch_size);
    query_put_int(query, of->reached);
    query_put_int(query, of->state_id);
    int rc = query_step(query, err);
    if (rc > 0) {
        epochs->runs = query_u32(query);
        epochs->least = (uint64_t)query_int(query, 0);
        epochs->most = (uint64_t)query_int(query, 0);
    }
    query_leave(query);
    return rc < 0 ? rc : 0;
}
