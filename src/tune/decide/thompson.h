/* SPDX-License-Identifier: Apache-2.0
 *
 * Gaussian Thompson sampling (Zeus section 4.4): each batch size is an arm with a belief about the
 * cost of a run.  To choose, the sampler draws a cost from each belief and runs the arm with the
 * least one: it leaves an arm alone that is dear for certain, and now and then tries one that is
 * not well known.
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
    unsigned window; /* number of an arm's last costs that count, so that beliefs follow a drift; 0:
                        all */
    unsigned explorations;                /* runs of an arm before beliefs decide; at least 1 */
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
