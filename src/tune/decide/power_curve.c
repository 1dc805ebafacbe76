/* SPDX-License-Identifier: Apache-2.0
 *
 * The family of curves.
 */
#include "tune/decide/power_curve.h"

#include <math.h>

enum { IDLE, FULL, GAMMA, LINEAR, COMPUTE, OVERLAP, HOST, LOWEST, WAITING };
_Static_assert(WAITING + 1 == POWER_CURVE_NUMBERS, "a place has a number for each");

struct range {
    double least, most;
    int logarithmic;
};

/* The ranges of the numbers.  Fits to the training runs under limits that the authors of Zeus
 * (NSDI'23) published for four GPUs, from P100 to A40, lie within: static power is 0.28 to 0.36 of
 * the largest limit there, and 0.21 is the idle share of an H100.  Work that draws many times its
 * GPU's limit never shows its full clock; three times stands for all of it.  For numbers that
 * hardly tell which limit is better, the search takes a usual value. */
static const struct range usual[POWER_CURVE_NUMBERS] = {
    [IDLE] = {0.17, 0.40, 0}, [FULL] = {0.1, 3, 1},        [GAMMA] = {0.44, 1, 0},
    [LINEAR] = {0, 0, 0},     [COMPUTE] = {0.09, 0.75, 0}, [OVERLAP] = {1.2, 12, 1},
    [HOST] = {0, 0.5, 0},     [LOWEST] = {0.17, 0.17, 0},  [WAITING] = {0.9, 0.9, 0},
};

/* The freedom of a fit: the search's law of power, and one that fits as well, with a linear share
 * (0.15 to 0.73 on the same four GPUs) and the rest cubic.  While the host works these GPUs draw
 * 0.62 to 0.96 of their static power, and they run no lower than a tenth to a sixth of their
 * highest clock. */
static const struct range wide[POWER_CURVE_NUMBERS] = {
    [IDLE] = {0.17, 0.40, 0}, [FULL] = {0.1, 3, 1},        [GAMMA] = {1.0 / 3, 0.9, 0},
    [LINEAR] = {0, 0.8, 0},   [COMPUTE] = {0.05, 0.90, 0}, [OVERLAP] = {1, 8, 1},
    [HOST] = {0, 0.5, 0},     [LOWEST] = {0.10, 0.17, 0},  [WAITING] = {0.6, 1, 0},
};

/* The i-th number of the Halton sequence: i written backwards behind the point. */
static double halton(unsigned i, unsigned base)
{
    double digit = 1, value = 0;
    for (; i > 0; i /= base) {
        digit /= base;
        value += digit * (i % base);
    }
    return value;
}

static double at_place(const struct range *range, double u)
{
    if (range->logarithmic)
        return range->least * pow(range->most / range->least, u);
    return range->least + (range->most - range->least) * u;
}

static struct power_curve curve_at(const struct range ranges[POWER_CURVE_NUMBERS],
                                   const double place[POWER_CURVE_NUMBERS])
{
    return (struct power_curve){
        .idle = at_place(&ranges[IDLE], place[IDLE]),
        .full = at_place(&ranges[FULL], place[FULL]),
        .gamma = at_place(&ranges[GAMMA], place[GAMMA]),
        .linear = at_place(&ranges[LINEAR], place[LINEAR]),
        .compute = at_place(&ranges[COMPUTE], place[COMPUTE]),
        .overlap = at_place(&ranges[OVERLAP], place[OVERLAP]),
        .host = at_place(&ranges[HOST], place[HOST]),
        .lowest = at_place(&ranges[LOWEST], place[LOWEST]),
        .waiting = at_place(&ranges[WAITING], place[WAITING]),
    };
}

struct power_curve power_curve_of(const double place[POWER_CURVE_NUMBERS])
{
    return curve_at(wide, place);
}

void power_curve_place(unsigned i, double place[POWER_CURVE_NUMBERS])
{
    /* Primes, so that no two numbers move together. */
    static const unsigned bases[POWER_CURVE_NUMBERS] = {
        [IDLE] = 2,     [FULL] = 5,  [GAMMA] = 3,   [LINEAR] = 23, [COMPUTE] = 7,
        [OVERLAP] = 13, [HOST] = 11, [LOWEST] = 17, [WAITING] = 19};
    for (unsigned k = 0; k < POWER_CURVE_NUMBERS; k++)
        place[k] = halton(i + 1, bases[k]); /* number 0 is the corner of all ranges */
}

struct power_curve power_curve_draw(unsigned i)
{
    double place[POWER_CURVE_NUMBERS];
    power_curve_place(i, place);
    return curve_at(usual, place);
}

/* The share of dynamic power that a clock takes. */
static double dynamic_share(const struct power_curve *curve, double clock)
{
    return curve->linear * clock + (1 - curve->linear) * pow(clock, 1 / curve->gamma);
}

/* The clock that takes such a share: Newton's method comes down to it from above, since the share
 * is convex. */
static double clock_for(const struct power_curve *curve, double share)
{
    double clock = pow(share, curve->gamma), exponent = 1 / curve->gamma;
    if (!(curve->linear > 0) || !(share > 0))
        return share > 0 ? clock : 0;
    for (unsigned i = 0; i < 20; i++) {
        double power = pow(clock, exponent);
        double off = curve->linear * clock + (1 - curve->linear) * power - share;
        double slope = curve->linear + (1 - curve->linear) * exponent * power / clock;
        clock -= off / slope;
        if (off < 1e-7 * share)
            break;
    }
    return clock;
}

struct power_curve_point power_curve_at(const struct power_curve *curve, double limit)
{
    double clock = 1, gpu_power = curve->full, dynamic = curve->full - curve->idle;
    if (dynamic > 0 && limit < curve->full) {
        double share = (limit - curve->idle) / dynamic;
        clock = clock_for(curve, share);
        gpu_power = limit;
        if (clock < curve->lowest) { /* the limit cannot be kept */
            clock = curve->lowest;
            gpu_power = curve->idle + dynamic * dynamic_share(curve, clock);
        }
    }
    double memory = pow(1 - curve->compute, curve->overlap);
    double compute = pow(curve->compute / clock, curve->overlap);
    double gpu_time = (1 - curve->host) * pow(memory + compute, 1 / curve->overlap);
    double time = gpu_time + curve->host;
    double waiting_power = curve->waiting * curve->idle;
    if (waiting_power > curve->full)
        waiting_power = curve->full;
    return (struct power_curve_point){
        .log_time = log(time),
        .power = (gpu_time * gpu_power + curve->host * waiting_power) / time,
        .gpu_power = gpu_power,
        .follows = gpu_time / time * compute / (memory + compute),
    };
}
