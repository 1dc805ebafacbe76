/* SPDX-License-Identifier: Apache-2.0
 *
 * Time.  Everything inside counts nanoseconds of one clock: CLOCK_MONOTONIC, or the clock of a
 * virtual machine that runs faster (its time_scale), in which case every length that is measured is
 * in the machine's time.
 */
#ifndef WATTUNE_BASE_CLOCK_H
#define WATTUNE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

int64_t clock_now_ns(void);

/* Takes `now_ns` as the clock from here on; NULL goes back to CLOCK_MONOTONIC.  Threads that run
 * meanwhile see one clock or the other; lengths are only sound within one, so a program calls this
 * before it has any. */
void clock_use(int64_t (*now_ns)(void));

/* How many seconds of the clock pass in one second of CLOCK_MONOTONIC; 1 without a virtual machine.
 */
double clock_scale(void);

/* The clock's reading at a past moment of CLOCK_MONOTONIC: other processes stamp with that. */
int64_t clock_from_monotonic_ns(int64_t monotonic_ns);

/* CLOCK_MONOTONIC, regardless of clock_use(): for talking to the kernel and to other processes. */
int64_t clock_monotonic_ns(void);

/* Wall clock in milliseconds since 1970, UTC. */
int64_t clock_wall_ms(void);

/* Sleeps for a length of the clock (shorter in real time when the scale is above 1). */
void clock_sleep_ns(int64_t length_ns);

/* Writes RFC 3339 UTC with milliseconds ("2025-03-01T12:00:00.000Z", 24 bytes and a 0); returns
 * `text`. */
char *clock_format_wall(int64_t wall_ms, char text[32]);

#endif
