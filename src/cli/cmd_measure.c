/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune measure: any command, its energy, and nothing else.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "cli/command.h"
#include "run/job/job.h"
#include "setup/devices.h"
#include "show/json/documents.h"
#include "show/text/view.h"

static struct settings {
    const char *json_file; /* NULL: standard output */
    bool json;
    char **argv;
} settings;

static const struct option_row options[] = {
    {.name = "json",
     .type = OPTION_READ,
     .form = "FILE",
     .optional = true,
     .read = command_read_output,
     .to = OPTION_TO(struct settings, json_file),
     .help = "Print one JSON object: as the last line on standard output, or into FILE"},
    {0}};

static const struct option_row operands[] = {COMMAND_OPERAND(struct settings, argv), {0}};

static int check(const struct given *given, const struct config *config, struct wt_error *err)
{
    (void)config;
    (void)err;
    settings.json = is_given(given, "json");
    return 0;
}

static int print(const struct setup *setup, const struct devices *devices,
                 const struct job_result *result)
{
    struct wt_device list[WT_MAX_DEVICES];
    double sensor[WT_MAX_DEVICES];
    struct wt_error err;
    struct buffer page = {0};
    int rc = 0;
    for (unsigned i = 0; i < devices->count; i++) {
        list[i] = *sense_device(devices->sense, devices->selected[i]);
        sensor[i] = list[i].sensor_error_ppm ? list[i].sensor_error_ppm / 1e6 : (double)NAN;
    }
    if (settings.json) {
        struct json_measure measure = {.command = (const char *const *)settings.argv,
                                       .exit_code = result->exit_code,
                                       .time_s = result->trial.outcome.time_s,
                                       .count = devices->count,
                                       .devices = list,
                                       .measurements = result->devices,
                                       .sensor_error_fraction = sensor};
        struct json_doc *doc = json_measure_document(&measure);
        rc = settings.json_file ? json_write_file(doc, JSON_LINE, settings.json_file, &err)
                                : json_write_stream(doc, JSON_LINE, stdout, &err);
        json_doc_free(doc);
        if (rc)
            log_error("%s", err.text);
    } else {
        view_measure(&page, result->trial.outcome.time_s, list, result->devices, sensor,
                     devices->count, command_colour(setup) && isatty(STDERR_FILENO));
        fputs(buffer_text(&page), stderr);
        buffer_clear(&page);
    }
    return rc ? EXIT_OTHER : EXIT_DONE;
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct wt_error err;
    struct devices devices;
    struct job_result *result = calloc(1, sizeof *result);
    int rc = result ? devices_open(&devices, setup, false, &err)
                    : error_set(&err, WT_E_NO_MEMORY, "out of memory");
    if (rc) {
        free(result);
        return command_failed(&err);
    }
    rc = job_measure(settings.argv, devices.env, devices.sense, devices.selected, devices.count,
                     result, &err);
    int code;
    if (rc) {
        int failed = command_failed(&err);
        code = rc == WT_E_NOT_FOUND ? result->exit_code : failed;
    } else {
        int printed = print(setup, &devices, result);
        code = result->exit_code ? result->exit_code : printed;
    }
    devices_close(&devices);
    free(result);
    return code;
}

const struct command command_measure = {
    .name = "measure",
    .summary = "run any command and print its energy",
    .description =
        "Measures the GPUs, and processors and memory where they can be read. Writes nothing to a "
        "device and nothing to the ledger. The table goes to standard error, which keeps the "
        "command's output clean; with --json the object is the last line of standard output.\n\n"
        "The exit code is the command's own (128+n for signal n, 127 not found, 126 not "
        "executable).",
    .examples = "  wattune measure -- python bench.py\n"
                "  wattune measure --json=energy.json --gpus 0,1 -- make test\n",
    .options = options,
    .groups = COMMON_DEVICES | COMMON_REPLAY,
    .operands = operands,
    .check = check,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
