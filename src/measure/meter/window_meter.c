/* SPDX-License-Identifier: Apache-2.0
 *
 * The window meter: tracks, a table of open windows, and a thread for the tracks that are followed.
 *
 * Calls of the driver hold no lock.  A fork waits until no other thread holds one of ours, so that
 * the child finds them free and table and tracks whole.  When there is a thread, the child goes
 * without the tracks: it has no thread that could follow them.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "measure/meter/meter.h"
#include "measure/meter/window_table.h"

/* In real time the thread never sleeps for less, however fast a machine's clock runs; nor for more,
 * so that it ends soon. */
static const int64_t REAL_LEAST_NS = 2 * NS_PER_MS, REAL_MOST_NS = 200 * NS_PER_MS;

struct window_meter {
    struct window_meter *next; /* of all that there are */
    struct sense *sense;
    pthread_mutex_t table_lock;
    struct window_table *table;
    bool has_locks, has_thread;
    pid_t owner; /* the process that has the thread */
    pthread_t thread;
    atomic_bool ended;
    pthread_mutex_t track_lock;
    unsigned count;
    struct track tracks[];
};

/* --- Forks --- */

static pthread_mutex_t meters_lock = PTHREAD_MUTEX_INITIALIZER;
static struct window_meter *meters;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    pthread_mutex_lock(&meters_lock);
    for (struct window_meter *m = meters; m; m = m->next) {
        pthread_mutex_lock(&m->table_lock);
        pthread_mutex_lock(&m->track_lock);
    }
}

static void after_fork(void)
{
    for (struct window_meter *m = meters; m; m = m->next) {
        pthread_mutex_unlock(&m->track_lock);
        pthread_mutex_unlock(&m->table_lock);
    }
    pthread_mutex_unlock(&meters_lock);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork);
}

static void enlist(struct window_meter *meter)
{
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&meters_lock);
    meter->next = meters;
    meters = meter;
    pthread_mutex_unlock(&meters_lock);
}

static void strike_off(struct window_meter *meter)
{
    pthread_mutex_lock(&meters_lock);
    for (struct window_meter **at = &meters; *at; at = &(*at)->next)
        if (*at == meter) {
            *at = meter->next;
            break;
        }
    pthread_mutex_unlock(&meters_lock);
}

/* --- The thread --- */

static bool is_due(struct window_meter *meter, const struct track *track)
{
    pthread_mutex_lock(&meter->track_lock);
    bool due = track_is_due(track);
    pthread_mutex_unlock(&meter->track_lock);
    return due;
}

static int64_t wake_ns(struct window_meter *meter)
{
    int64_t next_ns = INT64_MAX;
    pthread_mutex_lock(&meter->track_lock);
    for (unsigned i = 0; i < meter->count; i++) {
        int64_t at_ns = track_wake_ns(&meter->tracks[i]);
        next_ns = at_ns < next_ns ? at_ns : next_ns;
    }
    pthread_mutex_unlock(&meter->track_lock);
    return next_ns;
}

static void *follow_tracks(void *opaque)
{
    struct window_meter *meter = opaque;
    while (!meter->ended) {
        for (unsigned i = 0; i < meter->count && !meter->ended; i++) {
            struct track *track = &meter->tracks[i];
            struct reading reading;
            if (!is_due(meter, track))
                continue;
            reading_take(meter->sense, track, &reading, NULL);
            pthread_mutex_lock(&meter->track_lock);
            track_add(track, &reading);
            pthread_mutex_unlock(&meter->track_lock);
        }
        double scale = clock_scale();
        int64_t least_ns = (int64_t)((double)REAL_LEAST_NS * scale),
                most_ns = (int64_t)((double)REAL_MOST_NS * scale);
        int64_t rest_ns = wake_ns(meter) - clock_now_ns();
        clock_sleep_ns(rest_ns < least_ns ? least_ns : rest_ns > most_ns ? most_ns : rest_ns);
    }
    return NULL;
}

/* The program's signals are its own threads' affair. */
static int start(struct window_meter *meter)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    meter->owner = getpid();
    meter->has_thread = pthread_create(&meter->thread, NULL, follow_tracks, meter) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return meter->has_thread ? 0 : WT_E_NO_MEMORY;
}

/* --- Constructor and destructor --- */

static int make_locks(struct window_meter *meter)
{
    if (pthread_mutex_init(&meter->table_lock, NULL))
        return WT_E_NO_MEMORY;
    if (pthread_mutex_init(&meter->track_lock, NULL)) {
        pthread_mutex_destroy(&meter->table_lock);
        return WT_E_NO_MEMORY;
    }
    meter->has_locks = true;
    enlist(meter);
    return 0;
}

