/* SPDX-License-Identifier: Apache-2.0
 *
 * Many seeds on all cores, and their mean and deviation.
 */
#include "sim/simulate.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/stats.h"

enum { THREADS_MOST = 64 };

struct work {
    const struct sim *sim;
    uint64_t first;
    unsigned count;
    struct wt_simulation *results;
    struct wt_choices *choices;
    atomic_uint next;     /* the first seed that nobody took, counted from 0 */
    pthread_mutex_t lock; /* of the sums below, and of choices */
    unsigned failed;      /* the first seed that failed, counted from 0; `count` when none did */
    int rc;
    struct wt_error err;
};

static void fail(struct work *work, unsigned i, int rc, const struct wt_error *err)
{
    pthread_mutex_lock(&work->lock);
    if (i < work->failed) {
        work->failed = i;
        work->rc = rc;
        work->err = *err;
    }
    pthread_mutex_unlock(&work->lock);
}

static void add_choices(struct work *work, const struct wt_choices *own)
{
    pthread_mutex_lock(&work->lock);
    for (unsigned i = 0; i < WT_MAX_BINS; i++)
        for (unsigned k = 0; k < WT_MAX_BATCH_SIZES; k++)
            work->choices->counts[i][k] += own->counts[i][k];
    pthread_mutex_unlock(&work->lock);
}

static void *run_some(void *opaque)
{
    struct work *work = opaque;
    struct wt_error err = {0};
    struct wt_choices *own = work->choices ? calloc(1, sizeof *own) : NULL;
    if (work->choices && !own)
        fail(work, 0, error_set(&err, WT_E_NO_MEMORY, "out of memory"), &err);
    for (unsigned i; (i = atomic_fetch_add(&work->next, 1)) < work->count;) {
        int rc = sim_run(work->sim, work->first + i, NULL, own, &work->results[i], &err);
        if (rc)
            fail(work, i, rc, &err);
    }
    if (own)
        add_choices(work, own);
    free(own);
    return NULL;
}

/* How many cores we may run on. */
static unsigned cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    return count < 1 ? 1 : count > THREADS_MOST ? THREADS_MOST : (unsigned)count;
}

int sim_run_seeds(const struct sim *sim, uint64_t first, unsigned count,
                  struct wt_simulation results[], struct wt_choices *choices, struct wt_error *err)
{
    struct work work = {.sim = sim,
                        .first = first,
                        .count = count,
                        .results = results,
                        .choices = choices,
                        .failed = count};
    pthread_t threads[THREADS_MOST];
    unsigned wanted = cores(), started = 0;
    pthread_mutex_init(&work.lock, NULL);
    /* This thread works too; without threads it does all of it. */
    while (started + 1 < wanted && started + 1 < count &&
           !pthread_create(&threads[started], NULL, run_some, &work))
        started++;
    run_some(&work);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&work.lock);
    return work.failed < count ? error_set(err, work.rc, "seed %llu: %s",
                                           (unsigned long long)(first + work.failed), work.err.text)
                               : 0;
}

void sim_summary(const struct wt_simulation results[], unsigned count, struct wt_simulation *mean,
                 struct wt_simulation *sd)
{
    *mean = *sd = (struct wt_simulation){0};
#define SUMMARY(field)                                                                             \
    do {                                                                                           \
        struct stats stats = {0};                                                                  \
        for (unsigned i = 0; i < count; i++)                                                       \
            stats_add(&stats, results[i].field);                                                   \
        mean->field = stats.mean;                                                                  \
        sd->field = stats_sd(&stats);                                                              \
    } while (0)
    SUMMARY(energy_j);
    SUMMARY(time_s);
    SUMMARY(cost_j);
    SUMMARY(regret_j);
    SUMMARY(last5_energy_j);
    SUMMARY(last5_time_s);
    SUMMARY(last5_energy_fraction);
    SUMMARY(last5_time_fraction);
#undef SUMMARY
}
