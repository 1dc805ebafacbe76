/* SPDX-License-Identifier: Apache-2.0
 *
 * Units that stand beside SI, and sums of numbers when some are unknown (NaN).
 */
#ifndef WATTUNE_BASE_UNITS_H
#define WATTUNE_BASE_UNITS_H

/* Joules in a kilowatt-hour. */
#define J_PER_KWH 3.6e6

/* The sum of two numbers as far as they are known; NaN when neither is. */
double sum_known(double a, double b);

/* Adds `value` to a running sum when it is known; the sum begins as NaN. */
void add_known(double *sum, double value);

#endif
