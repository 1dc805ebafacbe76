/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing JSON: each value becomes text at once, in the indented form, so that a document of any
 * length needs no tree in memory.  A stack of what is open knows which brackets and commas are due.
 */
#include "show/json/json.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

/* A double holds 15 digits; sums and divisions leave noise in the last ones (0.30000000000000004),
 * and no sensor knows more than 12. */
enum { DEPTH = 16, DIGITS = 12 };

/* A write costs as much as a few rows. */
enum { LONG = 64 * 1024 };

struct json_doc {
    struct buffer text;
    FILE *stream; /* takes the text as it grows; NULL: all of it stays in memory */
    int depth;    /* of what values go into; 0: the document itself */
    char close[DEPTH];
    bool filled[DEPTH]; /* has a value */
    bool failed;
    int write_errno; /* of the stream; 0: it has taken everything */
};

struct json_doc *json_doc_new(void)
{
    struct json_doc *doc = calloc(1, sizeof *doc);
    if (doc) {
        doc->close[0] = '}';
        buffer_append(&doc->text, "{", 1);
    }
    return doc;
}

struct json_doc *json_doc_stream(FILE *stream)
{
    struct json_doc *doc = json_doc_new();
    if (doc)
        doc->stream = stream;
    return doc;
}

struct json_doc *json_doc_free(struct json_doc *doc)
{
    if (doc) {
        buffer_clear(&doc->text);
        free(doc);
    }
    return NULL;
}

void json_doc_fail(struct json_doc *doc)
{
    if (doc)
        doc->failed = true;
}

/* --- The stream --- */

static void write_out(struct json_doc *doc)
{
    size_t length = doc->text.length;
    if (!doc->stream || doc->write_errno)
        return;
    if (length && fwrite(doc->text.text, 1, length, doc->stream) != length)
        doc->write_errno = errno ? errno : EIO;
    doc->text.length = 0;
}

int json_doc_check(const struct json_doc *doc, struct wt_error *err)
{
    if (doc && doc->write_errno)
        return error_set(err, WT_E_IO, "the JSON document cannot be written: %s",
                         strerror(doc->write_errno));
    if (!doc || doc->failed || doc->text.failed)
        return error_set(err, WT_E_NO_MEMORY, "the JSON document cannot be made: out of memory");
    return 0;
}

/* --- Values --- */

static void new_line(struct buffer *text, int depth)
{
    char line[2 + 2 * DEPTH];
    memset(line, ' ', sizeof line);
    line[0] = '\n';
    buffer_append(text, line, 1 + 2 * (size_t)depth);
}

static void put_quoted(struct buffer *text, const char *valid)
{
    buffer_append(text, "\"", 1);
    while (*valid) {
        size_t plain = 0;
        while ((unsigned char)valid[plain] >= 0x20 && valid[plain] != '"' && valid[plain] != '\\')
            plain++;
        buffer_append(text, valid, plain);
        valid += plain;
        if (!*valid)
            break;
        static const char controls[] = "\b\f\n\r\t", names[] = "bfnrt";
        const char *control = strchr(controls, *valid);
        if (control)
            buffer_print(text, "\\%c", names[control - controls]);
        else if (*valid == '"' || *valid == '\\')
            buffer_print(text, "\\%c", *valid);
        else
            buffer_print(text, "\\u%04X", (unsigned char)*valid);
        valid++;
    }
    buffer_append(text, "\"", 1);
}

/* Makes room for a value: comma, line, key.  False: the document has failed. */
static bool begin(struct json_doc *doc, const char *key)
{
    if (!doc || doc->failed)
        return false;
    if (doc->text.length >= LONG)
        write_out(doc);
    if (doc->filled[doc->depth])
        buffer_append(&doc->text, ",", 1);
    doc->filled[doc->depth] = true;
    new_line(&doc->text, doc->depth + 1);
    if (key) {
        put_quoted(&doc->text, key);
        buffer_append(&doc->text, ": ", 2);
    }
    return true;
}

static void put(struct json_doc *doc, const char *key, const char *value)
{
    if (begin(doc, key))
        buffer_append(&doc->text, value, strlen(value));
}

static void open_one(struct json_doc *doc, const char *key, char bracket, char close)
{
    if (!begin(doc, key))
        return;
    if (doc->depth + 1 == DEPTH) {
        doc->failed = true;
        return;
    }
    buffer_append(&doc->text, &bracket, 1);
    doc->close[++doc->depth] = close;
    doc->filled[doc->depth] = false;
}

void json_open_object(struct json_doc *doc, const char *key)
{
    open_one(doc, key, '{', '}');
}

void json_open_array(struct json_doc *doc, const char *key)
{
    open_one(doc, key, '[', ']');
}

/* The bracket that closes what is open at that depth. */
static void put_close(const struct json_doc *doc, struct buffer *text, int depth)
{
    if (doc->filled[depth])
        new_line(text, depth);
    buffer_append(text, &doc->close[depth], 1);
}

void json_close(struct json_doc *doc)
{
    if (doc && doc->depth > 0 && !doc->failed) {
        put_close(doc, &doc->text, doc->depth);
        doc->depth--;
    }
}

/* As print_real() does, in a tenth of its time: scales the number to 12 digits before the point.
 * False where only printf is exact: sizes that need an exponent, and ties. */
