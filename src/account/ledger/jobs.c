/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading back: rows for all jobs, all trials of one job, the devices of one trial.  Each answer
 * comes from one transaction: a run that books at the same time is in it wholly or not at all.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* An array that grows by doubling; `items` belongs to the caller. */
struct list {
    void *items;
    size_t count, capacity, size;
};

/* Room for one more, zeroed; NULL when there is no memory. */
static void *list_add(struct list *list)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 8;
        void *items = reallocarray(list->items, capacity, list->size);
        if (!items)
            return NULL;
        list->items = items;
        list->capacity = capacity;
    }
    return memset((char *)list->items + list->size * list->count++, 0, list->size);
}

/* The enum value whose word it is; 0 for none. */
static int word(struct query *query, const char *const words[], int count)
{
    char text[16];
    query_text(query, text, sizeof text);
    for (int i = 0; i < count; i++)
        if (!strcmp(text, words[i]))
            return i;
    return 0;
}

/* Fills a list in a transaction of its own and hands it over. */
typedef int reader(struct ledger *ledger, struct list *list, const void *which,
                   struct wt_error *err);

static int read_list(struct ledger *ledger, reader *read, const void *which, size_t size,
                     void **items, size_t *count, struct wt_error *err)
{
    struct list list = {.size = size};
    int rc = ledger_begin(ledger, false, err);
    if (rc == 0)
        rc = ledger_finish(ledger, read(ledger, &list, which, err), err);
    if (rc < 0) {
        free(list.items);
        return rc;
    }
    *items = list.items;
    *count = list.count;
    return 0;
}

static int no_memory(struct wt_error *err)
{
    return error_set(err, WT_E_NO_MEMORY, "read the ledger: out of memory");
}

/* --- Jobs --- */

static int read_jobs(struct ledger *ledger, struct list *list, const void *which,
                     struct wt_error *err)
{
    (void)which;
    struct query *query = ledger_query(ledger, SQL_JOB_ROWS);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        struct wt_job_row *row = list_add(list);
        if (!row)
            return no_memory(err);
        query_text(query, row->job, sizeof row->job);
        query_text(query, row->phase, sizeof row->phase);
        query_text(query, row->project, sizeof row->project);
        row->recurrences = query_u32(query);
        row->trials = query_u32(query);
        row->unended = query_u32(query);
        row->last_started_ms = query_int(query, 0);
        row->energy_j = query_real(query);
        row->energy_unknown = query_u32(query);
        row->time_s = query_real(query);
        row->best_energy_fraction = query_real(query);
        row->best_energy_fraction_error = query_real(query);
    }
    return rc;
}

int ledger_jobs(struct ledger *ledger, struct wt_job_row **rows, size_t *count,
                struct wt_error *err)
{
    void *items = NULL;
    int rc = read_list(ledger, read_jobs, NULL, sizeof **rows, &items, count, err);
    if (rc == 0)
        *rows = items;
    return rc;
}

/* --- Trials --- */

void ledger_trial_read(struct query *query, struct wt_trial *trial)
{
    trial->identity.id = query_int(query, 0);
    trial->identity.recurrence = query_u32(query);
    trial->identity.try_number = query_u32(query);
    query_text(query, trial->identity.phase, sizeof trial->identity.phase);
    query_text(query, trial->identity.project, sizeof trial->identity.project);
    query_text(query, trial->identity.user, sizeof trial->identity.user);
    query_text(query, trial->identity.node, sizeof trial->identity.node);
    trial->outcome.batch_size = query_u32(query);
    trial->identity.started_ms = query_int(query, 0);
    trial->outcome.ended = query_int(query, 0) != 0;
    trial->identity.state_id = query_int(query, 0);
    trial->carbon.pue = query_real(query);
    query_text(query, trial->carbon.intensity_source, sizeof trial->carbon.intensity_source);
    query_text(query, trial->carbon.embodied_source, sizeof trial->carbon.embodied_source);
    query_text(query, trial->carbon.pue_source, sizeof trial->carbon.pue_source);
    query_text(query, trial->carbon.location, sizeof trial->carbon.location);
    trial->carbon.lifetime_years = query_real(query);
    if (isnan(trial->carbon.lifetime_years))
        trial->carbon.lifetime_years = 0;
    trial->outcome.time_s = query_real(query);
    trial->outcome.setting.value = query_u32(query);
    trial->part.energy_j = query_real(query);
    trial->part.energy_error_j = query_real(query);
    trial->part.sensor_error_fraction = query_real(query);
    trial->part.cpu_energy_j = query_real(query);
    trial->part.dram_energy_j = query_real(query);
    trial->outcome.cost_j = query_real(query);
    trial->outcome.steps = (uint64_t)query_int(query, 0);
    trial->outcome.epochs = (uint64_t)query_int(query, 0);
    trial->outcome.metric = query_real(query);
    trial->outcome.reached = (int)query_int(query, -1);
    trial->outcome.early_stopped = query_int(query, 0) != 0;
    trial->outcome.exit_code = (int)query_int(query, -1);
    trial->part.source = (enum wt_source)word(query, ledger_sources, WT_SOURCE_REPLAYED + 1);
    query_text(query, trial->outcome.note, sizeof trial->outcome.note);
    trial->outcome.savings.baseline.value = query_u32(query);
    trial->outcome.savings.energy_fraction = query_real(query);
    trial->outcome.savings.time_fraction = query_real(query);
    trial->outcome.savings.energy_fraction_error = query_real(query);
    trial->outcome.savings.time_fraction_error = query_real(query);
    trial->outcome.not_started = query_int(query, 0) != 0;
    trial->part.busy_s = query_real(query);
    trial->carbon.intensity_g_per_kwh = query_real(query);
    trial->carbon.operational_g = query_real(query);
    trial->carbon.market_g = query_real(query);
    trial->carbon.embodied_g = query_real(query);
    trial->carbon.embodied_useful_g = query_real(query);
}

