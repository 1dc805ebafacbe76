/* SPDX-License-Identifier: Apache-2.0
 *
 * The values that a run gives its command.
 */
#include "run/job/substitute.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

enum { VALUE_SIZE = 32 };

static const struct {
    const char *word, *variable;
} words[SUBSTITUTE_WORDS] = {{"{batch_size}", "WATTUNE_BATCH_SIZE"},
                             {"{lr}", "WATTUNE_LEARNING_RATE"},
                             {"{seed}", "WATTUNE_SEED"},
                             {"{recurrence}", "WATTUNE_RECURRENCE"}};

/* The shortest decimal number that is this one when it is read again. */
static void print_rate(char text[VALUE_SIZE], double rate)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, VALUE_SIZE, "%.*g", digits, rate);
        double back;
        if (parse_number(text, 0, HUGE_VAL, &back) == 0 && back == rate)
            return;
    }
}

/* In the order of `words`; empty: there is no value. */
static void print_values(const struct substitute_values *values,
                         char texts[SUBSTITUTE_WORDS][VALUE_SIZE])
{
    memset(texts, 0, SUBSTITUTE_WORDS * sizeof texts[0]);
    if (values->batch_size)
        snprintf(texts[0], VALUE_SIZE, "%u", (unsigned)values->batch_size);
    if (values->learning_rate > 0)
        print_rate(texts[1], values->learning_rate);
    if (values->has_seed)
        snprintf(texts[2], VALUE_SIZE, "%llu", (unsigned long long)values->seed);
    if (values->recurrence)
        snprintf(texts[3], VALUE_SIZE, "%u", values->recurrence);
}

/* Writes the argument with its words replaced to `out` (NULL: only counts); returns its length
 * without the 0. */
static size_t replace(const char *argument, char texts[SUBSTITUTE_WORDS][VALUE_SIZE], char *out)
{
    size_t length = 0;
    for (const char *at = argument; *at;) {
        const char *put = at;
        size_t take = 1, give = 1;
        for (unsigned i = 0; *at == '{' && i < SUBSTITUTE_WORDS; i++) {
            size_t n = strlen(words[i].word);
            if (texts[i][0] && strncmp(at, words[i].word, n) == 0) {
                put = texts[i];
                take = n;
                give = strlen(texts[i]);
            }
        }
        if (out)
            memcpy(out + length, put, give);
        length += give;
        at += take;
    }
    if (out)
        out[length] = '\0';
    return length;
}

int substitute_argv(char *const argv[], const struct substitute_values *values, char ***copy,
                    struct wt_error *err)
{
    char texts[SUBSTITUTE_WORDS][VALUE_SIZE];
    size_t count = 0, size = 0;
    print_values(values, texts);
    for (; argv[count]; count++)
        size += replace(argv[count], texts, NULL) + 1;
    char **made = malloc((count + 1) * sizeof *made + size);
    if (!made)
        return error_set(err, WT_E_NO_MEMORY, "start the command: out of memory");
    char *at = (char *)(made + count + 1);
    for (size_t i = 0; i < count; i++) {
        made[i] = at;
        at += replace(argv[i], texts, at) + 1;
    }
    made[count] = NULL;
    *copy = made;
    return 0;
}

unsigned substitute_env(const struct substitute_values *values,
                        char env[SUBSTITUTE_WORDS][SUBSTITUTE_ENV_SIZE])
{
    char texts[SUBSTITUTE_WORDS][VALUE_SIZE];
    unsigned n = 0;
    print_values(values, texts);
    for (unsigned i = 0; i < SUBSTITUTE_WORDS; i++)
        if (texts[i][0])
            snprintf(env[n++], SUBSTITUTE_ENV_SIZE, "%s=%.31s", words[i].variable, texts[i]);
    return n;
}
