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
#include "cli/command.h"
#include "setup/devices.h"
#include "show/json/documents.h"
#include "show/text/view.h"
#include "tune/act/journal.h"
#include "tune/act/sensed.h"

enum action { GET, SET, RESET };

static struct settings {
    enum action action;
    bool json;
    double limit_w; /* 0: not given */
} settings;

static const struct option_row options[] = {
    {.name = "json",
     .to = OPTION_TO(struct settings, json),
     .help = "Print one JSON object on standard output, for get only"},
    {0}};

static const struct option_row operands[] = {{.name = "ACTION",
                                              .type = OPTION_CHOICE,
                                              .form = "get|set|reset",
                                              .to = OPTION_TO(struct settings, action),
                                              .help = "Action: get, set or reset"},
                                             {.name = "WATTS",
                                              .type = OPTION_NUMBER,
                                              .form = "WATTS",
                                              .least = 1,
                                              .most = 10000,
                                              .optional = true,
                                              .to = OPTION_TO(struct settings, limit_w),
                                              .help = "Power limit in watts, for set only"},
                                             {0}};

static int check(const struct given *given, const struct config *config, struct wt_error *err)
{
    static const char *const words[] = {"get", "set", "reset"};
    (void)config;
    if (settings.action == SET && !is_given(given, "WATTS"))
        return error_set(err, WT_E_INVALID, "limit set needs a number of watts");
    if (settings.action != SET && is_given(given, "WATTS"))
        return error_set(err, WT_E_INVALID, "limit %s takes no power limit (%g W)",
                         words[settings.action], settings.limit_w);
    if (settings.json && settings.action != GET)
        return error_set(err, WT_E_INVALID, "--json goes with limit get");
    return 0;
}

static uint32_t limit_mw(void)
{
    return (uint32_t)lround(settings.limit_w * 1000);
}

static int get(const struct setup *setup, const struct devices *devices)
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
    view_limits(&page, list, states, devices->gpu_count, command_colour(setup));
    int printed = command_print(&page);
    return worst ? worst : printed;
}

/* Checks all devices before it writes the first: either all get the limit, or the notes name those
 * that did. */
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
                         (struct wt_setting){WT_KNOB_POWER_LIMIT, limit_mw()}, &err);
    for (unsigned i = 0; rc == 0 && i < devices->gpu_count; i++) {
        const struct wt_device *device = sense_device(devices->sense, devices->selected[i]);
        uint32_t value_mw = settings.action == RESET ? device->limit_default_mw : limit_mw();
        if (value_mw == 0)
            rc = error_set(&err, WT_E_NOT_SUPPORTED,
                           "GPU %u does not report its default power limit", device->index);
        else
            rc = guard_set_for_good(guard, device,
                                    (struct wt_setting){WT_KNOB_POWER_LIMIT, value_mw}, &err);
        if (rc == 0)
            log_note("GPU %u: power limit %g W%s", device->index, value_mw / 1000.0,
                     settings.action == RESET ? " (its default)" : "");
    }
    guard_close(guard);
    return rc ? command_failed(&err) : EXIT_DONE;
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct devices devices;
    struct wt_error err;
    int rc = devices_open(&devices, setup, true, &err);
    if (rc)
        return command_failed(&err);
    int code = devices_need_gpu(&devices, &err) ? command_failed(&err)
               : settings.action == GET         ? get(setup, &devices)
                                                : set(&devices);
    if (code == EXIT_DONE && settings.action == SET)
        devices_say_if_forgotten(&devices);
    devices_close(&devices);
    return code;
}

const struct command command_limit = {
    .name = "limit",
    .synopsis = "get\nset WATTS\nreset",
    .summary = "read or set power limits by hand",
    .description = "get prints the limit that is set, the limit that the driver enforces, the "
                   "default and the range. set writes a limit that stays, and later runs return to "
                   "it; while a run holds the GPU's limit, set and reset are errors. reset writes "
                   "the default. set and reset need root or CAP_SYS_ADMIN.",
    .examples =
        "  wattune limit get --json\n  wattune limit set 200 --gpus 0\n  wattune limit reset\n",
    .options = options,
    .groups = COMMON_DEVICES,
    .operands = operands,
    .check = check,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
