/* SPDX-License-Identifier: Apache-2.0
 *
 * Small statistics.
 */
#include "base/stats.h"

#include <math.h>

void stats_add(struct stats *stats, double value)
{
    stats->count++;
    double distance = value - stats->mean;
    stats->mean += distance / (double)stats->count;
    stats->m2 += distance * (value - stats->mean);
}

double stats_sd(const struct stats *stats)
{
    return stats->count < 2 ? NAN : sqrt(stats->m2 / (double)(stats->count - 1));
}

double stats_t95(unsigned long df)
{
    /* Beyond the table 1.96 + 2.4/df is within 0.5 %. */
    static const double t[] = {NAN,   12.706, 4.303, 3.182, 2.776, 2.571,
                               2.447, 2.365,  2.306, 2.262, 2.228};
    return df < sizeof t / sizeof t[0] ? t[df] : 1.96 + 2.4 / (double)df;
}

double stats_mean_error(const struct stats *stats)
{
    return stats->count < 2
               ? NAN
               : stats_t95(stats->count - 1) * stats_sd(stats) / sqrt((double)stats->count);
}
