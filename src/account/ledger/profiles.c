/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles: the cost of a step at each power limit, kept for exactly the job, batch size, GPU
 * model, number of GPUs and limit range that they were measured with.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/columns.h"
#include "base/clock.h"

static void put_key(struct query *query, int64_t job_id, const struct wt_profile_key *row)
{
    query_put_int(query, job_id);
    PROFILE_KEY(PUT)
}

static int put_profile(struct ledger *ledger, const struct wt_profile_key *key,
                       const struct wt_profile_point points[], unsigned count, int64_t trial_id,
                       struct wt_error *err)
{
    int64_t job_id = 0;
    int rc = ledger_job_make(ledger, key->job, &job_id, err);
    if (rc)
        return rc;
    struct query *query = ledger_query(ledger, SQL_PROFILE_CLEAR);
    put_key(query, job_id, key);
    if ((rc = query_run(query, err)) < 0)
        return rc;
    query = ledger_query(ledger, SQL_PROFILE_PUT);
    put_key(query, job_id, key);
    query_put_id(query, trial_id);
    query_put_int(query, clock_wall_ms());
    if ((rc = query_run(query, err)) < 0)
        return rc;
    return ledger_points_put(ledger, SQL_PROFILE_POINT_PUT, ledger_last_id(ledger), points, count,
                             err);
}

int ledger_profile_put(struct ledger *ledger, const struct wt_profile_key *key,
                       const struct wt_profile_point points[], unsigned count, int64_t trial_id,
                       struct wt_error *err)
{
    int rc = ledger_points_check(points, count, err);
    if (rc == 0 && count == 0)
        rc = error_set(err, WT_E_INVALID, "a profile without points");
    if (rc == 0)
        rc = ledger_begin(ledger, true, err);
    if (rc)
        return rc;
    return ledger_finish(ledger, put_profile(ledger, key, points, count, trial_id, err), err);
}

/* The number that a query with one row and one column gives; 0 when there is no row. */
static int find(struct query *query, int64_t *number, struct wt_error *err)
{
    int rc = query_step(query, err);
    if (rc > 0) {
        *number = query_int(query, 0);
        query_leave(query);
    }
    return rc < 0 ? rc : 0;
}

static int get_profile(struct ledger *ledger, const struct wt_profile_key *key,
                       struct wt_profile_point points[], unsigned capacity, unsigned *count,
                       struct wt_error *err)
{
    int64_t job_id = 0, profile_id = 0;
    struct query *query = ledger_query(ledger, SQL_JOB_FIND);
    query_put_text(query, key->job);
    int rc = find(query, &job_id, err);
    if (rc == 0 && job_id) {
        query = ledger_query(ledger, SQL_PROFILE_FIND);
        put_key(query, job_id, key);
        rc = find(query, &profile_id, err);
    }
    if (rc == 0 && profile_id)
        return ledger_points_get(ledger, SQL_PROFILE_POINTS, profile_id, points, capacity, count,
                                 err);
    if (rc == 0)
        *count = 0;
    return rc;
}

int ledger_profile_get(struct ledger *ledger, const struct wt_profile_key *key,
                       struct wt_profile_point points[], unsigned capacity, unsigned *count,
                       struct wt_error *err)
{
    int rc = ledger_begin(ledger, false, err);
    if (rc)
        return rc;
    return ledger_finish(ledger, get_profile(ledger, key, points, capacity, count, err), err);
}

/* --- All of a job --- */

static int read_profiles(struct ledger *ledger, const char *job, struct ledger_profile **profiles,
                         size_t *count, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_PROFILES);
    query_put_text(query, job);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        struct ledger_profile *more = reallocarray(*profiles, *count + 1, sizeof **profiles);
        if (!more)
            return error_set(err, WT_E_NO_MEMORY, "read the ledger: out of memory");
        *profiles = more;
        struct ledger_profile *profile = &more[(*count)++];
        memset(profile, 0, sizeof *profile);
        int64_t id = query_int(query, 0);
        snprintf(profile->key.job, sizeof profile->key.job, "%s", job);
        struct wt_profile_key *row = &profile->key;
        PROFILE_KEY(GET)
        rc = ledger_points_get(ledger, SQL_PROFILE_POINTS, id, profile->points, WT_MAX_LIMITS,
                               &profile->count, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int ledger_profiles(struct ledger *ledger, const char *job, struct ledger_profile **profiles,
                    size_t *count, struct wt_error *err)
{
    struct ledger_profile *read = NULL;
    size_t n = 0;
    int rc = ledger_begin(ledger, false, err);
    if (rc == 0)
        rc = ledger_finish(ledger, read_profiles(ledger, job, &read, &n, err), err);
    if (rc < 0) {
        free(read);
        return rc;
    }
    *profiles = read;
    *count = n;
    return 0;
}
