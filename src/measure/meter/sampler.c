/* SPDX-License-Identifier: Apache-2.0
 *
 * The sampler: a thread, a ring of readings a device, and the marks at which open windows began.
 * The lock is held for bookkeeping only, never over a call of the driver.  After a fork the child
 * has no thread, and the lock may be held by it for ever: the child touches neither.
 */
#include "measure/meter/sampler.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "measure/meter/integrate.h"
#include "measure/meter/window.h"

/* As often as while slices are profiled; in real time never under 2 ms, however fast a machine's
 * clock runs. */
static const int64_t GAP_NS = 25 * NS_PER_MS, REAL_LEAST_NS = 2 * NS_PER_MS;

struct sampled {
    unsigned place;    /* among the monitor's devices */
    unsigned position; /* in `sense` */
    struct integrate integrate;
};

struct begun {
    bool open;
    char name[METER_NAME_LEN];
    int64_t t_ns;
    struct integrate_mark
        *marks; /* one a sampled device, as seen then: for windows that outlast the ring */
    bool *known;
};

struct sampler {
    struct sense *sense;
    pid_t owner;
    pthread_t thread;
    atomic_bool ended;
    pthread_mutex_t lock; /* of what follows */
    unsigned window_count;
    struct begun *windows;
    unsigned count;
    struct sampled devices[];
};

static void read_power(struct sampler *sampler, struct sampled *d)
{
    struct wt_state state;
    int64_t begin_ns = clock_now_ns();
    if (sense_state(sampler->sense, d->position, WT_STATE_POWER, &state, NULL) ||
        !(state.known & WT_STATE_POWER))
        return; /* a hole in the readings, which the bound shows */
    int64_t end_ns = clock_now_ns();
    pthread_mutex_lock(&sampler->lock);
    integrate_add(&d->integrate, begin_ns, end_ns, state.power_mw);
    pthread_mutex_unlock(&sampler->lock);
}

static int64_t next_read_ns(struct sampler *sampler, const struct sampled *d)
{
    pthread_mutex_lock(&sampler->lock);
    int64_t next_ns = integrate_next_read_ns(&d->integrate, d->integrate.read_ns + 1);
    pthread_mutex_unlock(&sampler->lock);
    return next_ns;
}

static void *sample(void *opaque)
{
    struct sampler *sampler = opaque;
    while (!sampler->ended) {
        int64_t now_ns = clock_now_ns(), next_ns = INT64_MAX;
        for (unsigned i = 0; i < sampler->count && !sampler->ended; i++) {
            struct sampled *d = &sampler->devices[i];
            if (next_read_ns(sampler, d) <= now_ns)
                read_power(sampler, d);
            int64_t at_ns = next_read_ns(sampler, d);
            next_ns = at_ns < next_ns ? at_ns : next_ns;
        }
        now_ns = clock_now_ns();
        int64_t least_ns = (int64_t)((double)REAL_LEAST_NS * clock_scale());
        clock_sleep_ns(next_ns - now_ns > least_ns ? next_ns - now_ns : least_ns);
    }
    return NULL;
}

/* The program's signals are its own threads' affair. */
static int start(struct sampler *sampler)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&sampler->thread, NULL, sample, sampler);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? WT_E_NO_MEMORY : 0;
}

int sampler_new(struct sense *sense, const unsigned devices[], unsigned count, struct sampler **out)
{
    unsigned integrates = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct wt_device *device = sense_device(sense, devices[i]);
        integrates += !device->has_energy_counter && device->power_tick_ns > 0;
    }
    *out = NULL;
    if (!integrates)
        return 0;
    struct sampler *sampler = calloc(1, sizeof *sampler + integrates * sizeof sampler->devices[0]);
    if (!sampler)
        return WT_E_NO_MEMORY;
    sampler->sense = sense;
    sampler->owner = getpid();
    for (unsigned i = 0; i < count; i++) {
        const struct wt_device *device = sense_device(sense, devices[i]);
        if (device->has_energy_counter || device->power_tick_ns <= 0)
            continue;
        struct sampled *d = &sampler->devices[sampler->count++];
        d->place = i;
        d->position = devices[i];
        integrate_init(&d->integrate, device->power_tick_ns, device->power_window_ns,
                       device->power_resolution_mw, GAP_NS);
        d->integrate.most_mw = device->most_mw;
    }
    if (pthread_mutex_init(&sampler->lock, NULL)) {
        free(sampler);
        return WT_E_NO_MEMORY;
    }
    int rc = start(sampler);
    if (rc) {
        pthread_mutex_destroy(&sampler->lock);
        free(sampler);
        return rc;
    }
    *out = sampler;
    return 0;
}

