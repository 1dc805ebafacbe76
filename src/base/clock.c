/* SPDX-License-Identifier: Apache-2.0
 *
 * Time: the clock in use, and its rate against CLOCK_MONOTONIC. The rate is measured, since a
 * virtual machine only tells its time: first over a millisecond, then over the whole time since.
 */
#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

typedef int64_t (*clock_function)(void);
/* Atomic: the library may set it, once, while other threads read the clock. */
static _Atomic(clock_function) source;

static int64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_now_ns(void)
{
    clock_function now_ns = source;
    return now_ns ? now_ns() : clock_monotonic_ns();
}

int64_t clock_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / NS_PER_MS;
}

static void sleep_monotonic_ns(int64_t length_ns)
{
    if (length_ns <= 0)
        return;
    struct timespec left = {.tv_sec = length_ns / NS_PER_S, .tv_nsec = length_ns % NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        ;
}

/* Both clocks at one moment, known to half of `apart_ns`. */
struct both {
    int64_t monotonic_ns, clock_ns, apart_ns;
};
static struct both first; /* as the clock came into use */

/* Tried again when the host took the processor from us in between: an owner may take its rate from
 * one such pair for good. */
static struct both read_both(clock_function now_ns)
{
    static const int64_t NEAR_NS = 2000;
    struct both best = {.apart_ns = INT64_MAX};
    for (unsigned tries = 0; tries < 10 && best.apart_ns > NEAR_NS; tries++) {
        int64_t before_ns = clock_monotonic_ns(), clock_ns = now_ns(),
                apart_ns = clock_monotonic_ns() - before_ns;
        if (apart_ns < best.apart_ns)
            best = (struct both){before_ns + apart_ns / 2, clock_ns, apart_ns};
    }
    return best;
}

/* True when it reads between two reads of CLOCK_MONOTONIC: it is that clock by another name. */
static bool is_monotonic(clock_function now_ns)
{
    for (unsigned tries = 0; tries < 3; tries++) {
        int64_t before_ns = clock_monotonic_ns(), read_ns = now_ns(),
                after_ns = clock_monotonic_ns();
        if (before_ns <= read_ns && read_ns <= after_ns)
            return true;
    }
    return false;
}

void clock_use(int64_t (*now_ns)(void))
{
    if (now_ns) {
        first = read_both(now_ns);
        sleep_monotonic_ns(NS_PER_MS); /* a clock of another rate is apart after this */
    }
    source = now_ns && !is_monotonic(now_ns) ? now_ns : NULL; /* the kernel's own is read faster */
}

double clock_scale(void)
{
    clock_function now_ns = source;
    if (!now_ns)
        return 1;
    struct both now = read_both(now_ns);
    double passed_ns = (double)(now.monotonic_ns - first.monotonic_ns);
    double scale = (double)(now.clock_ns - first.clock_ns) / fmax(passed_ns, 1);
    /* A rate as close to a whole number as the two moments are known is that number. */
    double whole = round(scale),
           known = 1e-4 + (double)(first.apart_ns + now.apart_ns) / fmax(passed_ns, 1);
    return whole >= 1 && fabs(scale - whole) < whole * known ? whole : scale;
}

int64_t clock_from_monotonic_ns(int64_t monotonic_ns)
{
    if (!source)
        return monotonic_ns;
    double ago_ns = (double)(clock_monotonic_ns() - monotonic_ns);
    return clock_now_ns() - (int64_t)(ago_ns * clock_scale());
}

void clock_sleep_ns(int64_t length_ns)
{
    sleep_monotonic_ns((int64_t)((double)length_ns / clock_scale()));
}

char *clock_format_wall(int64_t wall_ms, char text[32])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    int ms = (int)(wall_ms % 1000);
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) || utc.tm_year < -1900 || utc.tm_year > 8099) {
        snprintf(text, 32, "unknown");
        return text;
    }
    snprintf(text, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             ((unsigned)utc.tm_year + 1900u) % 10000u, (unsigned)(utc.tm_mon + 1) % 100u,
             (unsigned)utc.tm_mday % 100u, (unsigned)utc.tm_hour % 100u,
             (unsigned)utc.tm_min % 100u, (unsigned)utc.tm_sec % 100u, (unsigned)ms % 1000u);
    return text;
}
