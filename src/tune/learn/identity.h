/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities of learned state as keys of a store: a canonical text, and back.  Sentences for people
 * are made in show/ and are no keys.
 */
#ifndef WATTUNE_TUNE_LEARN_IDENTITY_H
#define WATTUNE_TUNE_LEARN_IDENTITY_H

#include <stddef.h>

#include "flow/study.h"
#include "tune/decide/target.h"

/* No key is longer, the terminating 0 included. */
enum { LEARN_KEY_LEN = 4096 };

/* Writes the key of an identity: version, then each field by its name in a fixed order, names with
 * their length in front, numbers in one form whatever the locale.  Two identities have the same key
 * exactly when they are equal; fields that do not count (wt_identity) are left out. */
void learn_identity_encode(const struct wt_identity *identity, char key[LEARN_KEY_LEN]);

/* Reads a key back.  One that this version did not write gives an opaque identity with the key as
 * its words, cut to WT_OPTIONS_LEN - 1 bytes. */
void learn_identity_decode(const char *key, struct wt_identity *identity);

/* Writes a double with 12 significant digits and a decimal point in every locale: "0.9", "inf". */
enum { LEARN_NUMBER_LEN = 24 };
char *learn_number(double value, char text[LEARN_NUMBER_LEN]);

/* Reads back exactly such a number; false, and *value as it was, for any other text. */
bool learn_read_number(const char *text, size_t length, double *value);

/* Equal as keys are.  An opaque identity equals nothing. */
bool learn_identity_equal(const struct wt_identity *a, const struct wt_identity *b);

/* The target in words: "accuracy>=0.9". */
void learn_target_words(const struct target *target, char text[WT_TARGET_LEN]);

/* The target of an identity that is not opaque. */
struct target learn_identity_target(const struct wt_identity *identity);

#endif
