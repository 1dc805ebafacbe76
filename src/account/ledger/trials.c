/* SPDX-License-Identifier: Apache-2.0
 *
 * Booking trials: a trial is there from the moment it begins, so that a killed run stays visible,
 * and is completed once, with all that it measured, in one transaction.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <string.h>

#include "account/ledger/columns.h"
#include "base/clock.h"
#include "base/text.h"

const char *const ledger_kinds[] = {"gpu", "cpu", "dram"};
const char *const ledger_sources[] = WT_SOURCE_WORDS;
const char *const ledger_selectors[] = {"cost", "energy", "time", "slowdown"};

int ledger_job_make(struct ledger *ledger, const char *job, int64_t *job_id, struct wt_error *err)
{
    if (!job[0])
        return error_set(err, WT_E_INVALID, "a job without a name");
    struct query *query = ledger_query(ledger, SQL_JOB_FIND);
    query_put_text(query, job);
    int rc = query_step(query, err);
    if (rc > 0)
        *job_id = query_int(query, 0);
    query_leave(query);
    if (rc)
        return rc < 0 ? rc : 0;
    query = ledger_query(
        ledger, SQL_JOB_MAKE); /* the write lock is held: nobody else makes it in between */
    query_put_text(query, job);
    query_put_int(query, clock_wall_ms());
    rc = query_run(query, err);
    if (rc == 0)
        *job_id = ledger_last_id(ledger);
    return rc < 0 ? rc : 0;
}

/* The one number that a query gives. */
static int read_one(struct query *query, int64_t *number, struct wt_error *err)
{
    int rc = query_step(query, err);
    if (rc > 0)
        *number = query_int(query, 0);
    query_leave(query);
    return rc;
}

/* --- The beginning --- */

/* Fills in the numbers that were not given.  The write lock is held: nobody else takes the same. */
static int take_numbers(struct ledger *ledger, int64_t job_id, const struct wt_trial *trial,
                        int64_t *recurrence, int64_t *try_number, struct wt_error *err)
{
    *recurrence = trial->identity.recurrence;
    *try_number = trial->identity.try_number;
    struct query *query;
    int rc = 1;
    if (!*recurrence) {
        query = ledger_query(ledger, SQL_RECURRENCE_NEXT);
        query_put_int(query, job_id);
        rc = read_one(query, recurrence, err);
    }
    if (rc >= 0 && !*try_number) {
        query = ledger_query(ledger, SQL_TRY_NEXT);
        query_put_int(query, job_id);
        query_put_int(query, *recurrence);
        rc = read_one(query, try_number, err);
    }
    if (rc < 0)
        return rc;
    int64_t there = 0;
    query = ledger_query(ledger, SQL_TRY_FIND);
    query_put_int(query, job_id);
    query_put_int(query, *recurrence);
    query_put_int(query, *try_number);
    rc = read_one(query, &there, err);
    char name[64];
    if (rc > 0)
        return error_set(err, WT_E_BUSY,
                         "try %lld of recurrence %lld of the job %s is booked already (trial %lld)",
                         (long long)*try_number, (long long)*recurrence,
                         text_escape_into(name, sizeof name, trial->identity.job),
                         (long long)there);
    return rc;
}

/* Until a trial has several nodes it has one part. */
enum { ONLY_PART = 0 };

static int put_part(struct ledger *ledger, int64_t id, const char *node,
                    const struct wt_trial_part *part, struct wt_error *err)
{
    const struct {
        struct wt_trial_part part;
    } whole = {*part}, *row = &whole; /* columns are those of a trial */
    struct query *query = ledger_query(ledger, SQL_PART_PUT);
    query_put_int(query, id);
    query_put_int(query, ONLY_PART);
    query_put_known_text(query, node);
    TRIAL_PART(PUT)
    return query_run(query, err);
}

static int clear_gpus(struct ledger *ledger, int64_t id, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_GPU_CLEAR);
    query_put_int(query, id);
    return query_run(query, err);
}

static int put_gpus(struct ledger *ledger, int64_t id, const struct wt_trial *trial,
                    struct wt_error *err)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < trial->part.gpu_count; i++) {
        struct ledger_device_energy gpu = {.kind = WT_DEVICE_GPU,
                                           .index = trial->part.gpus[i].index};
        int64_t device_id = 0;
        memcpy(gpu.uuid, trial->part.gpus[i].uuid, sizeof gpu.uuid);
        memcpy(gpu.name, trial->part.gpus[i].name, sizeof gpu.name);
        if ((rc = ledger_device_make(ledger, &gpu, &device_id, err)))
            break;
        struct query *query = ledger_query(ledger, SQL_GPU_PUT);
        query_put_int(query, id);
        query_put_int(query, i);
        query_put_int(query, device_id);
        query_put_int(query, ONLY_PART);
        rc = query_run(query, err);
    }
    return rc;
}

