/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of an argument.
 */
#include "setup/form.h"

#include <stdio.h>
#include <string.h>

/* Letters by hand: isupper() follows the locale. */
static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* The alternative that begins at `at`: its length and that of its fixed part. */
static size_t measure(const char *at, size_t *fixed)
{
    size_t length = strcspn(at, "|");
    for (*fixed = 0; *fixed < length && !is_capital(at[*fixed]); ++*fixed)
        ;
    return length;
}

int form_match(const char *form, const char *text)
{
    for (int i = 0;; i++) {
        size_t fixed, length = measure(form, &fixed), given = strlen(text);
        if (strncmp(form, text, fixed) == 0 && (fixed < length ? given > fixed : given == length))
            return i;
        if (!form[length])
            return -1;
        form += length + 1;
    }
}

bool form_alternative(const char *form, unsigned i, char *word, size_t size, bool *open)
{
    size_t fixed, length = measure(form, &fixed);
    for (; i > 0; i--) {
        if (!form[length])
            return false;
        form += length + 1;
        length = measure(form, &fixed);
    }
    snprintf(word, size, "%.*s", (int)fixed, form);
    *open = fixed < length;
    return true;
}

char *form_sentence(const char *form, char *text, size_t size)
{
    size_t used = 0;
    for (const char *at = form;;) {
        size_t fixed, length = measure(at, &fixed);
        bool last = !at[length];
        int n = snprintf(text + used, size - used, "%s%.*s",
                         at == form ? ""
                         : last     ? " or "
                                    : ", ",
                         (int)length, at);
        used = (size_t)n < size - used ? used + (size_t)n : size - 1;
        if (last)
            return text;
        at += length + 1;
    }
}

bool form_has(const char *form, const char *word)
{
    for (;;) {
        size_t fixed, length = measure(form, &fixed);
        if (length == strlen(word) && memcmp(form, word, length) == 0)
            return true;
        if (!form[length])
            return false;
        form += length + 1;
    }
}

bool form_has_file(const char *form)
{
    return form_has(form, "FILE") || form_has(form, "PATH");
}

bool form_has_job(const char *form)
{
    return form_has(form, "JOB");
}
