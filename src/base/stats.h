/* SPDX-License-Identifier: Apache-2.0
 *
 * Small statistics: a running mean and variance (Welford), and the 95 % half-width of a mean.
 */
#ifndef WATTUNE_BASE_STATS_H
#define WATTUNE_BASE_STATS_H

struct stats {
    unsigned long count;
    double mean, m2; /* m2: sum of squared distances from the mean */
};

void stats_add(struct stats *stats, double value);

/* Of a sample (n-1); NaN below two values. */
double stats_sd(const struct stats *stats);

/* Half the width of the 95 % interval of the mean (Student's t); NaN below two values. */
double stats_mean_error(const struct stats *stats);

/* Two-sided 95 % quantile of Student's t; NaN for 0 degrees of freedom. */
double stats_t95(unsigned long df);

#endif
