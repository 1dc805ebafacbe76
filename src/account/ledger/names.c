/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that are equal become one pointer.
 */
#include "account/ledger/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a: names are short and many of them alike. */
static size_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32);
}

/* Where the name is, or would be; capacity is a power of two and never full. */
static char **place_of(char **texts, size_t capacity, const char *text)
{
    size_t i = hash_of(text) & (capacity - 1);
    while (texts[i] && strcmp(texts[i], text) != 0)
        i = (i + 1) & (capacity - 1);
    return &texts[i];
}

static int grow(struct names *names)
{
    size_t capacity = names->capacity ? 2 * names->capacity : 64;
    char **texts = calloc(capacity, sizeof *texts);
    if (!texts)
        return -1;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->texts[i])
            *place_of(texts, capacity, names->texts[i]) = names->texts[i];
    free(names->texts);
    names->texts = texts;
    names->capacity = capacity;
    return 0;
}

const char *names_intern(struct names *names, const char *text)
{
    if (2 * names->count >= names->capacity && grow(names))
        return NULL;
    char **place = place_of(names->texts, names->capacity, text);
    if (!*place) {
        *place = strdup(text);
        names->count += *place != NULL;
    }
    return *place;
}

void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->capacity; i++)
        free(names->texts[i]);
    free(names->texts);
    *names = (struct names){0};
}
