/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings: the knobs of a device that can be turned, and a value of one.
 * Nouns only: no functions, no pointers to storage that somebody must free.
 */
#ifndef WATTUNE_FLOW_SETTING_H
#define WATTUNE_FLOW_SETTING_H

#include <stdint.h>

/* setting: a value of one knob of a device. */
enum wt_knob {
    WT_KNOB_POWER_LIMIT,  /* value in milliwatts */
    WT_KNOB_SM_CLOCK_MAX, /* a lock of the SM clock from the lowest to value, MHz */
    WT_KNOBS,
};

struct wt_setting {
    enum wt_knob knob;
    uint32_t value; /* 0: none, or not known */
};

#endif
