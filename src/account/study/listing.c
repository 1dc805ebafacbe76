/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a job for its listing.
 */
#include "account/study/listing.h"

#include <stdlib.h>

#include "account/study/beliefs.h"

/* One more item of an array that grows by doubling: the counts that are powers of two are full.
 * NULL: out of memory, and the array stays. */
static void *grow(void *items, size_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0;
    return full ? reallocarray(items, count ? 2 * count : 1, size) : items;
}

static int no_memory(struct wt_error *err)
{
    return error_set(err, WT_E_NO_MEMORY, "read the job: out of memory");
}

static int take_recurrence(void *ctx, const struct wt_recurrence *recurrence, struct wt_error *err)
{
    struct job_listing *listing = ctx;
    struct wt_recurrence *more =
        grow(listing->recurrences, listing->recurrence_count, sizeof *more);
    if (!more)
        return no_memory(err);
    listing->recurrences = more;
    more[listing->recurrence_count++] = *recurrence;
    return 0;
}

static int take_gpu(void *ctx, const struct wt_trial_gpu *gpu, struct wt_error *err)
{
    struct job_listing *listing = ctx;
    struct wt_trial_gpu *more = grow(listing->gpus, listing->gpu_count, sizeof *more);
    if (!more)
        return no_memory(err);
    listing->gpus = more;
    more[listing->gpu_count++] = *gpu;
    return 0;
}

/* *trial stays NULL where there is none. */
static int read_last(struct job_listing *listing, enum ledger_last which, struct wt_trial **trial,
                     struct wt_error *err)
{
    struct wt_trial *found = malloc(sizeof *found);
    if (!found)
        return no_memory(err);
    int rc = ledger_last_trial(listing->ledger, listing->job, which, found, err);
    if (rc > 0)
        *trial = found;
    else
        free(found);
    return rc < 0 ? rc : 0;
}

static int read_job(struct job_listing *listing, struct wt_error *err)
{
    struct ledger *ledger = listing->ledger;
    int rc = ledger_job_check(ledger, listing->job, err);
    if (rc == 0)
        rc = read_last(listing, LEDGER_LAST_TRIAL, &listing->last, err);
    if (rc == 0)
        rc = read_last(listing, LEDGER_LAST_PROFILED, &listing->profiled, err);
    if (rc == 0)
        rc = ledger_recurrence_count(ledger, listing->job, &listing->recurrence_count, err);
    if (rc == 0)
        rc = beliefs_read(ledger, listing->job, &listing->beliefs, &listing->belief_count, err);
    return rc;
}

int job_listing_open(struct ledger *ledger, const char *job, struct job_listing **listing,
                     struct wt_error *err)
{
    struct job_listing *new = calloc(1, sizeof *new);
    if (!new)
        return no_memory(err);
    *new = (struct job_listing){.ledger = ledger, .job = job};
    int rc = ledger_view_begin(ledger, err);
    if (rc == 0)
        rc = read_job(new, err);
    if (rc < 0)
        job_listing_close(new);
    else
        *listing = new;
    return rc;
}

int job_listing_sum(struct job_listing *listing, struct wt_error *err)
{
    listing->recurrence_count = listing->gpu_count = 0;
    int rc = ledger_each_recurrence(listing->ledger, listing->job, take_recurrence, listing, err);
    return rc ? rc : ledger_each_gpu(listing->ledger, listing->job, take_gpu, listing, err);
}

int job_listing_each(struct job_listing *listing, const struct ledger_trials *which,
                     ledger_run_taker *take, void *ctx, struct wt_error *err)
{
    return ledger_each_trial(listing->ledger, listing->job, which, take, ctx, err);
}

struct job_listing *job_listing_close(struct job_listing *listing)
{
    if (!listing)
        return NULL;
    ledger_view_end(listing->ledger);
    free(listing->last);
    free(listing->profiled);
    free(listing->recurrences);
    free(listing->gpus);
    free(listing->beliefs);
    free(listing);
    return NULL;
}
