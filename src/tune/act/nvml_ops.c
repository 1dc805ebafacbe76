/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard's hands on an NVIDIA GPU, knob by knob.
 */
#include "measure/driver/nvml.h"
#include "tune/act/guard.h"

/* --- The power limit --- */

static int read_limit(void *driver, unsigned index, uint32_t *limit_mw, struct wt_error *err)
{
    return nvml_limit_mw(driver, index, limit_mw, err);
}

static int set_limit(void *driver, unsigned index, uint32_t limit_mw, struct wt_error *err)
{
    return nvml_set_limit_mw(driver, index, limit_mw, err);
}

static int reset_limit(void *driver, unsigned index, struct guard_range found, struct wt_error *err)
{
    return nvml_set_limit_mw(driver, index, found.max, err);
}

static int check_limit(void *driver, const struct wt_device *device, uint32_t limit_mw,
                       struct wt_error *err)
{
    (void)driver;
    return guard_check_limit(device, limit_mw, err);
}

static const struct guard_knob power_limit = {
    .read = read_limit, .set = set_limit, .reset = reset_limit, .check = check_limit};

/* --- The SM clock lock --- */

static int check_clock(void *driver, const struct wt_device *device, uint32_t mhz,
                       struct wt_error *err)
{
    struct nvml_clock_range range;
    int rc = nvml_sm_clock_range(driver, device->index, &range, err);
    if (rc)
        return rc;
    if (mhz < range.min_mhz || mhz > range.max_mhz || mhz == 0)
        return error_set(err, WT_E_RANGE, "%u MHz is outside the SM clocks of GPU %u, %u to %u MHz",
                         mhz, device->index, range.min_mhz, range.max_mhz);
    return 0;
}

static int set_clock(void *driver, unsigned index, uint32_t mhz, struct wt_error *err)
{
    struct nvml_clock_range range;
    int rc = nvml_sm_clock_range(driver, index, &range, err);
    if (rc)
        return rc;
    return nvml_lock_sm_clock(driver, index, (struct nvml_clock_range){range.min_mhz, mhz}, err);
}

static int reset_clock(void *driver, unsigned index, struct guard_range found, struct wt_error *err)
{
    return found.max ? nvml_lock_sm_clock(driver, index,
                                          (struct nvml_clock_range){found.min, found.max}, err)
                     : nvml_reset_sm_clock(driver, index, err);
}

/* NVML has no getter of a lock, so somebody else's shows by signs only:
 * - reason 0x2 (applications clocks setting): the driver itself says that a setting of clocks
 * holds;
 * - a device at work that gives no reason at all, "as fast as it can", and yet runs at less than
 *   nine tenths of its highest clock.  Boost alone moves the clock by a few per cent.
 * An idle device shows neither: a lock on it is not recognised, and a return resets it.  A site
 * that keeps such locks names them (clock_found). */
static int clock_is_free(void *driver, const struct wt_device *device, struct wt_error *err)
{
    struct nvml_clock_signs signs;
    struct nvml_clock_range range;
    int rc = nvml_clock_signs(driver, device->index, &signs, err);
    if (rc == WT_E_NOT_SUPPORTED)
        return error_set(err, rc,
                         "GPU %u (%s) does not tell the reasons for its clocks, so a lock by "
                         "somebody else could not be seen",
                         device->index, device->name);
    if (rc == 0)
        rc = nvml_sm_clock_range(driver, device->index, &range, err);
    if (rc)
        return rc;
    if (signs.by_setting)
        return error_set(err, WT_E_BUSY,
                         "somebody else holds the clocks of GPU %u: the driver gives a setting of "
                         "clocks as the reason for %u MHz",
                         device->index, signs.sm_mhz);
    if (!signs.idle && !signs.by_something && signs.sm_mhz && signs.sm_mhz < range.max_mhz / 10 * 9)
        return error_set(err, WT_E_BUSY,
                         "somebody else seems to hold the clocks of GPU %u: it works at %u of %u "
                         "MHz, and the driver gives no reason",
                         device->index, signs.sm_mhz, range.max_mhz);
    return 0;
}

static const struct guard_knob sm_clock = {
    .set = set_clock, .reset = reset_clock, .check = check_clock, .is_free = clock_is_free};

const struct guard_ops guard_nvml = {
    {[WT_KNOB_POWER_LIMIT] = &power_limit, [WT_KNOB_SM_CLOCK_MAX] = &sm_clock}};
