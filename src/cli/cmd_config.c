/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune config: the settings in force.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "cli/command.h"
#include "setup/config.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"

enum { VALUE_SIZE = 4200 };

static struct settings {
    bool json;
} settings;

static const struct option_row options[] = {JSON_ROW(struct settings, json),
                                            CONFIG_RUN_KEYS(CONFIG_ROW)
                                                CONFIG_CARBON_DATA_KEYS(CONFIG_ROW){0}};

struct shown {
    bool set;
    char value[VALUE_SIZE], where[PATH_MAX + 16];
    const char *origin;
};

/* Fills in one key; the ledger's default depends on the user, so no row can hold it. */
static void show(const struct setup *setup, enum config_id id, struct shown *shown)
{
    static const char *const origins[] = {"default", "file", "file", "environment", "flag"};
    const struct config *config = setup->config;
    config_shown(config, id, shown->value, sizeof shown->value);
    config_where(config, id, shown->where, sizeof shown->where);
    shown->origin = origins[config->values[id].origin];
    shown->set = config_text(config, id) != NULL;
    if (id == CONFIG_LEDGER && !shown->set)
        shown->set = ledger_path(setup, shown->value, sizeof shown->value, NULL) == 0;
}

static int print(const struct setup *setup, const struct shown shown[])
{
    struct view_setting rows[CONFIG_COUNT];
    struct json_setting values[CONFIG_COUNT];
    struct buffer page = {0};
    for (unsigned i = 0; i < CONFIG_COUNT; i++) {
        const char *value = shown[i].set ? shown[i].value : NULL;
        bool is_default = setup->config->values[i].origin == CONFIG_DEFAULT;
        rows[i] = (struct view_setting){config_rows[i].setting.key, value, shown[i].where};
        values[i] = (struct json_setting){config_rows[i].setting.key, value, shown[i].origin,
                                          is_default ? NULL : shown[i].where};
    }
    if (settings.json) {
        const struct config_places *places = &setup->config->places;
        const char *files[3] = {0};
        unsigned n = 0;
        if (places->user_path[0])
            files[n++] = places->user_path;
        if (places->system_path[0])
            files[n++] = places->system_path;
        struct wt_error err;
        struct json_doc *doc = json_config_document(values, CONFIG_COUNT, files);
        int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
        json_doc_free(doc);
        return rc ? command_failed(&err) : EXIT_DONE;
    }
    view_config(&page, rows, CONFIG_COUNT, command_colour(setup));
    return command_print(&page);
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct shown *shown = calloc(CONFIG_COUNT, sizeof *shown);
    if (!shown) {
        struct wt_error err;
        error_set(&err, WT_E_NO_MEMORY, "out of memory");
        return command_failed(&err);
    }
    for (unsigned i = 0; i < CONFIG_COUNT; i++)
        show(setup, (enum config_id)i, &shown[i]);
    int code = print(setup, shown);
    free(shown);
    return code;
}

const struct command command_config = {
    .name = "config",
    .summary = "print the settings in force and the origin of each",
    .description =
        "A setting comes from the first place that has it: an option, the variable of its name "
        "(WATTUNE_ETA for eta), the user's file $XDG_CONFIG_HOME/wattune/wattune.conf "
        "(~/.config/wattune/wattune.conf), the machine's file /etc/wattune/wattune.conf, the "
        "default.\n\n"
        "A file has one NAME = VALUE a line, with the names that this command prints; # at the "
        "beginning of a line or a semicolon behind a space begins a remark. A line has at most "
        "198 bytes. For an unknown name or a wrong value the error names file and line. When root "
        "acts for another user (sudo), it reads no user's file; a file that root reads must "
        "belong to root and be closed to others for writing.\n\n"
        "Passwords in the address of a ledger or a provider are masked, and so are tokens.",
    .examples = "  wattune config\n  wattune config --eta 0.3 --json\n"
                "  WATTUNE_VGPU=a40:4 wattune config\n",
    .options = options,
    .groups = COMMON_DEVICES | COMMON_LEDGER | COMMON_CARBON,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