static bool print_quickly(char text[40], double value)
{
    static const long double powers[] = {1e0L, 1e1L, 1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,
                                         1e8L, 1e9L, 1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L};
    const long double doubt = 4e12L * LDBL_EPSILON;
    long double size = value < 0 ? -(long double)value : value;
    int shift = DIGITS - 1; /* decimal places that 12 digits leave */
    if (!(size >= 1e-4L && size < 1e11L))
        return false;
    while (size * powers[shift] < 1e11L)
        shift++;
    while (size * powers[shift] >= 1e12L)
        shift--;
    long double scaled = size * powers[shift];
    uint64_t digits = (uint64_t)scaled;
    long double rest = scaled - (long double)digits;
    if (fabsl(rest - 0.5L) < doubt)
        return false;
    digits += rest > 0.5L;
    for (; shift > 1 && digits % 10 == 0; shift--)
        digits /= 10;
    char *end = text + 39, *at = end;
    *at = '\0';
    for (int place = 0; digits || place <= shift; place++) {
        if (place == shift && place)
            *--at = '.';
        *--at = (char)('0' + digits % 10);
        digits /= 10;
    }
    if (value < 0)
        *--at = '-';
    memmove(text, at, (size_t)(end - at) + 1);
    return true;
}

/* A document must read as a real number what is one: 5.0, 1e20. */
static void print_real(char text[40], double value)
{
    if (print_quickly(text, value))
        return;
    snprintf(text, 40, "%.*g", DIGITS, value);
    char *exponent = strchr(text, 'e');
    if (!exponent) {
        if (!strchr(text, '.'))
            strcat(text, ".0");
        return;
    }
    char *to = exponent + 1, *from = to;
    if (*from == '-')
        to++;
    from++; /* the sign, which is always there */
    while (*from == '0')
        from++;
    memmove(to, from, strlen(from) + 1);
}

void json_put_number(struct json_doc *doc, const char *key, double value)
{
    char text[40];
    if (value == 0)
        value = 0; /* -0 would be printed as "-0.0" */
    if (!isfinite(value)) {
        put(doc, key, "null");
        return;
    }
    print_real(text, value);
    put(doc, key, text);
}

void json_put_integer(struct json_doc *doc, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    put(doc, key, text);
}

void json_put_count(struct json_doc *doc, const char *key, uint64_t value)
{
    if (value > INT64_MAX)
        put(doc, key, "null");
    else
        json_put_integer(doc, key, (int64_t)value);
}

void json_put_bool(struct json_doc *doc, const char *key, bool value)
{
    put(doc, key, value ? "true" : "false");
}

void json_put_null(struct json_doc *doc, const char *key)
{
    put(doc, key, "null");
}

static bool is_ascii(const char *text)
{
    while (*text && !(*text & 0x80))
        text++;
    return !*text;
}

void json_put_text(struct json_doc *doc, const char *key, const char *text)
{
    struct buffer valid = {0};
    if (!text) {
        put(doc, key, "null");
        return;
    }
    if (is_ascii(text)) {
        if (begin(doc, key))
            put_quoted(&doc->text, text);
        return;
    }
    text_repair(&valid, text);
    if (valid.failed)
        json_doc_fail(doc);
    else if (begin(doc, key))
        put_quoted(&doc->text, buffer_text(&valid));
    buffer_clear(&valid);
}

/* --- The whole document --- */

/* Takes the indentation out: strings hold no line ends, so each one is the writer's own. */
static void put_on_a_line(struct buffer *out, const char *text)
{
    for (const char *end; (end = strchr(text, '\n')); text = end + 1 + strspn(end + 1, " ")) {
        buffer_append(out, text, (size_t)(end - text));
        if (end > text && end[-1] == ',')
            buffer_append(out, " ", 1);
    }
    buffer_append(out, text, strlen(text));
}

int json_write_buffer(const struct json_doc *doc, enum json_style style, struct buffer *out,
                      struct wt_error *err)
{
    struct buffer end = {0};
    int rc = json_doc_check(doc, err);
    if (rc)
        return rc;
    for (int depth = doc->depth; depth >= 0; depth--)
        put_close(doc, &end, depth);
    out->failed |= end.failed;
    if (style == JSON_LINE) {
        put_on_a_line(out, buffer_text(&doc->text));
        put_on_a_line(out, buffer_text(&end));
    } else {
        buffer_append(out, doc->text.text, doc->text.length);
        buffer_append(out, buffer_text(&end), end.length);
    }
    buffer_append(out, "\n", 1);
    buffer_clear(&end);
    return out->failed
               ? error_set(err, WT_E_NO_MEMORY, "the JSON document cannot be made: out of memory")
               : 0;
}

int json_doc_finish(struct json_doc *doc, struct wt_error *err)
{
    while (doc && doc->depth > 0 && !doc->failed)
        json_close(doc);
    int rc = json_doc_check(doc, err);
    if (rc)
        return rc;
    put_close(doc, &doc->text, 0);
    buffer_append(&doc->text, "\n", 1);
    write_out(doc);
    if (!doc->write_errno && fflush(doc->stream))
        doc->write_errno = errno;
    return json_doc_check(doc, err);
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
