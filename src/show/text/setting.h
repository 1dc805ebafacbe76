/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of a knob, for people and documents: watts are watts only of a power limit.
 */
#ifndef WATTUNE_SHOW_TEXT_SETTING_H
#define WATTUNE_SHOW_TEXT_SETTING_H

#include <stdbool.h>

#include "flow/profile.h"
#include "show/text/table.h"

/* The power limit in milliwatts; 0, which is unknown, for a setting of another knob. */
uint32_t setting_limit_mw(struct wt_setting setting);

/* True for the same value of the same knob; no setting is the same as none. */
bool setting_same(struct wt_setting a, struct wt_setting b);

/* For qsort(): knob by knob, the highest value first. */
int setting_higher_first(const struct wt_setting *a, const struct wt_setting *b);

/* "175 W", "1200 MHz"; "unknown" for a value of 0. */
char *unit_setting(char text[UNIT_SIZE], struct wt_setting setting);

/* "power limit", "clock lock". */
const char *setting_knob_words(enum wt_knob knob);

#endif
