/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard's hands on an NVIDIA GPU.
 */
#include "measure/driver/nvml.h"
#include "tune/act/guard.h"

static int get_limit_mw(void *driver, unsigned index, uint32_t *limit_mw, struct wt_error *err)
{
    return nvml_limit_mw(driver, index, limit_mw, err);
}

static int set_limit_mw(void *driver, unsigned index, uint32_t limit_mw, struct wt_error *err)
{
    return nvml_set_limit_mw(driver, index, limit_mw, err);
}

const struct guard_device_ops guard_nvml = {get_limit_mw, set_limit_mw};
