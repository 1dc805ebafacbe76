/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune forget: drops a job of the ledger, or a part of it.
 */
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "setup/open_ledger.h"

static struct settings {
    const char *job;
    enum ledger_part part;
} settings;

/* The alternatives in the order of enum ledger_part. */
#define PARTS "job|profiles|batch-sizes"
static const struct option_row options[] = {
    {.name = "profiles",
     .type = OPTION_CHOICE,
     .form = PARTS,
     .implied = "profiles",
     .excludes = "batch-sizes",
     .to = OPTION_TO(struct settings, part),
     .help = "Drop the job's profiles only: the next run measures every power limit anew"},
    {.name = "batch-sizes",
     .type = OPTION_CHOICE,
     .form = PARTS,
     .implied = "batch-sizes",
     .excludes = "profiles",
     .to = OPTION_TO(struct settings, part),
     .help = "Drop the knowledge of the job's batch sizes only: the next run explores anew"},
    {0}};

static const struct option_row operands[] = {JOB_ROW(struct settings, job), {0}};

/* Opens for reading first: opening for writing would create a missing ledger. */
static int open_existing(const struct setup *setup, struct ledger **ledger, struct wt_error *err)
{
    int rc = open_ledger(setup, true, ledger, err);
    if (rc)
        return rc;
    *ledger = ledger_close(*ledger);
    return open_ledger(setup, false, ledger, err);
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    static const char *const outcome[] = {[LEDGER_WHOLE_JOB] = "is forgotten",
                                          [LEDGER_PROFILES] = ": its profiles are forgotten",
                                          [LEDGER_STATES] =
                                              ": the knowledge of its batch sizes is forgotten"};
    struct ledger *ledger = NULL;
    struct wt_error err;
    char name[80];
    int rc = open_existing(setup, &ledger, &err);
    if (rc == 0)
        rc = ledger_forget(ledger, settings.job, settings.part, &err);
    ledger_close(ledger);
    if (rc)
        return command_failed(&err);
    log_note("job %s%s%s", text_escape_into(name, sizeof name, settings.job),
             settings.part ? "" : " ", outcome[settings.part]);
    return EXIT_DONE;
}

const struct command command_forget = {
    .name = "forget",
    .summary = "drop a job of the ledger, or a part of its knowledge",
    .description = "Drops the job with its runs, measurements, profiles and the knowledge of its "
                   "batch sizes; with an option only that part. This cannot be undone.",
    .examples = "  wattune forget mlp\n  wattune forget mlp --batch-sizes\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .operands = operands,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
