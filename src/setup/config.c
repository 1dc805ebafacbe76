/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration: files through inih, variables, flags, and one check for all three.
 *
 * inih is handed one line at a time by a reader of ours, which refuses what inih would quietly
 * bend: lines longer than its buffer (it would take the rest for a line of its own), bytes of 0,
 * and indented lines (it would append them to the value above).  The reader also counts the lines,
 * so that each value knows its own.
 */
#include "setup/config.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/text.h"
#include "setup/form.h"

/* A file of settings has some lines; what is larger is something else. */
enum { FILE_MOST = 64 * 1024, SHOWN = 80 };

#define ROW(id, name, variable, flag, type, form, least, most, fallback, secret, help)             \
    {name, variable, flag, type, form, least, most, fallback, secret, help},
const struct config_key config_keys[CONFIG_COUNT] = {CONFIG_KEYS(ROW)};
#undef ROW

/* --- One value --- */

static int check_watts(const char *text)
{
    uint32_t limits_mw[WT_MAX_LIMITS];
    int n = strcmp(text, "auto") == 0 ? 0 : parse_watt_list(text, limits_mw, WT_MAX_LIMITS);
    return n < 0 ? n : 0;
}

/* Says what is wrong with `text`: "eta is a number from 0 to 1, not ...". */
static int check(const struct config_key *key, const char *name, const char *text,
                 struct wt_error *err)
{
    char shown[SHOWN], form[256];
    double number;
    size_t length = strlen(text);
    text_escape_into(shown, sizeof shown, key->secret ? "(not shown)" : text);
    switch (key->type) {
    case CONFIG_TEXT:
        if ((double)length < key->least || (double)length > key->most)
            return error_set(err, WT_E_RANGE, "%s has %g to %g bytes, not %zu", name, key->least,
                             key->most, length);
        return 0;
    case CONFIG_NUMBER:
        if (parse_number(text, key->least, key->most, &number))
            return error_set(err, WT_E_PARSE, "%s is a number from %g to %g, not \"%s\"", name,
                             key->least, key->most, shown);
        return 0;
    case CONFIG_CHOICE:
        if (form_match(key->form, text) < 0)
            return error_set(err, WT_E_PARSE, "%s is %s, not \"%s\"", name,
                             form_sentence(key->form, form, sizeof form), shown);
        return 0;
    case CONFIG_WATTS:
        if (check_watts(text))
            return error_set(err, WT_E_PARSE,
                             "%s is auto or a list of at most %d different watts, not \"%s\"", name,
                             WT_MAX_LIMITS, shown);
        return 0;
    }
    return 0;
}

static int put(struct config *config, enum config_id id, enum config_origin origin, unsigned line,
               const char *text, struct wt_error *err)
{
    struct config_value *value = &config->values[id];
    if (value->origin > origin)
        return 0;
    char *copy = strdup(text);
    if (!copy)
        return error_set(err, WT_E_NO_MEMORY, "read the configuration: out of memory");
    free(value->text);
    *value = (struct config_value){copy, origin, line};
    return 0;
}

int config_put_flag(struct config *config, enum config_id id, const char *text,
                    struct wt_error *err)
{
    char name[40];
    snprintf(name, sizeof name, "--%s",
             config_keys[id].flag ? config_keys[id].flag : config_keys[id].name);
    int rc = check(&config_keys[id], name, text, err);
    return rc ? rc : put(config, id, CONFIG_FROM_FLAG, 0, text, err);
}

/* --- A file --- */

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
        return; /* the first is the one to tell */
    char words[400];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    reading->rc = error_set(reading->err, code, "%s:%u: %s", reading->path, reading->line, words);
}

static void stop_unknown(struct reading *reading, const char *name)
{
    char shown[SHOWN];
    unsigned best = 0, best_distance = TEXT_DISTANCE_MOST;
    for (unsigned i = 0; i < CONFIG_COUNT; i++) {
        unsigned d = text_distance(name, config_keys[i].name);
        if (d < best_distance) {
            best_distance = d;
            best = i;
        }
    }
    text_escape_into(shown, sizeof shown, name);
    if (best_distance <= 1 + strlen(config_keys[best].name) / 3)
        stop(reading, WT_E_PARSE, "there is no key \"%s\"; similar: %s", shown,
             config_keys[best].name);
    else
        stop(reading, WT_E_PARSE, "there is no key \"%s\"; `wattune config` lists them", shown);
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
        if (strcmp(config_keys[i].name, name) != 0)
            continue;
        int rc = check(&config_keys[i], name, text, &err);
        if (rc)
            stop(reading, rc, "%s", err.text);
        else if (reading->seen[i])
            stop(reading, WT_E_PARSE, "%s is set in line %u already", name, reading->seen[i]);
        else if (put(reading->config, (enum config_id)i, reading->origin, reading->line, text,
                     &err))
            stop(reading, WT_E_NO_MEMORY, "%s", err.text);
        reading->seen[i] = reading->line;
        return 1;
    }
    stop_unknown(reading, name);
    return 1;
}

/* Control characters have no place in a setting; a carriage return at the end of a line is another
 * system's. */
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

/* Root loads a library because a file says so: that file must be root's alone. */
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

