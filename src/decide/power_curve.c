/* SPDX-License-Identifier: Apache-2.0
 *
 * The family of curves.
 */
#include "decide/power_curve.h"

#include <math.h>

/* What the parameters may be.  Fits to the training runs under limits that the authors of Zeus (NSDI'23) published
 * for four GPUs, from P100 to A40, lie within: static power is 0.28 to 0.36 of the largest limit there, and 0.21
 * is what an H100 leaves idle.  Work that draws many times what its GPU allows has no full clock to be seen; three
 * times stands for all of it. */
static const struct range {
    double least, most;
    int logarithmic;
} idle_range = {0.17, 0.40, 0}, gamma_range = {0.44, 1, 0}, full_range = {0.1, 3, 1}, compute_range = {0.09, 0.75, 0},
  host_range = {0, 0.5, 0}, overlap_range = {1.2, 12, 1};

/* GPUs that are published run no lower than a tenth to a sixth of their highest clock, whatever the limit. */
static const double lowest_clock = 0.17;

/* While the host works the GPU's clock stays up: it draws a little less than its static power. */
static const double host_power = 0.9;

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

struct power_curve power_curve_of(const double place[POWER_CURVE_NUMBERS])
{
    return (struct power_curve){
        .idle = at_place(&idle_range, place[0]),
        .full = at_place(&full_range, place[1]),
        .gamma = at_place(&gamma_range, place[2]),
        .compute = at_place(&compute_range, place[3]),
        .overlap = at_place(&overlap_range, place[4]),
        .host = at_place(&host_range, place[5]),
    };
}

void power_curve_place(unsigned i, double place[POWER_CURVE_NUMBERS])
{
    static const unsigned bases[] = {2, 5, 3, 7, 13, 11}; /* primes, so that no two numbers move together */
    for (unsigned k = 0; k < POWER_CURVE_NUMBERS; k++)
        place[k] = halton(i + 1, bases[k]); /* number 0 is the corner of all ranges */
}

struct power_curve power_curve_draw(unsigned i)
{
    double place[POWER_CURVE_NUMBERS];
    power_curve_place(i, place);
    return power_curve_of(place);
}

struct power_curve_point power_curve_at(const struct power_curve *curve, double limit)
{
    double clock = 1, gpu_power = curve->full, dynamic = curve->full - curve->idle;
    if (dynamic > 0 && limit < curve->full) {
        double share = (limit - curve->idle) / dynamic;
        clock = share > 0 ? pow(share, curve->gamma) : 0;
        gpu_power = limit;
        if (clock < lowest_clock) { /* the limit cannot be kept */
            clock = lowest_clock;
            gpu_power = curve->idle + dynamic * pow(clock, 1 / curve->gamma);
        }
    }
    double memory = pow(1 - curve->compute, curve->overlap);
    double compute = pow(curve->compute / clock, curve->overlap);
    double gpu_time = (1 - curve->host) * pow(memory + compute, 1 / curve->overlap);
    double time = gpu_time + curve->host;
    double waiting_power = host_power * curve->idle;
    if (waiting_power > curve->full)
        waiting_power = curve->full;
    return (struct power_curve_point){
        .log_time = log(time),
        .power = (gpu_time * gpu_power + curve->host * waiting_power) / time,
        .gpu_power = gpu_power,
        .follows = gpu_time / time * compute / (memory + compute),
    };
}
