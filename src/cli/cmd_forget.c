/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune forget: drops a job of the ledger, or a part of what was learned of it.
 */
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "setup/open_ledger.h"

enum key { KEY_PROFILES = 1, KEY_STATES };

static const struct argp_option options[] = {
    {"profiles", KEY_PROFILES, NULL, 0,
     "only its profiles: the next run measures every power limit anew", 0},
    {"batch-sizes", KEY_STATES, NULL, 0,
     "only what was learned of its batch sizes: the next run explores anew", 0},
    {0}};

static struct settings {
    const char *job;
    enum ledger_part part;
} settings;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    (void)state;
    switch (key) {
    case KEY_PROFILES:
    case KEY_STATES:
        if (settings.part != LEDGER_WHOLE_JOB)
            command_usage_error("--profiles and --batch-sizes exclude each other; without both the "
                                "whole job is forgotten");
        settings.part = key == KEY_PROFILES ? LEDGER_PROFILES : LEDGER_STATES;
        return 0;
    case ARGP_KEY_ARG:
        if (settings.job)
            command_usage_error("forget takes one job");
        settings.job = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        command_usage_error("which job? `wattune jobs` lists them");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Opening for writing would make a ledger where there is none. */
static int open_existing(const struct common *common, struct ledger **ledger, struct wt_error *err)
{
    int rc = open_ledger(common, true, ledger, err);
    if (rc)
        return rc;
    *ledger = ledger_close(*ledger);
    return open_ledger(common, false, ledger, err);
}

static int run(struct common *common, void *unused)
{
    (void)unused;
    static const char *const what[] = {[LEDGER_WHOLE_JOB] = "is forgotten",
                                       [LEDGER_PROFILES] = ": its profiles are forgotten",
                                       [LEDGER_STATES] =
                                           ": what was learned of its batch sizes is forgotten"};
    struct ledger *ledger = NULL;
    struct wt_error err;
    char name[80];
    int rc = open_existing(common, &ledger, &err);
    if (rc == 0)
        rc = ledger_forget(ledger, settings.job, settings.part, &err);
    ledger_close(ledger);
    if (rc)
        return command_failed(&err);
    log_note("job %s%s%s", text_escape_into(name, sizeof name, settings.job),
             settings.part ? "" : " ", what[settings.part]);
    return EXIT_DONE;
}

const struct command command_forget = {
    .name = "forget",
    .arguments = "JOB",
    .summary = "drop a job of the ledger, or what was learned of it",
    .description = "Drops the job with its runs, measurements, profiles and what was learned of "
                   "its batch sizes; with an option "
                   "only that part. There is no way back.",
    .examples = "  wattune forget mlp\n  wattune forget mlp --batch-sizes\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .parse = parse,
    .run = run,
    .settings = &settings,
};
