/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune explain: the reasons for a job's batch size and power limit.
 */
#include <stdio.h>

#include "account/study/explain.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/page/page.h"
#include "show/text/view.h"

static struct settings {
    bool json;
    uint32_t batch_size; /* 0: not given */
    const char *job, *svg;
} settings;

static const struct option_row options[] = {
    {.name = "batch-size",
     .type = OPTION_WHOLE,
     .form = "B",
     .least = 1,
     .otherwise = "the cheapest in the ledger",
     .to = OPTION_TO(struct settings, batch_size),
     .help = "Batch size to explain"},
    JSON_ROW(struct settings, json),
    FILE_ROW("svg", struct settings, svg, "Write energy and time over the limit as a figure"),
    {0}};
static const struct option_row operands[] = {JOB_ROW(struct settings, job), {0}};

/* The figure first: when it cannot be written nothing is printed that would look like success. */
static int write_figure(const struct wt_explanation *explanation, struct wt_error *err)
{
    struct buffer figure = {0};
    if (!settings.svg)
        return 0;
    page_explain_svg(&figure, explanation);
    int rc = figure.failed
                 ? error_set(err, WT_E_NO_MEMORY, "out of memory")
                 : file_write(settings.svg, buffer_text(&figure), figure.length, 0644, err);
    buffer_clear(&figure);
    return rc;
}

static int print_document(const struct wt_explanation *explanation)
{
    struct buffer sentences[VIEW_EXPLAIN_SENTENCES] = {{0}};
    const char *texts[VIEW_EXPLAIN_SENTENCES];
    struct wt_error err;
    for (unsigned i = 0; i < VIEW_EXPLAIN_SENTENCES; i++) {
        view_explain_sentence(&sentences[i], explanation, i);
        texts[i] = sentences[i].failed ? NULL : buffer_text(&sentences[i]);
    }
    struct json_doc *doc = json_explain_document(explanation, texts, VIEW_EXPLAIN_SENTENCES);
    int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
    json_doc_free(doc);
    for (unsigned i = 0; i < VIEW_EXPLAIN_SENTENCES; i++)
        buffer_clear(&sentences[i]);
    return rc ? command_failed(&err) : EXIT_DONE;
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct ledger *ledger = NULL;
    struct wt_explanation explanation;
    struct wt_error err;
    struct buffer page = {0};
    int rc = open_ledger(setup, true, &ledger, &err);
    if (rc == 0)
        rc = explain_job(ledger, settings.job, settings.batch_size, &explanation, &err);
    ledger_close(ledger);
    if (rc == 0)
        rc = write_figure(&explanation, &err);
    if (rc)
        return command_failed(&err);
    if (settings.json)
        return print_document(&explanation);
    view_explain(&page, &explanation, command_colour(setup));
    return command_print(&page);
}

const struct command command_explain = {
    .name = "explain",
    .summary = "explain the choice of a job's batch size and power limit",
    .description = "Fits the job's profile, its measurements at each power limit, to a model of a "
                   "GPU: static power, which does not depend on the clock; dynamic power, which "
                   "grows faster than the clock; and the share of a step that follows the clock. "
                   "The model explains the limit at which a step takes least energy, the distance "
                   "of the default - the default batch size at the highest limit - from the front "
                   "of the measured points, and the saving of the choice: by the number of "
                   "epochs, by the cost of an epoch at the batch size, and by the limit. These "
                   "three multiply, and their logarithms share out the points saved, so that they "
                   "add up to the whole. The limit's saving differs between the two batch sizes: "
                   "the mean over both orders of turning the two knobs is printed where both "
                   "could be measured.\n\n"
                   "Intervals are of 95 %, from the points and their errors; a sensor that reads "
                   "too much or too little as a whole is not in them. A number that the points do "
                   "not determine is unknown, and where the model does not describe the points, "
                   "the page says so and prints measurements only. Powers are those of one GPU; "
                   "in JSON they are sums over the run's GPUs, as energies are.\n\n"
                   "With several kinds of GPU the explanation is of the kind that was profiled "
                   "last. A job without a profile is an error.",
    .examples = "  wattune explain mlp\n  wattune explain mlp --batch-size 32 --json\n  wattune "
                "explain mlp --svg mlp.svg\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .operands = operands,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