int window_meter_new(struct sense *sense, const unsigned devices[], unsigned count, bool follow,
                     struct window_meter **out, struct wt_error *err)
{
    struct window_meter *meter = calloc(1, sizeof *meter + count * sizeof meter->tracks[0]);
    if (!meter)
        return error_set(err, WT_E_NO_MEMORY, "make a meter of windows: out of memory");
    meter->sense = sense;
    bool is_followed = false;
    int rc = window_table_new(count, &meter->table, err);
    if (rc == 0)
        rc = make_locks(meter);
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        const struct wt_device *device = sense_device(sense, devices[i]);
        meter->count++;
        rc = track_init(&meter->tracks[i], device, devices[i], follow && !track_is_fine(device));
        is_followed |= track_is_followed(&meter->tracks[i]);
    }
    if (rc == 0 && is_followed)
        rc = start(meter);
    if (rc) {
        window_meter_free(meter);
        return rc == WT_E_INVALID ? rc
                                  : error_set(err, rc, "make a meter of windows: out of memory");
    }
    *out = meter;
    return 0;
}

/* A child forked from the process that has the thread. */
static bool is_orphan(const struct window_meter *meter)
{
    return meter->has_thread && meter->owner != getpid();
}

struct window_meter *window_meter_free(struct window_meter *meter)
{
    if (!meter)
        return NULL;
    bool orphan = is_orphan(meter);
    if (meter->has_thread && !orphan) {
        meter->ended = true;
        pthread_join(meter->thread, NULL);
    }
    if (meter->has_locks) {
        strike_off(meter);
        pthread_mutex_destroy(&meter->track_lock);
        pthread_mutex_destroy(&meter->table_lock);
    }
    for (unsigned i = 0; i < meter->count; i++)
        track_drop(&meter->tracks[i]);
    window_table_free(meter->table);
    free(meter);
    return NULL;
}

/* --- Windows --- */

static void read_all(struct window_meter *meter, unsigned count, struct reading readings[])
{
    for (unsigned i = 0; i < count; i++)
        reading_take(meter->sense, &meter->tracks[i], &readings[i], NULL);
}

/* The moment of a process without the thread: the read of a counter, and nothing of a track but its
 * base, which is that of the fork. */
static struct moment orphan_moment(const struct track *track, const struct reading *reading)
{
    struct moment moment = {.read = {.t_ns = reading->end_ns, .source = WT_SOURCE_NONE}};
    if (reading->rc == 0 && !track->integrate) {
        moment.read = reading->sample;
        moment.read.energy_mj += track->base_mj;
    }
    return moment;
}

int window_meter_begin(struct window_meter *meter, const char *name, struct wt_error *err)
{
    struct reading readings[WT_MAX_DEVICES];
    struct moment begin[WT_MAX_DEVICES];
    const unsigned count = meter->count;
    bool orphan = is_orphan(meter);
    read_all(meter, count, readings);
    if (!orphan)
        pthread_mutex_lock(&meter->track_lock);
    int64_t now_ns = clock_now_ns();
    for (unsigned i = 0; i < count; i++)
        if (orphan)
            begin[i] = orphan_moment(&meter->tracks[i], &readings[i]);
        else
            track_begin(&meter->tracks[i], &readings[i], now_ns, &begin[i]);
    if (!orphan)
        pthread_mutex_unlock(&meter->track_lock);
    pthread_mutex_lock(&meter->table_lock);
    int rc = window_table_open(meter->table, name, begin, err);
    pthread_mutex_unlock(&meter->table_lock);
    return rc;
}

static void measure(struct window_meter *meter, const struct reading readings[], int64_t asked_ns,
                    const struct moment begin[], struct wt_measurement measurements[])
{
    pthread_mutex_lock(&meter->track_lock);
    for (unsigned i = 0; i < meter->count; i++) {
        struct track *track = &meter->tracks[i];
        struct moment end;
        track_end(track, &readings[i], &begin[i], track->integrate ? asked_ns : 0, &end);
        measurements[i] = track_window(track, &begin[i], &end);
    }
    pthread_mutex_unlock(&meter->track_lock);
}

int window_meter_end(struct window_meter *meter, const char *name,
                     struct wt_measurement measurements[], struct wt_error *err)
{
    struct reading readings[WT_MAX_DEVICES];
    struct moment begin[WT_MAX_DEVICES];
    const unsigned count = meter->count;
    int64_t asked_ns = clock_now_ns();
    read_all(meter, count, readings);
    pthread_mutex_lock(&meter->table_lock);
    int rc = window_table_close(meter->table, name, begin, err);
    pthread_mutex_unlock(&meter->table_lock);
    if (rc)
        return rc;
    if (!is_orphan(meter)) {
        measure(meter, readings, asked_ns, begin, measurements);
        return 0;
    }
    for (unsigned i = 0; i < count; i++) {
        struct moment end = orphan_moment(&meter->tracks[i], &readings[i]);
        measurements[i] =
            samples_between(&begin[i].read, &end.read, meter->tracks[i].device.most_mw);
    }
    return 0;
}
