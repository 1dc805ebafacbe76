/* SPDX-License-Identifier: Apache-2.0
 *
 * What a power limit may do to a training step: a family of curves with six numbers each, and a fixed set of them
 * that covers what GPUs and workloads are known to do.  Power is in shares of the GPU's largest limit, time in
 * shares of the step at full clock, so that one family serves all GPUs.
 *
 * A GPU that may not draw what it would lowers its clock until power fits:
 *
 *   clock = ((limit - idle) / (full - idle)) ^ gamma        1 where the limit is above `full`; never below a floor
 *
 * Of a step, `host` is time in which the GPU waits at its idle power.  In the rest memory work, which does not
 * follow the clock, and computing, which does, overlap: the longer of the two counts where they overlap well (a
 * large `overlap`), their sum where they do not (1).
 *
 *   gpu time = ((1 - compute) ^ overlap + (compute / clock) ^ overlap) ^ (1 / overlap)
 */
#ifndef WATTUNE_DECIDE_POWER_CURVE_H
#define WATTUNE_DECIDE_POWER_CURVE_H

struct power_curve {
    double idle;    /* power that no clock takes away */
    double full;    /* power at full clock; may be above every limit */
    double gamma;   /* 1: power follows the clock, 1/3: its cube */
    double compute; /* share of the GPU's work that follows the clock, before any overlap */
    double overlap; /* 1: memory and computing one after the other */
    double host;    /* share of a step at full clock */
};

enum { POWER_CURVES = 1024 };

/* Curve number i of the set, i below POWER_CURVES.  Always the same; neighbouring numbers lie far apart, so that
 * the first n of them cover the ranges evenly. */
struct power_curve power_curve_draw(unsigned i);

/* At this limit: the logarithm of the time of a step, up to a constant of the curve, and the mean power. */
void power_curve_at(const struct power_curve *curve, double limit, double *log_time, double *power);

#endif