static int read_file(struct config *config, const char *path, enum config_origin origin,
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

/* --- All of it --- */

static int read_variables(struct config *config, struct wt_error *err)
{
    for (unsigned i = 0; i < CONFIG_COUNT && config->places.variable; i++) {
        const char *text = config->places.variable(config_keys[i].variable);
        if (!text || !*text)
            continue;
        int rc = check(&config_keys[i], config_keys[i].variable, text, err);
        if (rc == 0)
            rc = put(config, (enum config_id)i, CONFIG_ENVIRONMENT, 0, text, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int put_defaults(struct config *config, struct wt_error *err)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < CONFIG_COUNT; i++)
        if (config_keys[i].fallback)
            rc = put(config, (enum config_id)i, CONFIG_DEFAULT, 0, config_keys[i].fallback, err);
    return rc;
}

int config_load(struct config *config, const struct config_places *places, struct wt_error *err)
{
    *config = (struct config){.places = *places};
    int rc = put_defaults(config, err);
    if (rc)
        return rc;
    if (places->system_path[0]) {
        rc = read_file(config, places->system_path, CONFIG_SYSTEM_FILE, err);
        /* The machine's file may be for root's eyes: others go on without it. */
        if (rc == WT_E_NO_PERMISSION && geteuid() != 0) {
            log_detail("%s cannot be read and is left out", places->system_path);
            rc = 0;
        }
    }
    if (rc == 0 && places->user_path[0])
        rc = read_file(config, places->user_path, CONFIG_USER_FILE, err);
    if (rc == 0)
        rc = read_variables(config, err);
    if (rc) {
        config_clear(config);
        config->places = *places;
        put_defaults(config, NULL);
    }
    return rc;
}

void config_clear(struct config *config)
{
    for (unsigned i = 0; i < CONFIG_COUNT; i++)
        free(config->values[i].text);
    *config = (struct config){0};
}

static const char *variable(const char *name)
{
    return secure_getenv(name);
}

void config_usual_places(struct config_places *places)
{
    const char *xdg = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME"),
               *caller = getenv("SUDO_UID");
    *places =
        (struct config_places){.system_path = "/etc/wattune/wattune.conf", .variable = variable};
    if (geteuid() == 0 && caller && strcmp(caller, "0") != 0)
        return;
    int n = 0;
    if (xdg && xdg[0] == '/')
        n = snprintf(places->user_path, sizeof places->user_path, "%s/wattune/wattune.conf", xdg);
    else if (home && home[0] == '/')
        n = snprintf(places->user_path, sizeof places->user_path, "%s/.config/wattune/wattune.conf",
                     home);
    if ((size_t)n >= sizeof places->user_path)
        places->user_path[0] = '\0';
}

/* --- Asking --- */

const char *config_text(const struct config *config, enum config_id id)
{
    return config->values[id].text;
}

double config_number(const struct config *config, enum config_id id)
{
    return strtod(config->values[id].text, NULL); /* checked when it was put */
}

bool config_is(const struct config *config, enum config_id id, const char *text)
{
    const char *value = config->values[id].text;
    return value && strcmp(value, text) == 0;
}

char *config_where(const struct config *config, enum config_id id, char *text, size_t size)
{
    const struct config_value *value = &config->values[id];
    switch (value->origin) {
    case CONFIG_DEFAULT:
        snprintf(text, size, "default");
        break;
    case CONFIG_SYSTEM_FILE:
        snprintf(text, size, "%s:%u", config->places.system_path, value->line);
        break;
    case CONFIG_USER_FILE:
        snprintf(text, size, "%s:%u", config->places.user_path, value->line);
        break;
    case CONFIG_ENVIRONMENT:
        snprintf(text, size, "%s", config_keys[id].variable);
        break;
    case CONFIG_FROM_FLAG:
        snprintf(text, size, "--%s", config_keys[id].flag);
        break;
    }
    return text;
}

/* postgresql://user:password@host/name?password=...: what stands between the user and the last @,
 * and all behind the question mark.  Rather too much than a part of a password. */
static void mask(const char *address, char *text, size_t size)
{
    const char *slashes = strstr(address, "://");
    if (!slashes) {
        snprintf(text, size, "%s", address);
        return;
    }
    const char *body = slashes + 3, *at = strrchr(body, '@'), *query = strchr(body, '?');
    int user = at ? (int)strcspn(body, ":@/?") : 0;
    if (at && query &&
        query < at) { /* a question mark in a password, or an @ in what follows it: nobody knows */
        snprintf(text, size, "%.*s%.*s:***", (int)(body - address), address, user, body);
        return;
    }
    const char *host = at ? at : body;
    snprintf(text, size, "%.*s%.*s%s%.*s%s", (int)(body - address), address, user, body,
             at && body + user != at ? ":***" : "", query ? (int)(query - host) : (int)strlen(host),
             host, query ? "?***" : "");
}

char *config_shown(const struct config *config, enum config_id id, char *text, size_t size)
{
    const char *value = config->values[id].text ? config->values[id].text : "";
    if (config_keys[id].secret == CONFIG_TOKEN)
        snprintf(text, size, "%s", *value ? "***" : "");
    else if (config_keys[id].secret)
        mask(value, text, size);
    else
        snprintf(text, size, "%s", value);
    return text;
}
