/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of numbers, some of them unknown.
 */
#include "base/units.h"

#include <math.h>

double sum_known(double a, double b)
{
    return isfinite(a) && isfinite(b) ? a + b : isfinite(a) ? a : b;
}

void add_known(double *sum, double value)
{
    if (isfinite(value))
        *sum = isfinite(*sum) ? *sum + value : value;
}
