/* SPDX-License-Identifier: Apache-2.0
 *
 * The learning rate of another batch size: with the square root of the size for adaptive optimizers
 * (Granziol et al. 2022), linear for SGD (Goyal et al. 2017).
 */
#ifndef WATTUNE_TUNE_DECIDE_LEARNING_RATE_H
#define WATTUNE_TUNE_DECIDE_LEARNING_RATE_H

#include "base/error.h"

/* *scaled is the rate for to_size, given the one that suits from_size.  WT_E_NOT_SUPPORTED: no rule
 * is known for this optimizer, and the rate is to be left as it is. */
int learning_rate_scale(const char *optimizer, double rate, unsigned from_size, unsigned to_size,
                        double *scaled, struct wt_error *err);

#endif
