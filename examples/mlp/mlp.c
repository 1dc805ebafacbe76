/* SPDX-License-Identifier: Apache-2.0
 *
 * The perceptron: forward, backward, descent.  Weights are stored by input, so that the inner loops
 * run over outputs that lie side by side and the compiler can use vector instructions.
 */
#include "mlp.h"

#include <math.h>
#include <string.h>

struct activity {
    float h1[MLP_HIDDEN], h2[MLP_HIDDEN], p[MLP_CLASSES];
};

static uint64_t random_bits(uint64_t *state)
{
    /* splitmix64 */
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double random_uniform(uint64_t *state)
{
    return (double)(random_bits(state) >> 11) * 0x1p-53;
}

double random_normal(uint64_t *state)
{
    double radius = sqrt(-2 * log1p(-random_uniform(state)));
    return radius * cos(6.283185307179586 * random_uniform(state));
}

static void start_layer(float *w, unsigned inputs, unsigned outputs, uint64_t *state)
{
    for (unsigned i = 0; i < inputs * outputs; i++)
        w[i] = (float)(random_normal(state) * sqrt(2.0 / inputs));
}

void mlp_start(struct mlp *net, uint64_t *state)
{
    memset(net, 0, sizeof *net);
    start_layer(net->w1[0], MLP_INPUTS, MLP_HIDDEN, state);
    start_layer(net->w2[0], MLP_HIDDEN, MLP_HIDDEN, state);
    start_layer(net->w3[0], MLP_HIDDEN, MLP_CLASSES, state);
}

/* out = in x w + b */
static void forward(const float *w, const float *b, const float *in, unsigned inputs,
                    float *restrict out, unsigned outputs)
{
    for (unsigned o = 0; o < outputs; o++)
        out[o] = b[o];
    for (unsigned i = 0; i < inputs; i++)
        for (unsigned o = 0; o < outputs; o++)
            out[o] += in[i] * w[i * outputs + o];
}

static void rectify(float values[MLP_HIDDEN])
{
    for (unsigned i = 0; i < MLP_HIDDEN; i++)
        values[i] = values[i] > 0 ? values[i] : 0;
}

static void softmax(float values[MLP_CLASSES])
{
    float most = values[0], sum = 0;
    for (unsigned i = 1; i < MLP_CLASSES; i++)
        most = values[i] > most ? values[i] : most;
    for (unsigned i = 0; i < MLP_CLASSES; i++)
        sum += values[i] = expf(values[i] - most);
    for (unsigned i = 0; i < MLP_CLASSES; i++)
        values[i] /= sum;
}

static void think(const struct mlp *net, const float x[MLP_INPUTS], struct activity *act)
{
    forward(net->w1[0], net->b1, x, MLP_INPUTS, act->h1, MLP_HIDDEN);
    rectify(act->h1);
    forward(net->w2[0], net->b2, act->h1, MLP_HIDDEN, act->h2, MLP_HIDDEN);
    rectify(act->h2);
    forward(net->w3[0], net->b3, act->h2, MLP_HIDDEN, act->p, MLP_CLASSES);
    softmax(act->p);
}

int mlp_guess(const struct mlp *net, const struct sample *sample)
{
    struct activity act;
    think(net, sample->x, &act);
    int best = 0;
    for (int i = 1; i < MLP_CLASSES; i++)
        if (act.p[i] > act.p[best])
            best = i;
    return best;
}

/* Adds the gradient of a layer, given the error at its output; `back` (NULL for the first layer)
 * gets the error at its input, which is 0 where the rectifier was closed. */
static void backward(const float *w, const float *in, unsigned inputs, const float *error,
                     unsigned outputs, float *restrict grad_w, float *restrict grad_b,
                     float *restrict back)
{
    for (unsigned o = 0; o < outputs; o++)
        grad_b[o] += error[o];
    for (unsigned i = 0; i < inputs; i++) {
        float sum = 0;
        for (unsigned o = 0; o < outputs; o++) {
            grad_w[i * outputs + o] += in[i] * error[o];
            sum += w[i * outputs + o] * error[o];
        }
        if (back)
            back[i] = in[i] > 0 ? sum : 0;
    }
}

static double learn(const struct mlp *net, const struct sample *sample, struct mlp *grad)
{
    struct activity act;
    think(net, sample->x, &act);
    float error3[MLP_CLASSES], error2[MLP_HIDDEN], error1[MLP_HIDDEN];
    for (int i = 0; i < MLP_CLASSES; i++)
        error3[i] = act.p[i] - (float)(i == sample->class);
    backward(net->w3[0], act.h2, MLP_HIDDEN, error3, MLP_CLASSES, grad->w3[0], grad->b3, error2);
    backward(net->w2[0], act.h1, MLP_HIDDEN, error2, MLP_HIDDEN, grad->w2[0], grad->b2, error1);
    backward(net->w1[0], sample->x, MLP_INPUTS, error1, MLP_HIDDEN, grad->w1[0], grad->b1, NULL);
    return -log((double)act.p[sample->class] + 1e-9);
}

double mlp_step(struct mlp *net, const struct sample samples[], const uint32_t order[],
                unsigned count, float rate)
{
    struct mlp grad = {0};
    double loss = 0;
    for (unsigned i = 0; i < count; i++)
        loss += learn(net, &samples[order[i]], &grad);
    /* A network and its gradient are nothing but floats: the descent runs over both as arrays. */
    float *w = (float *)net;
    const float *g = (const float *)&grad;
    for (unsigned i = 0; i < sizeof grad / sizeof *g; i++)
        w[i] -= rate / (float)count * g[i];
    return loss / count;
}
