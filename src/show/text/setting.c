/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings in words.
 */
#include "show/text/setting.h"

#include <stdio.h>

uint32_t setting_limit_mw(struct wt_setting setting)
{
    return setting.knob == WT_KNOB_POWER_LIMIT ? setting.value : 0;
}

bool setting_same(struct wt_setting a, struct wt_setting b)
{
    return a.value && a.knob == b.knob && a.value == b.value;
}

int setting_higher_first(const struct wt_setting *a, const struct wt_setting *b)
{
    if (a->knob != b->knob)
        return (a->knob > b->knob) - (a->knob < b->knob);
    return (a->value < b->value) - (a->value > b->value);
}

char *unit_setting(char text[UNIT_SIZE], struct wt_setting setting)
{
    if (setting.knob == WT_KNOB_POWER_LIMIT || !setting.value)
        return unit_limit(text, setting_limit_mw(setting));
    snprintf(text, UNIT_SIZE, "%u MHz", (unsigned)setting.value);
    return text;
}

const char *setting_knob_words(enum wt_knob knob)
{
    return knob == WT_KNOB_POWER_LIMIT ? "power limit" : "clock lock";
}