static int begin(struct ledger *ledger, const struct wt_trial *row, int64_t *id,
                 int64_t *recurrence, struct wt_error *err)
{
    int64_t job_id = 0, try_number = 0, place_id = 0;
    int rc = ledger_job_make(ledger, row->identity.job, &job_id, err);
    if (rc == 0)
        rc = ledger_place_make(ledger, row, &place_id, err);
    if (rc == 0)
        rc = take_numbers(ledger, job_id, row, recurrence, &try_number, err);
    if (rc < 0)
        return rc;
    struct query *query = ledger_query(ledger, SQL_TRIAL_BEGIN);
    query_put_int(query, job_id);
    query_put_int(query, *recurrence);
    query_put_int(query, try_number);
    query_put_int(query, place_id);
    TRIAL_IDENTITY(PUT)
    TRIAL_PLAN(PUT)
    if ((rc = query_run(query, err)) < 0)
        return rc;
    *id = ledger_last_id(ledger);
    return put_gpus(ledger, *id, row, err);
}

static int check(const struct wt_trial *trial, struct wt_error *err)
{
    if (trial->part.gpu_count > WT_MAX_DEVICES)
        return error_set(err, WT_E_RANGE, "a trial with %u GPUs: at most %d are kept",
                         trial->part.gpu_count, WT_MAX_DEVICES);
    return ledger_points_check(trial->profile.points, trial->profile.count, err);
}

int ledger_trial_begin(struct ledger *ledger, const struct wt_trial *trial, int64_t *id,
                       unsigned *recurrence, struct wt_error *err)
{
    struct wt_trial started = *trial;
    int rc = check(trial, err);
    if (rc == 0)
        rc = ledger_begin(ledger, true, err);
    if (rc)
        return rc;
    if (!started.identity.started_ms)
        started.identity.started_ms = clock_wall_ms();
    int64_t new_id = 0, taken = 0;
    rc = ledger_finish(ledger, begin(ledger, &started, &new_id, &taken, err), err);
    if (rc == 0 && id)
        *id = new_id;
    if (rc == 0 && recurrence)
        *recurrence = (unsigned)taken;
    return rc;
}

static int cancel(struct ledger *ledger, const struct wt_trial *trial, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_TRIAL_CANCEL);
    query_put_int(query, trial->identity.id);
    int rc = query_run(query, err);
    if (rc < 0)
        return rc;
    query = ledger_query(ledger, SQL_JOB_CANCEL);
    query_put_text(query, trial->identity.job);
    return query_run(query, err);
}

int ledger_trial_cancel(struct ledger *ledger, const struct wt_trial *trial, struct wt_error *err)
{
    int rc = ledger_begin(ledger, true, err);
    return rc ? rc : ledger_finish(ledger, cancel(ledger, trial, err), err);
}

int ledger_steps_per_epoch(struct ledger *ledger, const char *job, uint32_t batch_size,
                           double *steps, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_STEPS_PER_EPOCH);
    query_put_text(query, job);
    query_put_int(query, batch_size);
    int rc = query_step(query, err);
    if (rc > 0)
        *steps = query_real(query);
    query_leave(query);
    return rc < 0 ? rc : 0;
}

/* --- The end --- */

/* The parameters of SQL_TRIAL_END. */
static void put_outcome(struct query *query, const struct wt_trial *row, int64_t factor_id)
{
    query_put_int(query, factor_id);
    TRIAL_PLAN(PUT)
    TRIAL_OUTCOME(PUT)
    TRIAL_CARBON(PUT)
    TRIAL_PART(PUT)
    query_put_int(query, row->identity.id);
}

static int put_device(struct ledger *ledger, int64_t id, size_t position,
                      const struct ledger_device_energy *device, struct wt_error *err)
{
    struct ledger_device_energy known = *device, *row = &known;
    int64_t device_id = 0;
    int rc = ledger_device_make(ledger, device, &device_id, err);
    if (rc)
        return rc;
    if (row->source == WT_SOURCE_NONE)
        row->energy_j = row->energy_error_j = NAN;
    struct query *query = ledger_query(ledger, SQL_MEASUREMENT_PUT);
    query_put_int(query, id);
    query_put_int(query, (int64_t)position);
    query_put_int(query, device_id);
    query_put_int(query, ONLY_PART);
    MEASUREMENT(PUT)
    return query_run(query, err);
}

