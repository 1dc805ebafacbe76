/* SPDX-License-Identifier: Apache-2.0
 *
 * The one door to jansson: building a document.  Text becomes valid UTF-8 (wrong bytes U+FFFD),
 * numbers that are not finite become null, and a document that ran out of memory says so once, when
 * it is written.
 *
 * Must not know that energy exists; documents.h beside it has the keys of the contract.
 */
#ifndef WATTUNE_SHOW_JSON_JSON_H
#define WATTUNE_SHOW_JSON_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/error.h"

struct json_doc;

/* A document whose outermost object is open.  NULL when out of memory: every function takes that
 * too.  The caller frees it with json_doc_free(). */
struct json_doc *json_doc_new(void);

/* Takes NULL; returns NULL. */
struct json_doc *json_doc_free(struct json_doc *doc);

/* Inside an object each value has a key; inside an array the key is NULL.  At most 16 levels. */
void json_open_object(struct json_doc *doc, const char *key);
void json_open_array(struct json_doc *doc, const char *key);
void json_close(struct json_doc *doc);

void json_put_number(struct json_doc *doc, const char *key,
                     double value); /* not finite: null; 12 digits */
void json_put_integer(struct json_doc *doc, const char *key, int64_t value);
void json_put_count(struct json_doc *doc, const char *key,
                    uint64_t value); /* above INT64_MAX: null */
void json_put_bool(struct json_doc *doc, const char *key, bool value);
void json_put_text(struct json_doc *doc, const char *key, const char *text); /* NULL: null */
void json_put_null(struct json_doc *doc, const char *key);

/* Says that a part could not be made: writing the document then fails instead of leaving it out. */
void json_doc_fail(struct json_doc *doc);

enum json_style { JSON_LINE, JSON_PRETTY }; /* on one line; indented by two */

/* Appends the document and a newline. */
int json_write_buffer(const struct json_doc *doc, enum json_style style, struct buffer *out,
                      struct wt_error *err);

/* Writes and flushes it.  WT_E_IO: the stream did not take it. */
int json_write_stream(const struct json_doc *doc, enum json_style style, FILE *stream,
                      struct wt_error *err);

/* Replaces the file (0644): the old one or the whole new one is there.  A path that is no regular
 * file (/dev/stdout, a pipe) is written to. */
int json_write_file(const struct json_doc *doc, enum json_style style, const char *path,
                    struct wt_error *err);

#endif
