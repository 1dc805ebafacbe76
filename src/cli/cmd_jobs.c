/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune jobs and wattune show: the ledger's jobs, and one of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "account/study/listing.h"
#include "base/buffer.h"
#include "cli/command.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"

enum { LAST_SHOWN = 50 }; /* recurrences; a page or two of a terminal */

static struct settings {
    bool json, all;
    const char *job;
} jobs_settings, show_settings;

static const struct option_row jobs_options[] = {JSON_ROW(struct settings, json), {0}};
static const struct option_row show_options[] = {
    JSON_ROW(struct settings, json),
    {.name = "all",
     .to = OPTION_TO(struct settings, all),
     .help = "List every recurrence in the text, not only the last 50"},
    {0}};
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

/* --- One job --- */

static int take_json(void *show, const struct wt_trial *trial, struct wt_error *err)
{
    return json_show_try(show, trial, err);
}

static int take_text(void *show, const struct wt_trial *trial, struct wt_error *err)
{
    (void)err;
    view_show_try(show, trial);
    return 0;
}

static int write_json(struct job_listing *listing, struct wt_error *err)
{
    static const struct wt_trial none;
    const struct ledger_trials all = {.parts = LEDGER_TRIAL_ALL};
    const struct wt_trial *last = listing->last ? listing->last : &none;
    int rc = job_listing_sum(listing, err);
    if (rc)
        return rc;
    const struct json_show_job job = {
        listing->job,       last->identity.phase, last->identity.project,   listing->gpus,
        listing->gpu_count, listing->recurrences, listing->recurrence_count};
    struct json_show *show = json_show_new(stdout, &job);
    rc = job_listing_each(listing, &all, take_json, show, err);
    if (rc == 0)
        rc = json_show_finish(show, listing->beliefs, listing->belief_count, err);
    json_show_free(show);
    return rc;
}

static int put_text(struct job_listing *listing, bool colour, struct buffer *page,
                    struct wt_error *err)
{
    const struct ledger_trials shown = {.parts = LEDGER_TRIAL_PART,
                                        .last = show_settings.all ? 0 : LAST_SHOWN};
    const struct view_show_job job = {listing->last, listing->profiled, listing->recurrence_count};
    struct view_show *show = view_show_new(colour);
    int rc = show ? job_listing_each(listing, &shown, take_text, show, err)
                  : error_set(err, WT_E_NO_MEMORY, "show the job: out of memory");
    if (rc == 0)
        view_show_print(show, page, &job);
    view_show_free(show);
    for (size_t i = 0; rc == 0 && i < listing->belief_count; i++) {
        buffer_print(page, "\n");
        view_beliefs(page, &listing->beliefs[i], colour);
    }
    return rc;
}

static int run_show(struct setup *setup, void *unused)
{
    (void)unused;
    struct ledger *ledger = NULL;
    struct job_listing *listing = NULL;
    struct wt_error err;
    struct buffer page = {0};
    int rc = open_ledger(setup, true, &ledger, &err);
    if (rc == 0)
        rc = job_listing_open(ledger, show_settings.job, &listing, &err);
    if (rc == 0)
        rc = show_settings.json ? write_json(listing, &err)
                                : put_text(listing, command_colour(setup), &page, &err);
    job_listing_close(listing);
    ledger_close(ledger);
    if (rc) {
        buffer_clear(&page);
        return command_failed(&err);
    }
    return show_settings.json ? EXIT_DONE : command_print(&page);
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
    .options = jobs_options,
    .groups = COMMON_LEDGER,
    .run = run_jobs,
    .settings = &jobs_settings,
    .settings_size = sizeof jobs_settings,
};

const struct command command_show = {
    .name = "show",
    .summary = "show one job: its runs, its profile, its savings",
    .description =
        "Lists the tries of the job's last 50 recurrences, and the cost of a step at each power "
        "limit of the last profile. For a job that chooses batch sizes: the believed cost of a run "
        "of each size with the standard deviation of that belief, the sizes that are left, and the "
        "size that would run next. The JSON has every recurrence.",
    .examples = "  wattune show mlp\n  wattune show mlp --all\n  wattune show mlp --json\n",
    .options = show_options,
    .groups = COMMON_LEDGER,
    .operands = operands,
    .run = run_show,
    .settings = &show_settings,
    .settings_size = sizeof show_settings,
};
