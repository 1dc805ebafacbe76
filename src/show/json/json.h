/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a JSON document, in memory or onto a stream as it is made.  Text becomes valid UTF-8
 * (wrong bytes U+FFFD), numbers that are not finite become null, and a document that ran out of
 * memory reports it once, when it is written.
 *
 * It must not know that energy exists; documents.h beside it has the keys of the contract.  The
 * form is that of jansson's dump, and tests hold it against that; a tree of jansson values costs
 * five times as much a value, and all of its memory at once.
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

/* The same, indented, onto a stream that the caller keeps open: the text leaves as it is made, and
 * json_doc_finish() is the only way to end it.  After an error the stream has the beginning of a
 * document. */
struct json_doc *json_doc_stream(FILE *stream);

/* WT_E_NO_MEMORY, WT_E_IO: the document has failed, and writing more of it is in vain. */
int json_doc_check(const struct json_doc *doc, struct wt_error *err);

/* Closes all that is open, ends the line and flushes the stream.  WT_E_IO: the stream did not take
 * it. */
int json_doc_finish(struct json_doc *doc, struct wt_error *err);

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

/* Marks a part as not made: writing the document then fails instead of leaving it out. */
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
