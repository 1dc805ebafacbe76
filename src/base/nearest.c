/* SPDX-License-Identifier: Apache-2.0
 *
 * The nearest name.  The score is four times the distance without case, plus one for another case,
 * plus two for a name that does not begin with the word.
 */
#include "base/nearest.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

enum { LENGTH_MOST = TEXT_DISTANCE_MOST + 1, WEIGHT = 4 };

/* Letters by hand: tolower() follows the locale. */
static void lower(char out[LENGTH_MOST], const char *text)
{
    size_t i = 0;
    for (; text[i] && i + 1 < LENGTH_MOST; i++)
        out[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
    out[i] = '\0';
}

void nearest_offer(struct nearest *search, const char *name)
{
    char word[LENGTH_MOST], other[LENGTH_MOST];
    if (!*name || strlen(name) >= TEXT_DISTANCE_MOST || strlen(search->word) >= TEXT_DISTANCE_MOST)
        return;
    lower(word, search->word);
    lower(other, name);
    unsigned score = WEIGHT * text_distance(word, other);
    score += text_distance(search->word, name) * WEIGHT != score;
    score += strncmp(word, other, strlen(word)) ? 2 : 0;
    if (!search->name || score < search->score) {
        search->name = name;
        search->score = score;
    }
}

const char *nearest_name(const struct nearest *search)
{
    if (!search->name)
        return NULL;
    size_t distance = search->score / WEIGHT;
    return distance <= 1 + strlen(search->name) / 3 && distance < strlen(search->word)
               ? search->name
               : NULL;
}
