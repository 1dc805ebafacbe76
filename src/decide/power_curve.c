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
    unsigned base; /* of the Halton sequence: primes, so that no two parameters move together */
    int logarithmic;
} idle_range = {0.17, 0.40, 2, 0}, gamma_range = {0.44, 1, 3, 0}, full_range = {0.1, 3, 5, 1},
  compute_range = {0.09, 0.75, 7, 0}, host_range = {0, 0.5, 11, 0}, overlap_range = {1.2, 12, 13, 1};

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

static double draw(const struct range *range, unsigned i)
{
    double u = halton(i, range->base);
    if (range->logarithmic)
        return range->least * pow(range->most / range->least, u);
    return range->least + (range->most - range->least) * u;
}

struct power_curve power_curve_draw(unsigned i)
{
    unsigned n = i + 1; /* number 0 is the corner of all ranges */
    return (struct power_curve){
        .idle = draw(&idle_range, n),
        .full = draw(&full_range, n),
        .gamma = draw(&gamma_range, n),
        .compute = draw(&compute_range, n),
        .overlap = draw(&overlap_range, n),
        .host = draw(&host_range, n),
    };
}

void power_curve_at(const struct power_curve *curve, double limit, double *log_time, double *power)
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
    *log_time = log(time);
    *power = (gpu_time * gpu_power + curve->host * waiting_power) / time;
}