struct sampler *sampler_free(struct sampler *sampler)
{
    if (!sampler)
        return NULL;
    if (sampler->owner == getpid()) {
        sampler->ended = true;
        pthread_join(sampler->thread, NULL);
        pthread_mutex_destroy(&sampler->lock);
    }
    for (unsigned i = 0; i < sampler->window_count; i++) {
        free(sampler->windows[i].marks);
        free(sampler->windows[i].known);
    }
    free(sampler->windows);
    free(sampler);
    return NULL;
}

/* --- Windows --- */

/* A closed slot, or a new one; NULL when there is no memory. */
static struct begun *free_slot(struct sampler *sampler)
{
    for (unsigned i = 0; i < sampler->window_count; i++)
        if (!sampler->windows[i].open)
            return &sampler->windows[i];
    struct begun *windows =
        realloc(sampler->windows, (sampler->window_count + 1) * sizeof *windows);
    if (!windows)
        return NULL;
    sampler->windows = windows;
    struct begun fresh = {.marks = calloc(sampler->count, sizeof *fresh.marks),
                          .known = calloc(sampler->count, sizeof *fresh.known)};
    if (!fresh.marks || !fresh.known) {
        free(fresh.marks);
        free(fresh.known);
        return NULL;
    }
    windows[sampler->window_count] = fresh;
    return &windows[sampler->window_count++];
}

void sampler_begin(struct sampler *sampler, const char *name)
{
    if (!sampler || sampler->owner != getpid())
        return;
    for (unsigned i = 0; i < sampler->count; i++)
        read_power(sampler, &sampler->devices[i]);
    pthread_mutex_lock(&sampler->lock);
    struct begun *window = free_slot(sampler);
    if (window) {
        window->open = true;
        window->t_ns = clock_now_ns();
        memcpy(window->name, name, strlen(name) + 1);
        for (unsigned i = 0; i < sampler->count; i++)
            window->known[i] =
                integrate_at(&sampler->devices[i].integrate, window->t_ns, &window->marks[i]) == 0;
    }
    pthread_mutex_unlock(&sampler->lock);
}

/* The begin is looked up again, now that there are readings behind it, unless the ring has
 * forgotten it. */
static bool measure(const struct sampled *d, const struct begun *window, unsigned i, int64_t end_ns,
                    struct wt_measurement *m)
{
    struct integrate_mark begin = window->marks[i], end;
    bool known = integrate_at(&d->integrate, window->t_ns, &begin) == 0 || window->known[i];
    if (!known || integrate_at(&d->integrate, end_ns, &end) || end.gap)
        return false;
    *m = integrate_between(&d->integrate, &begin, &end);
    return true;
}

void sampler_end(struct sampler *sampler, const char *name, struct wt_measurement measurements[])
{
    if (!sampler || sampler->owner != getpid())
        return;
    int64_t end_ns = clock_now_ns();
    for (unsigned i = 0; i < sampler->count; i++)
        read_power(sampler, &sampler->devices[i]);
    pthread_mutex_lock(&sampler->lock);
    for (unsigned w = 0; w < sampler->window_count; w++) {
        struct begun *window = &sampler->windows[w];
        if (!window->open || strcmp(window->name, name) != 0)
            continue;
        for (unsigned i = 0; i < sampler->count; i++)
            measure(&sampler->devices[i], window, i, end_ns,
                    &measurements[sampler->devices[i].place]);
        window->open = false;
    }
    pthread_mutex_unlock(&sampler->lock);
}
