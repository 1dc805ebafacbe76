/* SPDX-License-Identifier: Apache-2.0
 *
 * The learning rate of another batch size.
 */
#include "tune/decide/learning_rate.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *optimizer;
    double exponent; /* of the ratio of the sizes */
} rules[] = {{"adam", 0.5},    {"adamw", 0.5}, {"adadelta", 0.5}, {"adagrad", 0.5},
             {"rmsprop", 0.5}, {"lamb", 0.5},  {"sgd", 1}};

int learning_rate_scale(const char *optimizer, double rate, unsigned from_size, unsigned to_size,
                        double *scaled, struct wt_error *err)
{
    if (!from_size || !to_size || !(rate > 0 && isfinite(rate)))
        return error_set(err, WT_E_INVALID, "a learning rate and batch sizes are above 0");
    for (unsigned i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(rules[i].optimizer, optimizer) == 0) {
            *scaled = rate * pow((double)to_size / from_size, rules[i].exponent);
            return 0;
        }
    return error_set(
        err, WT_E_NOT_SUPPORTED,
        "no rule is known for the learning rate of the optimizer %.60s: it stays as it is",
        optimizer);
}
