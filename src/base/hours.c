/* SPDX-License-Identifier: Apache-2.0
 *
 * Hours of the wall clock.  Division rounds towards zero in C, hours round down.
 */
#include "base/hours.h"

#include <math.h>

static int64_t floor_of(int64_t value, int64_t unit)
{
    return value / unit - (value % unit < 0);
}

int64_t hours_of_ms(int64_t wall_ms)
{
    return floor_of(wall_ms, MS_PER_HOUR);
}

int64_t hours_of_s(int64_t unix_s)
{
    return floor_of(unix_s, S_PER_HOUR);
}

int64_t hours_from_ms(int64_t wall_ms)
{
    return wall_ms / MS_PER_HOUR + (wall_ms % MS_PER_HOUR > 0);
}

/* An hour that no clock has, as a damaged ledger may hold it, begins at the end of time. */
static int64_t begin(int64_t hour, int64_t units_per_hour)
{
    int64_t at;
    if (__builtin_mul_overflow(hour, units_per_hour, &at))
        return hour < 0 ? INT64_MIN : INT64_MAX;
    return at;
}

int64_t hours_begin_ms(int64_t hour)
{
    return begin(hour, MS_PER_HOUR);
}

int64_t hours_begin_s(int64_t hour)
{
    return begin(hour, S_PER_HOUR);
}

int64_t hours_floor_s(int64_t unix_s)
{
    return hours_begin_s(hours_of_s(unix_s));
}

int64_t hours_day(int64_t hour)
{
    return floor_of(hour, HOURS_PER_DAY);
}

double hours_overlap_s(int64_t hour, double begin_s, double length_s)
{
    double from_s = (double)hour * (double)S_PER_HOUR, to_s = from_s + (double)S_PER_HOUR;
    return fmax(0, fmin(begin_s + length_s, to_s) - fmax(begin_s, from_s));
}

bool hours_next(struct hours_split *split)
{
    if (split->at_ms >= split->end_ms)
        return false;
    split->hour = hours_of_ms(split->at_ms);
    int64_t hour_end_ms = hours_begin_ms(split->hour + 1);
    split->from_ms = split->at_ms;
    split->to_ms = hour_end_ms < split->end_ms ? hour_end_ms : split->end_ms;
    split->at_ms = split->to_ms;
    return true;
}
