/* SPDX-License-Identifier: Apache-2.0
 *
 * An identity of learned state as a sentence, for people and for the field "options" of documents.
 * Nothing reads it back.
 */
#ifndef WATTUNE_SHOW_TEXT_IDENTITY_H
#define WATTUNE_SHOW_TEXT_IDENTITY_H

#include "flow/identity.h"

/* Writes "accuracy>=0.9 in 100 epochs, default 64 of 32,64, eta 0.5, ..."; of an opaque identity
 * its words.  Cut to WT_OPTIONS_LEN - 1 bytes. */
void view_identity_words(const struct wt_identity *identity, char words[WT_OPTIONS_LEN]);

#endif
