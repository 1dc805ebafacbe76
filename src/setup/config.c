/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration: the values in force, from defaults, files, variables and options.
 */
#include "setup/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "setup/config_file.h"

int config_put(struct config *config, enum config_id id, enum config_origin origin, unsigned line,
               const char *name, const char *text, struct wt_error *err)
{
    struct config_value *value = &config->values[id];
    int rc = option_read(&config_rows[id], name, text, NULL, err);
    if (rc || value->origin > origin)
        return rc;
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
             config_rows[id].name ? config_rows[id].name : config_rows[id].setting.key);
    return config_put(config, id, CONFIG_FROM_FLAG, 0, name, text, err);
}

/* --- Loading --- */

static int read_variables(struct config *config, struct wt_error *err)
{
    for (unsigned i = 0; i < CONFIG_COUNT && config->places.variable; i++) {
        const char *variable = config_rows[i].setting.variable;
        const char *text = config->places.variable(variable);
        int rc = text && *text ? config_put(config, (enum config_id)i, CONFIG_ENVIRONMENT, 0,
                                            variable, text, err)
                               : 0;
        if (rc)
            return rc;
    }
    return 0;
}

static int put_defaults(struct config *config, struct wt_error *err)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < CONFIG_COUNT; i++)
        if (config_rows[i].fallback)
            rc = config_put(config, (enum config_id)i, CONFIG_DEFAULT, 0,
                            config_rows[i].setting.key, config_rows[i].fallback, err);
    return rc;
}

int config_load(struct config *config, const struct config_places *places, struct wt_error *err)
{
    *config = (struct config){.places = *places};
    int rc = put_defaults(config, err);
    if (rc)
        return rc;
    if (places->system_path[0]) {
        rc = config_read_file(config, places->system_path, CONFIG_SYSTEM_FILE, err);
        /* The machine's file may be closed to all but root: others continue without it. */
        if (rc == WT_E_NO_PERMISSION && geteuid() != 0) {
            log_detail("%s cannot be read; continuing without it", places->system_path);
            rc = 0;
        }
    }
    if (rc == 0 && places->user_path[0])
        rc = config_read_file(config, places->user_path, CONFIG_USER_FILE, err);
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
    return strtod(config->values[id].text, NULL); /* config_put() has checked it */
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
        snprintf(text, size, "%s", config_rows[id].setting.variable);
        break;
    case CONFIG_FROM_FLAG:
        snprintf(text, size, "--%s", config_rows[id].name);
        break;
    }
    return text;
}

/* postgresql://user:password@host/name?password=...: masks everything between the user and the last
 * @, and everything behind the question mark: better too much than a part of a password. */
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
        query < at) { /* a question mark in a password, or an @ behind it: ambiguous */
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
    if (config_rows[id].setting.secret == OPTION_TOKEN)
        snprintf(text, size, "%s", *value ? "***" : "");
    else if (config_rows[id].setting.secret)
        mask(value, text, size);
    else
        snprintf(text, size, "%s", value);
    return text;
}
