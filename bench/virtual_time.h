/* SPDX-License-Identifier: Apache-2.0
 *
 * Time that passes only when every thread of a program sleeps.  Code that calls the clock and
 * sleeps through libc (ours, the virtual GPU's library) runs unchanged, hours pass in seconds, and
 * the same seed gives the same run on any machine, however busy.  Threads, ours and the libraries',
 * take turns: one runs at a time, and none may be joined.  Sleepers wake late and calls take time,
 * as on a real host, by chance of the seed.
 */
#ifndef BENCH_VIRTUAL_TIME_H
#define BENCH_VIRTUAL_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* From here on this process lives in virtual time.  Call it once, before there are other threads.
 */
void virtual_time_start(uint64_t seed);

/* While held, reading the clock takes no time: several readings are of one moment. */
void virtual_time_hold(bool held);

void virtual_time_sleep_until(int64_t t_ns);

/* Uniform in 0..1, of a state of the caller's. */
double virtual_time_random(uint64_t *state);

#endif
