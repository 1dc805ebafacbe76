/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune doctor: the checks of this machine, with advice.
 */
#include <stdio.h>

#include "base/buffer.h"
#include "cli/command.h"
#include "setup/checks.h"
#include "setup/doctor.h"
#include "show/json/documents.h"
#include "show/text/view.h"

static struct settings {
    bool json;
} settings;

static const struct option_row options[] = {JSON_ROW(struct settings, json), {0}};

static int print(const struct setup *setup, const struct doctor *doctor)
{
    struct buffer page = {0};
    if (settings.json) {
        struct wt_error err;
        struct json_doc *doc = json_doctor_document(doctor->checks, doctor->count);
        int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
        json_doc_free(doc);
        return rc ? command_failed(&err) : EXIT_DONE;
    }
    view_doctor(&page, doctor->checks, doctor->count, command_colour(setup));
    return command_print(&page);
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct wt_error err, devices_error = {0};
    struct doctor *doctor = NULL;
    if (doctor_examine(&doctor, setup, &devices_error, &err))
        return command_failed(&err);
    int code = print(setup, doctor);
    if (code == EXIT_DONE)
        code = devices_error.code == WT_E_PARSE || devices_error.code == WT_E_INVALID
                   ? EXIT_USAGE
                   : checks_exit_code(doctor->checks, doctor->count, doctor->sources);
    doctor_free(doctor);
    return code;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "check this machine and print remedies for missing parts",
    .description = "Checks devices, driver and permissions; reads every energy counter and power "
                   "reading for 1.5 seconds to see how often and in what steps each moves and "
                   "whether the two agree; and checks powercap, limits that killed runs left, the "
                   "configuration, the ledger and the progress channel. Each line is good, "
                   "degraded (it works, with less) or missing, with a remedy.\n\n"
                   "The command never writes a limit to test the permission. Under a load that "
                   "changes while doctor reads, it also finds the time over which a power reading "
                   "is averaged.\n\n"
                   "The exit code is 0 when nothing is missing that the machine should have, 3 "
                   "when there is no source of energy, 6 when the ledger cannot be opened, and 1 "
                   "when something else is missing.",
    .examples = "  wattune doctor\n  sudo wattune doctor --json\n  wattune doctor --vgpu a40\n",
    .options = options,
    .groups = COMMON_DEVICES | COMMON_LEDGER,
    .any_config = true,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
