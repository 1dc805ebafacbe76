/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune jobs and wattune show: what the ledger holds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"
#include "tune/learn/optimizer.h"

static struct settings {
    bool json;
    const char *job;
} jobs_settings, show_settings;

static const struct option_row options[] = {JSON_ROW(struct settings, json), {0}};
static const struct option_row operands[] = {JOB_ROW(struct settings, job), {0}};

static int print_document(struct json_doc *doc)
{
    struct wt_error err;
    int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
    json_doc_free(doc);
    return rc ? command_failed(&err) : EXIT_DONE;
}

static int run_jobs(struct setup *setup, void *unused)
{
    (void)unused;
    struct ledger *ledger = NULL;
    struct wt_job_row *rows = NULL;
    struct wt_error err;
    struct buffer page = {0};
    size_t count = 0;
    int rc = open_ledger(setup, true, &ledger, &err);
    if (rc == WT_E_NOT_FOUND)
        rc = 0; /* no run yet: an empty list */
    else if (rc == 0)
        rc = ledger_jobs(ledger, &rows, &count, &err);
    int code;
    if (rc) {
        code = command_failed(&err);
    } else if (jobs_settings.json) {
        code = print_document(json_jobs_document(rows, count));
    } else {
        view_jobs(&page, rows, count, command_colour(setup));
        code = command_print(&page);
    }
    free(rows);
    ledger_close(ledger);
    return code;
}

/* What is believed of the job's batch sizes, one entry a state that can be read; the caller frees
 * *beliefs. */
static size_t read_beliefs(struct ledger *ledger, const char *job, struct wt_beliefs **beliefs)
{
    struct learn_state *states = NULL;
    struct wt_error err;
    size_t count = 0, read = 0;
    if (ledger_states(ledger, job, &states, &count, &err))
        log_warning("%s", err.text);
    *beliefs = count ? calloc(count, sizeof **beliefs) : NULL;
    for (size_t i = 0; *beliefs && i < count; i++)
        if (optimizer_beliefs(&states[i], clock_wall_ms(), &(*beliefs)[read], &err))
            log_warning("%s", err.text);
        else
            read++;
    free(states);
    return read;
}

static int run_show(struct setup *setup, void *unused)
{
    (void)unused;
    struct ledger *ledger = NULL;
    struct wt_trial *trials = NULL;
    struct wt_beliefs *beliefs = NULL;
    struct wt_error err;
    struct buffer page = {0};
    size_t count = 0, believed = 0;
    int rc = open_ledger(setup, true, &ledger, &err);
    if (rc == 0)
        rc = ledger_job_trials(ledger, show_settings.job, &trials, &count, &err);
    if (rc == 0)
        believed = read_beliefs(ledger, show_settings.job, &beliefs);
    int code;
    if (rc) {
        code = command_failed(&err);
    } else if (show_settings.json) {
        code = print_document(json_show_document(trials, count, beliefs, believed));
    } else {
        view_show(&page, trials, count, command_colour(setup));
        for (size_t i = 0; i < believed; i++) {
            buffer_print(&page, "\n");
            view_beliefs(&page, &beliefs[i], command_colour(setup));
        }
        code = command_print(&page);
    }
    free(trials);
    free(beliefs);
    ledger_close(ledger);
    return code;
}

/* A name with a control character cannot be typed, and is left out. */
int job_names_main(struct setup *setup)
{
    struct ledger *ledger = NULL;
    struct wt_job_row *rows = NULL;
    size_t count = 0;
    if (open_ledger(setup, true, &ledger, NULL) == 0 && ledger_jobs(ledger, &rows, &count, NULL))
        count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *c = rows[i].job;
        while (*c && (unsigned char)*c >= 0x20 && *c != 0x7f)
            c++;
        if (!*c)
            puts(rows[i].job);
    }
    free(rows);
    ledger_close(ledger);
    return EXIT_DONE;
}

const struct command command_jobs = {
    .name = "jobs",
    .summary = "list the jobs in the ledger",
    .description = "One line a job, the job that started last first: the number of its runs, their "
                   "energy and time, and the best measured saving.",
    .examples = "  wattune jobs\n  wattune jobs --json --ledger team.db\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .run = run_jobs,
    .settings = &jobs_settings,
    .settings_size = sizeof jobs_settings,
};

const struct command command_show = {
    .name = "show",
    .summary = "show one job: its runs, its profile, its savings",
    .description = "All tries of the job, and from the last profile the cost of a step at each "
                   "power limit. For a job that chooses batch sizes: the believed cost of a run of "
                   "each size with the standard deviation of that belief, the sizes that are left, "
                   "and the size that would run next.",
    .examples = "  wattune show mlp\n  wattune show mlp --json\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .operands = operands,
    .run = run_show,
    .settings = &show_settings,
    .settings_size = sizeof show_settings,
};
