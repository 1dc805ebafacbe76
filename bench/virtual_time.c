/* SPDX-License-Identifier: Apache-2.0
 *
 * Virtual time: takes the places of libc's clock and sleeps in this program and in the libraries
 * that it opens.
 */
#include "virtual_time.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TAKES_THE_PLACE __attribute__((visibility("default")))

enum { MOST_THREADS = 16 };

static struct {
    bool on, held;
    pthread_mutex_t lock;
    int64_t now_ns;
    uint64_t random;
    unsigned count, running;
    struct {
        pthread_cond_t turn;
        int64_t wake_ns;
    } threads[MOST_THREADS];
} time_of = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local unsigned own;

double virtual_time_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 0x1p53;
}

/* A timer's slack; now and then another process had the core. */
static int64_t lateness_ns(void)
{
    double kind = virtual_time_random(&time_of.random), how = virtual_time_random(&time_of.random);
    return (int64_t)(how * (kind < 0.002 ? 2e7 : kind < 0.02 ? 3e6 : 8e4));
}

/* Called with the lock: gives the turn to whoever is to wake first, and comes back when it is ours.
 */
static void sleep_locked(int64_t t_ns)
{
    time_of.threads[own].wake_ns = t_ns;
    unsigned first = 0;
    for (unsigned i = 1; i < time_of.count; i++)
        if (time_of.threads[i].wake_ns < time_of.threads[first].wake_ns)
            first = i;
    time_of.running = first;
    if (first != own)
        pthread_cond_signal(&time_of.threads[first].turn);
    while (time_of.running != own)
        pthread_cond_wait(&time_of.threads[own].turn, &time_of.lock);
    if (time_of.threads[own].wake_ns > time_of.now_ns)
        time_of.now_ns = time_of.threads[own].wake_ns;
    time_of.threads[own].wake_ns = INT64_MAX; /* awake: nobody gives it the turn */
}

void virtual_time_sleep_until(int64_t t_ns)
{
    pthread_mutex_lock(&time_of.lock);
    sleep_locked(t_ns);
    pthread_mutex_unlock(&time_of.lock);
}

void virtual_time_start(uint64_t seed)
{
    time_of.random = seed * 2 + 1;
    time_of.now_ns = 1000000000000; /* some quarter of an hour after boot */
    time_of.count = 1;
    pthread_cond_init(&time_of.threads[0].turn, NULL);
    time_of.on = true;
}

void virtual_time_hold(bool held)
{
    time_of.held = held;
}

/* Threads that libraries start take part like our own. */
struct start {
    void *(*function)(void *);
    void *arg;
    unsigned index;
};

static void *begin_thread(void *opaque)
{
    struct start start = *(struct start *)opaque;
    free(opaque);
    own = start.index;
    pthread_mutex_lock(&time_of.lock);
    while (time_of.running != own)
        pthread_cond_wait(&time_of.threads[own].turn, &time_of.lock);
    time_of.threads[own].wake_ns = INT64_MAX;
    pthread_mutex_unlock(&time_of.lock);
    void *result = start.function(start.arg);
    virtual_time_sleep_until(INT64_MAX);
    return result;
}

/* --- In libc's place --- */

static void *next(const char *name)
{
    void *address = dlsym(RTLD_NEXT, name);
    if (!address)
        abort();
    return address;
}

static int64_t ns_of(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

TAKES_THE_PLACE int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                                   void *(*function)(void *), void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real) {
        void *address = next("pthread_create");
        memcpy(&real, &address, sizeof real);
    }
    if (!time_of.on)
        return real(thread, attr, function, arg);
    struct start *start = malloc(sizeof *start);
    if (!start || time_of.count == MOST_THREADS)
        abort();
    pthread_mutex_lock(&time_of.lock);
    *start = (struct start){function, arg, time_of.count};
    pthread_cond_init(&time_of.threads[time_of.count].turn, NULL);
    time_of.threads[time_of.count++].wake_ns = time_of.now_ns;
    pthread_mutex_unlock(&time_of.lock);
    return real(thread, attr, begin_thread, start);
}

TAKES_THE_PLACE int clock_gettime(clockid_t id, struct timespec *t)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!time_of.on || (id != CLOCK_MONOTONIC && id != CLOCK_REALTIME && id != CLOCK_BOOTTIME)) {
        if (!real) {
            void *address = next("clock_gettime");
            memcpy(&real, &address, sizeof real);
        }
        return real(id, t);
    }
    pthread_mutex_lock(&time_of.lock);
    if (!time_of.held)
        time_of.now_ns += 100 + (int64_t)(900 * virtual_time_random(&time_of.random));
    int64_t now_ns = time_of.now_ns + (id == CLOCK_REALTIME ? 1700000000000000000 : 0);
    pthread_mutex_unlock(&time_of.lock);
    *t = (struct timespec){.tv_sec = now_ns / 1000000000, .tv_nsec = now_ns % 1000000000};
    return 0;
}

static void sleep_late(int64_t t_ns)
{
    pthread_mutex_lock(&time_of.lock);
    sleep_locked(t_ns + lateness_ns());
    pthread_mutex_unlock(&time_of.lock);
}

TAKES_THE_PLACE int clock_nanosleep(clockid_t id, int flags, const struct timespec *t,
                                    struct timespec *left)
{
    static int (*real)(clockid_t, int, const struct timespec *, struct timespec *);
    if (time_of.on) {
        sleep_late(flags & TIMER_ABSTIME ? ns_of(t) : time_of.now_ns + ns_of(t));
        return 0;
    }
    if (!real) {
        void *address = next("clock_nanosleep");
        memcpy(&real, &address, sizeof real);
    }
    return real(id, flags, t, left);
}

TAKES_THE_PLACE int nanosleep(const struct timespec *t, struct timespec *left)
{
    int error = clock_nanosleep(CLOCK_MONOTONIC, 0, t, left);
    errno = error ? error : errno;
    return error ? -1 : 0;
}

/* A piece of work waits for its end on a futex.  Nobody wakes it earlier here: one program, and no
 * limit is changed. */
TAKES_THE_PLACE long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long a[6];
    va_list args;
    va_start(args, number);
    for (unsigned i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (time_of.on && number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET) {
        const uint32_t *word;
        const struct timespec *until;
        memcpy(&word, &a[0], sizeof word);
        memcpy(&until, &a[3], sizeof until);
        if (*word == (uint32_t)a[2])
            sleep_late(ns_of(until));
        return 0;
    }
    if (!real) {
        void *address = next("syscall");
        memcpy(&real, &address, sizeof real);
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
