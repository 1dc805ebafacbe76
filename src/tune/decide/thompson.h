/* SPDX-License-Identifier: Apache-2.0
 *
 * Gaussian Thompson sampling (Zeus section 4.4): each batch size is an arm with a belief about the
 * cost of a run.  To choose, a cost is drawn from each belief, and the arm with the least one is
 * run: an arm that is dear for certain is left alone, one that is not well known is tried now and
 * then.
 */
#ifndef WATTUNE_TUNE_DECIDE_THOMPSON_H
#define WATTUNE_TUNE_DECIDE_THOMPSON_H

#include <stdbool.h>
#include <stdint.h>

#include "tune/decide/random.h"

enum { ARM_WINDOW_MOST = 64 };

struct arm {
    uint32_t observed; /* costs so far, those outside the window included */
    double mean_j,
        squares; /* of the costs that count; sum of squared distances from the mean, J^2 */
    double recent_j[ARM_WINDOW_MOST]; /* with a window the costs in it, number i at i % window */
};

struct thompson_options {
    unsigned
        window; /* only so many last costs of an arm count, so that drift is followed; 0: all */
    unsigned explorations; /* an arm is run that often before beliefs decide; at least 1 */
    double prior_mean_j, prior_precision; /* of an arm's cost, before a run; precision in 1/J^2,
                                             0: nothing is known */
};

void arm_add(struct arm *arm, const struct thompson_options *options, double cost_j);

/* The mean cost of the arm, and the standard deviation of that belief: 0 when all costs were the
 * same. */
struct belief {
    double mean_j, sd_j;
};
struct belief arm_belief(const struct arm *arm, const struct thompson_options *options);

/* The index of the arm to run, out of the set of indexes `among`, which has at least one. */
unsigned thompson_choose(const struct arm arms[], uint64_t among,
                         const struct thompson_options *options, struct random *random,
                         const struct random_normals *normals);

#endif