int ledger_trial_read_gpus(struct ledger *ledger, struct wt_trial *trial, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_GPUS);
    query_put_int(query, trial->identity.id);
    int rc;
    while ((rc = query_step(query, err)) > 0 && trial->part.gpu_count < WT_MAX_DEVICES) {
        trial->part.gpus[trial->part.gpu_count].index = query_u32(query);
        query_text(query, trial->part.gpus[trial->part.gpu_count].uuid, WT_UUID_LEN);
        query_text(query, trial->part.gpus[trial->part.gpu_count].name, WT_NAME_LEN);
        trial->part.gpu_count++;
    }
    query_leave(query);
    return rc < 0 ? rc : 0;
}

int ledger_no_such_job(struct ledger *ledger, const char *job, struct wt_error *err)
{
    char name[64], similar[3 * 68 + 32] = "";
    struct query *query = ledger_query(ledger, SQL_JOB_SIMILAR);
    query_put_text(query, job);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        char other[WT_JOB_LEN], shown[64];
        query_text(query, other, sizeof other);
        size_t length = strlen(similar);
        snprintf(similar + length, sizeof similar - length, "%s%s",
                 length ? ", " : "; similar: ", text_escape_into(shown, sizeof shown, other));
    }
    return rc < 0 ? rc
                  : error_set(err, WT_E_NOT_FOUND, "no job %s in the ledger%s",
                              text_escape_into(name, sizeof name, job), similar);
}

/* --- Runs --- */

static int each_run(struct ledger *ledger, const struct ledger_runs *runs, ledger_run_taker *take,
                    void *ctx, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_RUNS);
    struct wt_trial run;
    int rc;
    ledger_put_runs(query, runs);
    while ((rc = query_step(query, err)) > 0) {
        run = (struct wt_trial){0};
        query_text(query, run.identity.job, sizeof run.identity.job);
        ledger_trial_read(query, &run);
        rc = ledger_trial_read_gpus(ledger, &run, err);
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

/* --- Devices --- */

static int read_devices(struct ledger *ledger, struct list *list, const void *which,
                        struct wt_error *err)
{
    const int64_t *trial_id = which;
    struct query *query = ledger_query(ledger, SQL_MEASUREMENTS);
    query_put_int(query, *trial_id);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        struct ledger_device_energy *device = list_add(list);
        if (!device)
            return no_memory(err);
        device->kind = (enum wt_device_kind)word(query, ledger_kinds, WT_DEVICE_DRAM + 1);
        device->index = query_u32(query);
        query_text(query, device->uuid, sizeof device->uuid);
        query_text(query, device->name, sizeof device->name);
        device->energy_j = query_real(query);
        device->energy_error_j = query_real(query);
        device->source = (enum wt_source)word(query, ledger_sources, WT_SOURCE_REPLAYED + 1);
        device->begin_ms = query_int(query, 0);
        device->end_ms = query_int(query, 0);
    }
    return rc;
}

static int read_hours(struct ledger *ledger, struct list *list, const void *which,
                      struct wt_error *err)
{
    const int64_t *trial_id = which;
    struct query *query = ledger_query(ledger, SQL_HOURS);
    query_put_int(query, *trial_id);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        struct ledger_hour *hour = list_add(list);
        if (!hour)
            return no_memory(err);
        hour->hour = query_int(query, 0);
        hour->kind = (enum wt_device_kind)word(query, ledger_kinds, WT_DEVICE_DRAM + 1);
        hour->index = query_u32(query);
        hour->energy_j = query_real(query);
        hour->busy_s = query_real(query);
        hour->intensity_g_per_kwh = query_real(query);
    }
    return rc;
}

int ledger_trial_hours(struct ledger *ledger, int64_t trial_id, struct ledger_hour **hours,
                       size_t *count, struct wt_error *err)
{
    void *items = NULL;
    int rc = read_list(ledger, read_hours, &trial_id, sizeof **hours, &items, count, err);
    if (rc == 0)
        *hours = items;
    return rc;
}

int ledger_trial_devices(struct ledger *ledger, int64_t trial_id,
                         struct ledger_device_energy **devices, size_t *count, struct wt_error *err)
{
    void *items = NULL;
    int rc = read_list(ledger, read_devices, &trial_id, sizeof **devices, &items, count, err);
    if (rc == 0)
        *devices = items;
    return rc;
}
