/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of the configuration, read through inih.
 *
 * inih is handed one line at a time by a reader of ours, which refuses the lines that inih would
 * silently change: lines longer than its buffer (it would take the rest for a line of its own),
 * bytes of 0, and indented lines (it would append them to the value above).  The reader also counts
 * the lines, so that each value knows its own.
 */
#include "setup/config_file.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/nearest.h"
#include "base/text.h"

/* A file of settings has a few lines; a larger file is something else. */
enum { FILE_MOST = 64 * 1024, SHOWN = 80 };

struct reading {
    struct config *config;
    enum config_origin origin;
    const char *path;
    const char *at, *end;
    unsigned line;
    int rc;
    struct wt_error *err;
    unsigned seen[CONFIG_COUNT]; /* the line that set the key; 0: none yet */
};

__attribute__((format(printf, 3, 4))) static void stop(struct reading *reading, int code,
                                                       const char *format, ...)
{
    if (reading->rc)
        return; /* the first error is the one to report */
    char words[400];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    reading->rc = error_set(reading->err, code, "%s:%u: %s", reading->path, reading->line, words);
}

static void stop_unknown(struct reading *reading, const char *name)
{
    char shown[SHOWN], meant[SHOWN];
    struct nearest search = {.word = name};
    for (unsigned i = 0; i < CONFIG_COUNT; i++)
        nearest_offer(&search, config_rows[i].setting.key);
    const char *key = nearest_name(&search);
    text_escape_into(shown, sizeof shown, name);
    stop(reading, WT_E_PARSE, "there is no key \"%s\"%s", shown,
         key ? option_meant(key, meant, sizeof meant) : "; `wattune config` lists the keys");
}

static int take(void *opaque, const char *section, const char *name, const char *text)
{
    struct reading *reading = opaque;
    char shown[SHOWN];
    if (*section) {
        stop(reading, WT_E_PARSE, "[%s]: this file has no sections",
             text_escape_into(shown, sizeof shown, section));
        return 1;
    }
    for (unsigned i = 0; i < CONFIG_COUNT; i++) {
        struct wt_error err;
        if (strcmp(config_rows[i].setting.key, name) != 0)
            continue;
        int rc = config_put(reading->config, (enum config_id)i, reading->origin, reading->line,
                            name, text, &err);
        if (rc)
            stop(reading, rc, "%s", err.text);
        else if (reading->seen[i])
            stop(reading, WT_E_PARSE, "%s is set in line %u already", name, reading->seen[i]);
        reading->seen[i] = reading->line;
        return 1;
    }
    stop_unknown(reading, name);
    return 1;
}

/* Control characters have no place in a setting; a carriage return at the end of a line comes from
 * another system. */
static bool has_control(const char *line, size_t length)
{
    if (length && line[length - 1] == '\r')
        length--;
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
            return true;
    return false;
}

static char *next_line(char *place, int size, void *opaque)
{
    struct reading *reading = opaque;
    if (reading->at == reading->end || reading->rc)
        return NULL;
    const char *line = reading->at, *end = memchr(line, '\n', (size_t)(reading->end - line));
    size_t length = (size_t)((end ? end : reading->end) - line);
    reading->at = end ? end + 1 : reading->end;
    reading->line++;
    if (has_control(line, length))
        stop(reading, WT_E_PARSE, "the line holds a control character");
    while (length && (*line == ' ' || *line == '\t')) {
        line++;
        length--;
    }
    if (length + 2 > (size_t)size)
        stop(reading, WT_E_RANGE, "the line is longer than %d bytes (a variable may be)", size - 2);
    if (reading->rc)
        return NULL;
    memcpy(place, line, length);
    memcpy(place + length, "\n", 2);
    return place;
}

/* Root loads the library that a file names: that file must be root's alone. */
static int check_owner(const char *path, const struct stat *st, struct wt_error *err)
{
    if (!S_ISREG(st->st_mode))
        return error_set(err, WT_E_PARSE, "%s is not a regular file", path);
    if (geteuid() == 0 && (st->st_uid != 0 || (st->st_mode & 022)))
        return error_set(err, WT_E_NO_PERMISSION,
                         "%s is read by root: it must be root's and closed to others for writing",
                         path);
    return 0;
}

int config_read_file(struct config *config, const char *path, enum config_origin origin,
                     struct wt_error *err)
{
    struct buffer text = {0};
    struct stat st;
    if (stat(path, &st)) {
        if (errno == ENOENT || errno == ENOTDIR)
            return 0;
        return error_set(err, errno == EACCES ? WT_E_NO_PERMISSION : WT_E_IO, "open %s: %s", path,
                         strerror(errno));
    }
    int rc = check_owner(path, &st, err);
    if (rc == 0)
        rc = file_read(path, FILE_MOST, &text, err);
    if (rc == 0 && text.length) {
        struct reading reading = {.config = config,
                                  .origin = origin,
                                  .path = path,
                                  .at = text.text,
                                  .end = text.text + text.length,
                                  .err = err};
        int line = ini_parse_stream(next_line, &reading, take, &reading);
        if (reading.rc == 0 && line > 0) {
            reading.line = (unsigned)line;
            stop(&reading, WT_E_PARSE, "a line is NAME = VALUE, or a remark after #");
        }
        rc = reading.rc;
    }
    buffer_clear(&text);
    return rc;
}
