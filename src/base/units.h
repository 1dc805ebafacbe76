/* SPDX-License-Identifier: Apache-2.0
 *
 * Units that stand beside SI, and sums of numbers when some are unknown (NaN).
 */
#ifndef WATTUNE_BASE_UNITS_H
#define WATTUNE_BASE_UNITS_H

#include <math.h>

/* Joules in a kilowatt-hour. */
#define J_PER_KWH 3.6e6

/* Sums of numbers, some of them unknown.  Inline: a report over a million runs calls them fifteen
 * times a run. */

/* The sum of two numbers as far as they are known; NaN when neither is. */
static inline double sum_known(double a, double b)
{
    return isfinite(a) && isfinite(b) ? a + b : isfinite(a) ? a : b;
}

/* Adds `value` to a running sum when it is known; the sum begins as NaN. */
static inline void add_known(double *sum, double value)
{
    if (isfinite(value))
        *sum = isfinite(*sum) ? *sum + value : value;
}

#endif
