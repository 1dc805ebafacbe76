/* SPDX-License-Identifier: Apache-2.0
 *
 * The energy between two samples of a device, and sums over devices.
 */
#include <math.h>

#include "measure/meter/meter.h"
#include "measure/meter/track.h"

/* More than any single GPU board draws, for devices that do not tell their limit. */
static const double NO_GPU_DRAWS_MW = 1.5e6;

struct wt_measurement samples_between(const struct wt_sample *begin, const struct wt_sample *end,
                                      uint32_t most_mw)
{
    struct wt_measurement window = {.begin_ns = begin->t_ns,
                                    .end_ns = end->t_ns,
                                    .source = WT_SOURCE_NONE,
                                    .quality = begin->quality | end->quality};
    if (begin->source == WT_SOURCE_NONE || end->source == WT_SOURCE_NONE || end->t_ns < begin->t_ns)
        return window;
    if (end->energy_mj < begin->energy_mj || (window.quality & WT_QUALITY_RESET)) {
        window.quality |= WT_QUALITY_RESET; /* the driver was reloaded: the energy before is lost */
        return window;
    }
    window.source = begin->source == end->source ? end->source : WT_SOURCE_ESTIMATED;
    /* A value that may be lag_ns old misses at most that long at the most power there can be, and
     * no window holds more than that power over its length: the truth lies between the two bounds,
     * and their middle is given.  For a window much longer than the lag that is the difference of
     * the two values; for one shorter than a tick it is an estimate where the difference would be 0
     * or a whole tick. */
    double seconds = (double)(end->t_ns - begin->t_ns) / 1e9;
    double lag_s = (double)(begin->lag_ns > end->lag_ns ? begin->lag_ns : end->lag_ns) / 1e9;
    double highest_mw = most_mw ? most_mw : NO_GPU_DRAWS_MW;
    double difference = (double)(end->energy_mj - begin->energy_mj);
    double slack = (double)(begin->energy_error_mj + end->energy_error_mj);
    double missed = lag_s * highest_mw + slack;
    double least = fmax(difference - missed, 0), most = difference + missed;
    if (lag_s > 0) {
        most = fmin(most, fmax(highest_mw * seconds + slack, least));
        if (seconds < lag_s)
            window.source = WT_SOURCE_ESTIMATED;
    } else {
        least = difference - missed; /* nothing is cut off: the difference is the middle */
    }
    window.energy_mj = (uint64_t)llround(fmax((least + most) / 2, 0));
    window.energy_error_mj = (uint64_t)ceil((most - least) / 2);
    return window;
}

struct wt_measurement meter_sum(const struct wt_measurement measurements[], unsigned count)
{
    struct wt_measurement sum = {.source = WT_SOURCE_NONE};
    for (unsigned i = 0; i < count; i++) {
        const struct wt_measurement *one = &measurements[i];
        sum.quality |= one->quality;
        if (one->source == WT_SOURCE_NONE) {
            sum.source = WT_SOURCE_NONE;
            return sum;
        }
        if (i == 0) {
            sum = *one;
            continue;
        }
        sum.energy_mj += one->energy_mj;
        sum.energy_error_mj += one->energy_error_mj;
        sum.source = sum.source == one->source ? sum.source : WT_SOURCE_ESTIMATED;
        sum.begin_ns = one->begin_ns < sum.begin_ns ? one->begin_ns : sum.begin_ns;
        sum.end_ns = one->end_ns > sum.end_ns ? one->end_ns : sum.end_ns;
    }
    return sum;
}

double meter_sensor_error(const struct wt_measurement measurements[],
                          const struct wt_device devices[], unsigned count)
{
    double energy = 0, error = 0;
    for (unsigned i = 0; i < count; i++) {
        if (measurements[i].source == WT_SOURCE_NONE || !devices[i].sensor_error_ppm)
            return NAN;
        energy += (double)measurements[i].energy_mj;
        error += (double)measurements[i].energy_mj * devices[i].sensor_error_ppm / 1e6;
    }
    return energy > 0 ? error / energy : (double)NAN;
}
