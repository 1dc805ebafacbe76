/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of an argument, from a row of options: "yes|no", "auto|pattern:REGEX", "FILE".
 * Alternatives are separated by |; an alternative is typed up to its first capital letter, and the
 * rest is the user's.  Help, manual, checks and completions read the same form, so that they cannot
 * differ.
 */
#ifndef WATTUNE_SETUP_FORM_H
#define WATTUNE_SETUP_FORM_H

#include <stdbool.h>
#include <stddef.h>

/* The number of the alternative that `text` is, counted from 0; -1: none. */
int form_match(const char *form, const char *text);

/* Alternative i: its fixed part into word[0..size), and in *open whether a part of the user's
 * follows.  False behind the last. */
bool form_alternative(const char *form, unsigned i, char *word, size_t size, bool *open);

/* "auto, channel or pattern:REGEX" into text[0..size); returns it. */
char *form_sentence(const char *form, char *text, size_t size);

/* True when an alternative is exactly that word. */
bool form_has(const char *form, const char *word);

/* True when a file may be meant: an alternative is FILE or PATH. */
bool form_has_file(const char *form);

/* True when a job of the ledger may be meant: an alternative is JOB. */
bool form_has_job(const char *form);

#endif
