/* SPDX-License-Identifier: Apache-2.0
 *
 * The tuner's events in words, for the person at the terminal.  The sentences of a run about tuning
 * stand here and nowhere else.
 */
#ifndef WATTUNE_RUN_JOB_TUNER_WORDS_H
#define WATTUNE_RUN_JOB_TUNER_WORDS_H

#include "tune/live/event.h"

/* Prints an event on standard error; a tuner_listener's function, whose ctx is not used. */
void tuner_words_print(void *ctx, const struct tuner_event *event);

enum { TUNER_WORDS_SETTING = 32 };

/* Writes a setting as its knob has it: "175.5 W", "1200 MHz".  Returns text. */
char *tuner_words_setting(struct wt_setting setting, char text[TUNER_WORDS_SETTING]);

/* Writes the reason for the end of tuning; "" when it went well, cut off at size.  Returns
 * text. */
char *tuner_words_reason(const struct tuner_reason *reason, char text[], size_t size);

#endif
