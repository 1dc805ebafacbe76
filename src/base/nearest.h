/* SPDX-License-Identifier: Apache-2.0
 *
 * The nearest of several names to a mistyped word, for the "did you mean" of an error sentence.
 */
#ifndef WATTUNE_BASE_NEAREST_H
#define WATTUNE_BASE_NEAREST_H

/* One search.  Begin with {.word = WORD}, offer the names one by one, then ask.  Borrows all of
 * them. */
struct nearest {
    const char *word;
    const char *name; /* the best so far; NULL: none */
    unsigned score;   /* of `name` */
};

/* Counts the single-byte changes between the word and the name; letters that differ in case only
 * count as equal, and decide between names that are equally near.  Of equals the first wins. */
void nearest_offer(struct nearest *search, const char *name);

/* The nearest name; NULL when no name is near enough to be a slip of the finger: at most one change
 * and a third of the name's bytes, and fewer changes than the word has bytes. */
const char *nearest_name(const struct nearest *search);

#endif
