/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of a recurring job in words.
 */
#include "tune/learn/options_words.h"

#include <stdio.h>
#include <string.h>

void options_target_words(const struct target *target, char text[WT_TARGET_LEN])
{
    snprintf(text, WT_TARGET_LEN, "%s%s%.12g", target->name,
             target->at_least ? ">=" : "<=", target->value);
}

bool options_read_words(const char *words, char target[WT_TARGET_LEN], uint32_t *default_size)
{
    /* A metric's name may hold blanks, but neither < nor >. */
    const char *end = strstr(words + strcspn(words, "<>"), " in ");
    unsigned epochs, size;
    if (!end || end - words >= WT_TARGET_LEN ||
        sscanf(end, " in %u epochs, default %u of ", &epochs, &size) != 2)
        return false;
    snprintf(target, WT_TARGET_LEN, "%.*s", (int)(end - words), words);
    *default_size = size;
    return true;
}
