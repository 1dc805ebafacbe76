/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration: for each row of setup/config_rows.h the value in force and its origin.
 * Options precede WATTUNE_* variables, which precede the user's file, the machine's file and the
 * default, in this order.  One rule, the row's, checks a value from any of these places.
 */
#ifndef WATTUNE_SETUP_CONFIG_H
#define WATTUNE_SETUP_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "setup/config_rows.h"

/* From weak to strong. */
enum config_origin {
    CONFIG_DEFAULT,
    CONFIG_SYSTEM_FILE,
    CONFIG_USER_FILE,
    CONFIG_ENVIRONMENT,
    CONFIG_FROM_FLAG
};

struct config_value {
    char *text; /* NULL: not set, and no default */
    enum config_origin origin;
    unsigned line; /* of the file */
};

/* The files and variables of the configuration; "": no such file. */
struct config_places {
    char system_path[PATH_MAX], user_path[PATH_MAX];
    const char *(*variable)(const char *name); /* NULL: no environment */
};

struct config {
    struct config_places places;
    struct config_value values[CONFIG_COUNT];
};

/* Fills in the usual places.  Root acting for another user (sudo) reads no user's file. */
void config_usual_places(struct config_places *places);

/* Fills an empty struct, which the caller clears with config_clear().  WT_E_PARSE and WT_E_RANGE
 * name file and line or the variable; *config holds the defaults then. */
int config_load(struct config *config, const struct config_places *places, struct wt_error *err);
void config_clear(struct config *config);

/* Sets a key from the given origin, unless a stronger origin has set it already.  `name` is the
 * name of the key at that place, for the sentence of WT_E_PARSE and WT_E_RANGE; `line` is that of
 * the file. */
int config_put(struct config *config, enum config_id id, enum config_origin origin, unsigned line,
               const char *name, const char *text, struct wt_error *err);

/* The same from the option of a key (0 <= id < CONFIG_COUNT), the strongest origin. */
int config_put_flag(struct config *config, enum config_id id, const char *text,
                    struct wt_error *err);

/* The value in force; NULL: not set. */
const char *config_text(const struct config *config, enum config_id id);
double config_number(const struct config *config, enum config_id id); /* of an OPTION_NUMBER */
bool config_is(const struct config *config, enum config_id id, const char *text);

/* Its origin in words: "--eta", "WATTUNE_ETA", "/etc/wattune/wattune.conf:3" or "default". */
char *config_where(const struct config *config, enum config_id id, char *text, size_t size);

/* The value for printing: a token, and a password in an address, is "***".  Not set: "". */
char *config_shown(const struct config *config, enum config_id id, char *text, size_t size);

#endif
