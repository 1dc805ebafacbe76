/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: the rows of all, and one by its name.  The rows come from one transaction: a run that books
 * at the same time is in them wholly or not at all.
 */
#include "account/ledger/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/columns.h"
#include "base/nearest.h"
#include "base/text.h"

/* An array that grows by doubling; `rows` belongs to the caller. */
struct list {
    struct wt_job_row *rows;
    size_t count, capacity;
};

/* Room for one more, zeroed; NULL when there is no memory. */
static struct wt_job_row *list_add(struct list *list)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 8;
        struct wt_job_row *rows = reallocarray(list->rows, capacity, sizeof *rows);
        if (!rows)
            return NULL;
        list->rows = rows;
        list->capacity = capacity;
    }
    return memset(&list->rows[list->count++], 0, sizeof *list->rows);
}

static int read_jobs(struct ledger *ledger, struct list *list, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_JOB_ROWS);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        struct wt_job_row *row = list_add(list);
        if (!row)
            return error_set(err, WT_E_NO_MEMORY, "read the ledger: out of memory");
        query_int(query, 0); /* the job's number */
        JOB_ROW(GET)
    }
    return rc;
}

int ledger_jobs(struct ledger *ledger, struct wt_job_row **rows, size_t *count,
                struct wt_error *err)
{
    struct list list = {NULL, 0, 0};
    int rc = ledger_begin(ledger, false, err);
    if (rc == 0)
        rc = ledger_finish(ledger, read_jobs(ledger, &list, err), err);
    if (rc < 0) {
        free(list.rows);
        return rc;
    }
    *rows = list.rows;
    *count = list.count;
    return 0;
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
