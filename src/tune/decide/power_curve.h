/* SPDX-License-Identifier: Apache-2.0
 *
 * The effects that a power limit may have on a training step: a family of curves with a few numbers
 * each, and a fixed set of them that covers the known GPUs and workloads.  Power is in shares of
 * the GPU's largest limit, time in shares of the step at full clock, so that one family serves all
 * GPUs.
 *
 * A GPU whose limit is below its demand lowers its clock until power fits:
 *
 *   power = idle + (full - idle) * (linear * clock + (1 - linear) * clock ^ (1 / gamma))
 *
 * and power is the limit where that is below `full`; the clock never falls below a floor.  The
 * search's set has linear 0, for which the clock is a power of the limit.  A linear share stands
 * for clocks at which voltage can fall no further.
 *
 * Of a step, `host` is time in which the GPU waits at its idle power.  In the rest memory work,
 * which does not follow the clock, and computing, which does, overlap: the longer of the two counts
 * where they overlap well (a large `overlap`), their sum where they do not (1).
 *
 *   gpu time = ((1 - compute) ^ overlap + (compute / clock) ^ overlap) ^ (1 / overlap)
 */
#ifndef WATTUNE_TUNE_DECIDE_POWER_CURVE_H
#define WATTUNE_TUNE_DECIDE_POWER_CURVE_H

struct power_curve {
    double idle;    /* power that no clock takes away */
    double full;    /* power at full clock; may be above every limit */
    double gamma;   /* 1: power follows the clock, 1/3: its cube */
    double linear;  /* share of dynamic power that follows the clock itself, for every gamma */
    double compute; /* share of the GPU's work that follows the clock, before any overlap */
    double overlap; /* 1: memory and computing one after the other */
    double host;    /* share of a step at full clock */
    double lowest;  /* the lowest clock under any limit */
    double waiting; /* power while the host works, of the idle power */
};

enum { POWER_CURVES = 1024, POWER_CURVE_NUMBERS = 9 };

/* The curve at a place of the ranges that the numbers may be in: each of `place` from 0 to 1. */
struct power_curve power_curve_of(const double place[POWER_CURVE_NUMBERS]);

/* The place of curve number i of the set, i below POWER_CURVES.  Always the same; neighbouring
 * numbers lie far apart, so that the first n of them cover the ranges evenly. */
void power_curve_place(unsigned i, double place[POWER_CURVE_NUMBERS]);

/* Curve number i of the set. */
struct power_curve power_curve_draw(unsigned i);

struct power_curve_point {
    double log_time;  /* the logarithm of the time of a step, up to a constant of the curve */
    double power;     /* mean over the step */
    double gpu_power; /* while the GPU works */
    double follows; /* share of the step's time that follows the clock: its lengthening in % by 1 %
                       less clock */
};

/* The step's time and power by the curve at this limit. */
struct power_curve_point power_curve_at(const struct power_curve *curve, double limit);

#endif
