/* SPDX-License-Identifier: Apache-2.0
 *
 * The grid of power limits.
 */
#include "tune/decide/power_limits.h"

enum { GRID_STEP_MW = 25000 };

int power_limits_common(const struct wt_device devices[], unsigned count, struct power_range *range,
                        struct wt_error *err)
{
    if (count == 0)
        return error_set(err, WT_E_NO_DEVICE, "there is no GPU to limit");
    struct power_range common = {0, UINT32_MAX};
    for (unsigned i = 0; i < count; i++) {
        const struct wt_device *device = &devices[i];
        if (device->limit_min_mw == 0 || device->limit_max_mw < device->limit_min_mw)
            return error_set(err, WT_E_NOT_SUPPORTED,
                             "GPU %u does not tell which power limits it allows", device->index);
        if (device->limit_min_mw > common.min_mw)
            common.min_mw = device->limit_min_mw;
        if (device->limit_max_mw < common.max_mw)
            common.max_mw = device->limit_max_mw;
    }
    if (common.min_mw > common.max_mw)
        return error_set(err, WT_E_RANGE, "the %u GPUs have no power limit in common", count);
    *range = common;
    return 0;
}

int power_limits_auto(struct power_range range, uint32_t limits_mw[POWER_LIMITS_MAX])
{
    uint32_t width_mw = range.max_mw - range.min_mw, step_mw = GRID_STEP_MW;
    while (width_mw / step_mw + 2 > POWER_LIMITS_MAX)
        step_mw *= 2;
    int count = 0;
    for (uint32_t below_mw = 0; below_mw < width_mw; below_mw += step_mw)
        limits_mw[count++] = range.max_mw - below_mw;
    limits_mw[count++] = range.min_mw;
    return count;
}

/* Puts a limit in its place in a list that falls; one that is there already is not added. */
static int insert(uint32_t limits_mw[], int count, uint32_t limit_mw)
{
    int place = 0;
    while (place < count && limits_mw[place] > limit_mw)
        place++;
    if (place < count && limits_mw[place] == limit_mw)
        return count;
    for (int i = count; i > place; i--)
        limits_mw[i] = limits_mw[i - 1];
    limits_mw[place] = limit_mw;
    return count + 1;
}

int power_limits_from_list(const uint32_t wanted_mw[], unsigned count, struct power_range range,
                           uint32_t limits_mw[POWER_LIMITS_MAX], struct wt_error *err)
{
    if (count == 0)
        return error_set(err, WT_E_INVALID, "the list of power limits is empty");
    if (count > POWER_LIMITS_MAX)
        return error_set(err, WT_E_RANGE, "%u power limits are more than %d", count,
                         POWER_LIMITS_MAX);
    for (unsigned i = 0; i < count; i++)
        if (wanted_mw[i] < range.min_mw || wanted_mw[i] > range.max_mw)
            return error_set(err, WT_E_RANGE, "the power limit %g W is outside of %g to %g W",
                             wanted_mw[i] / 1000.0, range.min_mw / 1000.0, range.max_mw / 1000.0);
    int kept = 0;
    for (unsigned i = 0; i < count; i++)
        kept = insert(limits_mw, kept, wanted_mw[i]);
    return kept;
}
