/* SPDX-License-Identifier: Apache-2.0
 *
 * Building JSON over jansson: a stack of open values, and one flag for failure.
 */
#include "show/json/json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

/* A double holds 15 digits; sums and divisions leave noise in the last ones (0.30000000000000004),
 * and no sensor knows more than 12. */
enum { DEPTH = 16, DIGITS = 12 };

struct json_doc {
    json_t *open[DEPTH]; /* [0] is the document and owns all others */
    int depth;           /* of the one that values go into */
    bool failed;
};

struct json_doc *json_doc_new(void)
{
    struct json_doc *doc = calloc(1, sizeof *doc);
    if (doc && !(doc->open[0] = json_object())) {
        free(doc);
        return NULL;
    }
    return doc;
}

struct json_doc *json_doc_free(struct json_doc *doc)
{
    if (doc) {
        json_decref(doc->open[0]);
        free(doc);
    }
    return NULL;
}

void json_doc_fail(struct json_doc *doc)
{
    if (doc)
        doc->failed = true;
}

/* Takes `value` into the innermost open one. */
static void put(struct json_doc *doc, const char *key, json_t *value)
{
    if (!doc) {
        json_decref(value);
        return;
    }
    json_t *into = doc->open[doc->depth];
    int rc = key ? json_object_set_new(into, key, value) : json_array_append_new(into, value);
    if (rc)
        doc->failed = true;
}

static void open_one(struct json_doc *doc, const char *key, json_t *value)
{
    put(doc, key, value);
    if (!doc || doc->failed)
        return;
    if (doc->depth + 1 == DEPTH)
        doc->failed = true;
    else
        doc->open[++doc->depth] = value; /* borrowed: its parent owns it */
}

void json_open_object(struct json_doc *doc, const char *key)
{
    open_one(doc, key, json_object());
}

void json_open_array(struct json_doc *doc, const char *key)
{
    open_one(doc, key, json_array());
}

void json_close(struct json_doc *doc)
{
    if (doc && doc->depth > 0 && !doc->failed)
        doc->depth--;
}

void json_put_number(struct json_doc *doc, const char *key, double value)
{
    if (value == 0)
        value = 0; /* -0 would be printed as "-0.0" */
    put(doc, key, isfinite(value) ? json_real(value) : json_null());
}

void json_put_integer(struct json_doc *doc, const char *key, int64_t value)
{
    put(doc, key, json_integer(value));
}

void json_put_count(struct json_doc *doc, const char *key, uint64_t value)
{
    put(doc, key, value > INT64_MAX ? json_null() : json_integer((json_int_t)value));
}

void json_put_bool(struct json_doc *doc, const char *key, bool value)
{
    put(doc, key, json_boolean(value));
}

void json_put_null(struct json_doc *doc, const char *key)
{
    put(doc, key, json_null());
}

void json_put_text(struct json_doc *doc, const char *key, const char *text)
{
    if (!text) {
        put(doc, key, json_null());
        return;
    }
    struct buffer valid = {0};
    text_repair(&valid, text);
    put(doc, key, valid.failed ? NULL : json_string(buffer_text(&valid)));
    buffer_clear(&valid);
}

static int append(const char *bytes, size_t length, void *out)
{
    buffer_append(out, bytes, length);
    return 0;
}

int json_write_buffer(const struct json_doc *doc, enum json_style style, struct buffer *out,
                      struct wt_error *err)
{
    size_t flags = JSON_REAL_PRECISION(DIGITS) | (style == JSON_PRETTY ? JSON_INDENT(2) : 0);
    if (!doc || doc->failed || json_dump_callback(doc->open[0], append, out, flags))
        return error_set(err, WT_E_NO_MEMORY, "the JSON document cannot be made: out of memory");
    buffer_append(out, "\n", 1);
    return out->failed
               ? error_set(err, WT_E_NO_MEMORY, "the JSON document cannot be made: out of memory")
               : 0;
}

int json_write_stream(const struct json_doc *doc, enum json_style style, FILE *stream,
                      struct wt_error *err)
{
    struct buffer text = {0};
    int rc = json_write_buffer(doc, style, &text, err);
    if (rc == 0 && (fwrite(text.text, 1, text.length, stream) != text.length || fflush(stream)))
        rc = error_set(err, WT_E_IO, "the JSON document cannot be written: %s", strerror(errno));
    buffer_clear(&text);
    return rc;
}

int json_write_file(const struct json_doc *doc, enum json_style style, const char *path,
                    struct wt_error *err)
{
    struct buffer text = {0};
    int rc = json_write_buffer(doc, style, &text, err);
    if (rc == 0)
        rc = file_write(path, text.text, text.length, 0644, err);
    buffer_clear(&text);
    return rc;
}
