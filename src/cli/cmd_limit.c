/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune limit: power limits by hand.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"
#include "setup/devices.h"
#include "show/json/documents.h"
#include "show/text/view.h"
#include "tune/act/journal.h"
#include "tune/act/sensed.h"

enum key { KEY_JSON = 1 };
enum action { NONE, GET, SET, RESET };

static const struct argp_option options[] = {
    {"json", KEY_JSON, NULL, 0, "get: one JSON object on standard output", 0}, {0}};

static struct settings {
    enum action action;
    bool json;
    uint32_t limit_mw; /* 0: not given */
} settings;

static void set_action(const char *word)
{
    settings.action = strcmp(word, "get") == 0     ? GET
                      : strcmp(word, "set") == 0   ? SET
                      : strcmp(word, "reset") == 0 ? RESET
                                                   : NONE;
    if (settings.action == NONE)
        command_usage_error("limit get, limit set WATTS or limit reset, not \"%s\"", word);
}

static void set_watts(const char *text)
{
    double watts;
    if (parse_number(text, 1, 10000, &watts))
        command_usage_error("a power limit is a number of watts from 1 to 10000, not \"%s\"", text);
    settings.limit_mw = (uint32_t)lround(watts * 1000);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case KEY_JSON:
        settings.json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            set_action(arg);
        else if (state->arg_num == 1 && settings.action == SET)
            set_watts(arg);
        else
            command_usage_error("\"%s\" is one word too many", arg);
        return 0;
    case ARGP_KEY_END:
        if (settings.action == NONE)
            command_usage_error("limit get, limit set WATTS or limit reset");
        if (settings.action == SET && settings.limit_mw == 0)
            command_usage_error("limit set needs a number of watts");
        if (settings.json && settings.action != GET)
            command_usage_error("--json goes with limit get");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int get(const struct common *common, const struct devices *devices)
{
    struct wt_device list[WT_MAX_DEVICES];
    struct wt_state states[WT_MAX_DEVICES] = {0};
    struct wt_error err;
    struct buffer page = {0};
    int worst = EXIT_DONE;
    for (unsigned i = 0; i < devices->gpu_count; i++) {
        list[i] = *sense_device(devices->sense, devices->selected[i]);
        if (sense_state(devices->sense, devices->selected[i], WT_STATE_LIMIT | WT_STATE_ENFORCED,
                        &states[i], &err))
            worst = command_failed(&err);
    }
    if (settings.json) {
        struct json_doc *doc = json_limits_document(list, states, devices->gpu_count);
        if (json_write_stream(doc, JSON_PRETTY, stdout, &err))
            worst = command_failed(&err);
        json_doc_free(doc);
        return worst;
    }
    view_limits(&page, list, states, devices->gpu_count, common->colour);
    int printed = command_print(&page);
    return worst ? worst : printed;
}

/* Checks all devices before the first is written: either all get the limit, or the words say which
 * did. */
static int set(const struct devices *devices)
{
    char folder[512];
    struct guard *guard = NULL;
    struct wt_error err;
    int rc = !sensed_can_set(devices->sense)
                 ? error_set(&err, WT_E_NOT_SUPPORTED, "a recording has no limit to set")
                 : journal_default_folder(folder, sizeof folder, &err);
    if (rc == 0)
        rc = guard_new(sensed_finder(devices->sense), folder, "wattune limit", &guard, &err);
    for (unsigned i = 0; rc == 0 && settings.action == SET && i < devices->gpu_count; i++)
        rc = guard_check(guard, sense_device(devices->sense, devices->selected[i]),
                         (struct wt_setting){WT_KNOB_POWER_LIMIT, settings.limit_mw}, &err);
    for (unsigned i = 0; rc == 0 && i < devices->gpu_count; i++) {
        const struct wt_device *device = sense_device(devices->sense, devices->selected[i]);
        uint32_t limit_mw = settings.action == RESET ? device->limit_default_mw : settings.limit_mw;
        if (limit_mw == 0)
            rc = error_set(&err, WT_E_NOT_SUPPORTED, "GPU %u does not tell its default power limit",
                           device->index);
        else
            rc = guard_set_for_good(guard, device,
                                    (struct wt_setting){WT_KNOB_POWER_LIMIT, limit_mw}, &err);
        if (rc == 0)
            log_note("GPU %u: power limit %g W%s", device->index, limit_mw / 1000.0,
                     settings.action == RESET ? " (its default)" : "");
    }
    guard_close(guard);
    return rc ? command_failed(&err) : EXIT_DONE;
}

static int run(struct common *common, void *unused)
{
    (void)unused;
    struct devices devices;
    struct wt_error err;
    int rc = devices_open(&devices, common, true, &err);
    if (rc)
        return command_failed(&err);
    int code = devices_need_gpu(&devices, &err) ? command_failed(&err)
               : settings.action == GET         ? get(common, &devices)
                                                : set(&devices);
    if (code == EXIT_DONE && settings.action == SET)
        devices_say_if_forgotten(&devices);
    devices_close(&devices);
    return code;
}

const struct command command_limit = {
    .name = "limit",
    .arguments = "get\nset WATTS\nreset",
    .summary = "read or set power limits by hand",
    .description = "get prints the limit that is set and the one that is enforced, the default and "
                   "the range. set writes a limit that stays; "
                   "later runs return to it. It is refused while a run holds the GPU's limit. "
                   "reset writes the default. "
                   "set and reset need root or CAP_SYS_ADMIN.",
    .examples =
        "  wattune limit get --json\n  wattune limit set 200 --gpus 0\n  wattune limit reset\n",
    .options = options,
    .groups = COMMON_DEVICES,
    .parse = parse,
    .run = run,
    .settings = &settings,
};
