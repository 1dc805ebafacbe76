/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading back: rows for all jobs, the devices and the hours of one trial.  Each answer comes from
 * one transaction: a run that books at the same time is in it wholly or not at all.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/columns.h"
#include "base/nearest.h"
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
        query_int(query, 0); /* the job's number */
        JOB_ROW(GET)
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

int ledger_find_job(struct ledger *ledger, const char *job, int64_t *job_id, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_JOB_FIND);
    query_put_text(query, job);
    int rc = query_step(query, err);
    if (rc > 0)
        *job_id = query_int(query, 0);
    query_leave(query);
    return rc;
}

/* --- No such job --- */

/* Writes up to three names that share a part with `job`; nothing when there is none. */
static int similar_names(struct ledger *ledger, const char *job, char *names, size_t size,
                         struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_JOB_SIMILAR);
    query_put_text(query, job);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        char other[WT_JOB_LEN], shown[64];
        query_text(query, other, sizeof other);
        size_t length = strlen(names);
        snprintf(names + length, size - length, "%s%s",
                 length ? ", " : "; similar: ", text_escape_into(shown, sizeof shown, other));
    }
    return rc;
}

/* Writes the name that `job` may be a slip of; nothing when none is near enough. */
static int nearest_job(struct ledger *ledger, const char *job, char *words, size_t size,
                       struct wt_error *err)
{
    struct nearest search = {.word = job};
    char best[WT_JOB_LEN], other[WT_JOB_LEN], shown[64];
    struct query *query = ledger_query(ledger, SQL_REPORT_JOBS);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        query_int(query, 0); /* the job's number */
        query_text(query, other, sizeof other);
        nearest_offer(&search, other);
        if (search.name == other) {
            memcpy(best, other, sizeof best);
            search.name = best;
        }
    }
    if (rc == 0 && nearest_name(&search))
        snprintf(words, size, "; did you mean %s?", text_escape_into(shown, sizeof shown, best));
    return rc;
}

int ledger_no_such_job(struct ledger *ledger, const char *job, struct wt_error *err)
{
    char name[64], others[3 * 68 + 32] = "";
    int rc = similar_names(ledger, job, others, sizeof others, err);
    if (rc == 0 && !others[0])
        rc = nearest_job(ledger, job, others, sizeof others, err);
    return rc < 0 ? rc
                  : error_set(err, WT_E_NOT_FOUND,
                              "there is no job %s in the ledger%s (`wattune jobs` lists them)",
                              text_escape_into(name, sizeof name, job), others);
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
        struct ledger_device_energy *row = list_add(list);
        if (!row)
            return no_memory(err);
        query_int(query, 0); /* the trial's number */
        DEVICE(GET)
        MEASUREMENT(GET)
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
        struct ledger_hour *row = list_add(list);
        if (!row)
            return no_memory(err);
        row->kind = query_kind(query);
        row->index = query_u32(query);
        HOUR(GET)
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
