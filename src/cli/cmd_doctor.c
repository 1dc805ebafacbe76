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

enum key { KEY_JSON = 1 };

static const struct argp_option options[] = {
    {"json", KEY_JSON, NULL, 0, "one JSON object on standard output", 0}, {0}};

static struct settings {
    bool json;
} settings;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    (void)state;
    if (key == KEY_JSON) {
        settings.json = true;
        return 0;
    }
    if (key == ARGP_KEY_ARG)
        command_usage_error("doctor takes no argument (\"%s\")", arg);
    return ARGP_ERR_UNKNOWN;
}

static int print(const struct common *common, const struct doctor *doctor)
{
    struct buffer page = {0};
    if (settings.json) {
        struct wt_error err;
        struct json_doc *doc = json_doctor_document(doctor->checks, doctor->count);
        int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
        json_doc_free(doc);
        return rc ? command_failed(&err) : EXIT_DONE;
    }
    view_doctor(&page, doctor->checks, doctor->count, common->colour);
    return command_print(&page);
}

static int run(struct common *common, void *unused)
{
    (void)unused;
    struct wt_error err, devices_error = {0};
    struct doctor *doctor = NULL;
    if (doctor_examine(&doctor, common, &devices_error, &err))
        return command_failed(&err);
    int code = print(common, doctor);
    if (code == EXIT_DONE)
        code = devices_error.code == WT_E_PARSE || devices_error.code == WT_E_INVALID
                   ? EXIT_USAGE
                   : checks_exit_code(doctor->checks, doctor->count, doctor->sources);
    doctor_free(doctor);
    return code;
}

const struct command command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "what works on this machine, what does not, and what to do",
    .description =
        "Looks at devices, driver and permissions; reads every energy counter and power reading "
        "for 1.5 seconds to see how often and by which steps each moves and whether the two agree; "
        "and looks at powercap, the limits that killed runs left, the configuration, the ledger "
        "and the progress channel. Each line is good, degraded (it works, with less) or missing, "
        "with advice.\n\n"
        "Doctor never writes a limit to find out whether it may. A load that changes while doctor "
        "reads shows more: only then does it see over how long a power reading is averaged.\n\n"
        "The exit code is 0 when nothing is missing that the machine should have, 3 when there is "
        "no source of energy, 6 when the ledger cannot be opened, and 1 when something else is "
        "missing.",
    .examples = "  wattune doctor\n  sudo wattune doctor --json\n  wattune doctor --vgpu a40\n",
    .options = options,
    .groups = COMMON_DEVICES | COMMON_LEDGER,
    .any_config = true,
    .parse = parse,
    .run = run,
    .settings = &settings,
};