/* The device of the hour before: mostly the next hour has the same. */
struct last_device {
    size_t position;
    int64_t id; /* 0: there is none yet */
};

/* Books an hour under its device among `used`. */
static int put_hour(struct ledger *ledger, int64_t id, const struct ledger_used *used,
                    const struct ledger_hour *row, struct last_device *last, struct wt_error *err)
{
    size_t i = 0;
    while (i < used->device_count &&
           (used->devices[i].kind != row->kind || used->devices[i].index != row->index))
        i++;
    if (i == used->device_count)
        return error_set(err, WT_E_INVALID,
                         "an hour of a device that is not among those of the trial");
    int rc = last->id && last->position == i
                 ? 0
                 : ledger_device_make(ledger, &used->devices[i], &last->id, err);
    if (rc)
        return rc;
    last->position = i;
    struct query *query = ledger_query(ledger, SQL_HOUR_PUT);
    query_put_int(query, id);
    query_put_int(query, last->id);
    query_put_int(query, ONLY_PART);
    HOUR(PUT)
    return query_run(query, err);
}

static int end(struct ledger *ledger, const struct wt_trial *trial, const struct ledger_used *used,
               struct wt_error *err)
{
    int64_t factor_id = 0;
    struct last_device last = {0};
    int rc = ledger_factor_make(ledger, &trial->carbon, &factor_id, err);
    if (rc)
        return rc;
    struct query *query = ledger_query(ledger, SQL_TRIAL_END);
    put_outcome(query, trial, factor_id);
    rc = query_run(query, err);
    if (rc == 0 && ledger_changes(ledger) == 0) {
        int64_t ended = 0;
        query = ledger_query(ledger, SQL_TRIAL_ENDED);
        query_put_int(query, trial->identity.id);
        rc = read_one(query, &ended, err);
        if (rc == 0)
            return error_set(err, WT_E_NOT_FOUND, "there is no trial %lld in the ledger",
                             (long long)trial->identity.id);
        return rc < 0 ? rc
                      : error_set(err, WT_E_INVALID, "trial %lld has ended and is booked already",
                                  (long long)trial->identity.id);
    }
    if (rc == 0)
        rc = put_part(ledger, trial->identity.id, trial->identity.node, &trial->part, err);
    if (rc == 0) /* a run may have found others than it began with */
        rc = clear_gpus(ledger, trial->identity.id, err);
    if (rc == 0)
        rc = put_gpus(ledger, trial->identity.id, trial, err);
    if (rc == 0)
        rc = ledger_points_put(ledger, SQL_POINT_PUT, trial->identity.id, trial->profile.points,
                               trial->profile.count, err);
    for (size_t i = 0; rc == 0 && i < used->device_count; i++)
        rc = put_device(ledger, trial->identity.id, i, &used->devices[i], err);
    for (size_t i = 0; rc == 0 && i < used->hour_count; i++)
        rc = put_hour(ledger, trial->identity.id, used, &used->hours[i], &last, err);
    return rc;
}

int ledger_trial_end(struct ledger *ledger, const struct wt_trial *trial,
                     const struct ledger_used *used, struct wt_error *err)
{
    static const struct ledger_used nothing;
    int rc = check(trial, err);
    used = used ? used : &nothing;
    for (size_t i = 0; rc == 0 && i < used->hour_count; i++)
        if (used->hours[i].kind > WT_DEVICE_DRAM)
            rc = error_set(err, WT_E_INVALID, "an hour of a device of no known kind");
    for (size_t i = 0; rc == 0 && i < used->device_count; i++)
        if (used->devices[i].kind > WT_DEVICE_DRAM || used->devices[i].source > WT_SOURCE_REPLAYED)
            rc = error_set(err, WT_E_INVALID, "a device of no known kind or source");
    if (rc == 0 && trial->part.source > WT_SOURCE_REPLAYED)
        rc = error_set(err, WT_E_INVALID, "a trial of no known source");
    if (rc == 0)
        rc = ledger_begin(ledger, true, err);
    if (rc)
        return rc;
    return ledger_finish(ledger, end(ledger, trial, used, err), err);
}
