/* SPDX-License-Identifier: Apache-2.0
 *
 * Hours of the wall clock, by their number since 1970 (UTC; hours before it are negative).  Grids
 * change by the hour and energy is booked by the hour: this file has all of that arithmetic.
 */
#ifndef WATTUNE_BASE_HOURS_H
#define WATTUNE_BASE_HOURS_H

#include <stdbool.h>
#include <stdint.h>

#define S_PER_HOUR INT64_C(3600)
#define MS_PER_HOUR INT64_C(3600000)
#define HOURS_PER_DAY INT64_C(24)

/* The hour in which a moment lies. */
int64_t hours_of_ms(int64_t wall_ms);
int64_t hours_of_s(int64_t unix_s);

/* The first hour that begins at or after a moment. */
int64_t hours_from_ms(int64_t wall_ms);

/* The moment at which an hour begins; it ends where the next begins. */
int64_t hours_begin_ms(int64_t hour);
int64_t hours_begin_s(int64_t hour);

/* The moment at which the hour of a moment began. */
int64_t hours_floor_s(int64_t unix_s);

/* The day of an hour, by its number since 1970. */
int64_t hours_day(int64_t hour);

/* Seconds of the span of length_s from begin_s on that lie in the hour; 0: none do. */
double hours_overlap_s(int64_t hour, double begin_s, double length_s);

/* A span of the wall clock on its way through the hours: fill at_ms and end_ms, then call
 * hours_next() for each part, [from_ms, to_ms) of `hour`.  False: the span has ended. */
struct hours_split {
    int64_t at_ms, end_ms;
    int64_t hour, from_ms, to_ms;
};
bool hours_next(struct hours_split *split);

#endif
