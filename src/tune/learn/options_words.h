/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of a recurring job in words, which learned state is kept under.
 */
#ifndef WATTUNE_TUNE_LEARN_OPTIONS_WORDS_H
#define WATTUNE_TUNE_LEARN_OPTIONS_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/study.h"
#include "tune/decide/target.h"

/* The target in words: "accuracy>=0.9". */
void options_target_words(const struct target *target, char text[WT_TARGET_LEN]);

/* Reads the target and the default batch size back out of the options; false: they are not such
 * words. */
bool options_read_words(const char *words, char target[WT_TARGET_LEN], uint32_t *default_size);

#endif
