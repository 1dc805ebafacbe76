/* SPDX-License-Identifier: Apache-2.0
 *
 * A multi-layer perceptron with two hidden layers, and one step of stochastic gradient descent on
 * it: plain C, float, small enough that a step of 64 samples takes a fraction of a millisecond on
 * any processor.
 */
#ifndef EXAMPLE_MLP_H
#define EXAMPLE_MLP_H

#include <stdint.h>

enum { MLP_INPUTS = 2, MLP_HIDDEN = 24, MLP_CLASSES = 3 };

struct mlp {
    float w1[MLP_INPUTS][MLP_HIDDEN], b1[MLP_HIDDEN];
    float w2[MLP_HIDDEN][MLP_HIDDEN], b2[MLP_HIDDEN];
    float w3[MLP_HIDDEN][MLP_CLASSES], b3[MLP_CLASSES];
};

struct sample {
    float x[MLP_INPUTS];
    int class;
};

/* A random number, uniform in [0,1) or normal; *state may start with any value. */
double random_uniform(uint64_t *state);
double random_normal(uint64_t *state);

/* Random weights by the rule of He: the variance of a layer's output does not depend on its width.
 */
void mlp_start(struct mlp *net, uint64_t *state);

/* The class that the network thinks most likely. */
int mlp_guess(const struct mlp *net, const struct sample *sample);

/* One step of gradient descent on the samples order[0..count) of `samples`; returns their mean loss
 * (cross-entropy) before it. */
double mlp_step(struct mlp *net, const struct sample samples[], const uint32_t order[],
                unsigned count, float rate);

#endif
