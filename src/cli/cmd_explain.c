/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune explain: the reasons for a job's batch size and power limit.
 */
#include <stdio.h>

#include "account/study/explain.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/command.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"

enum key { KEY_JSON = 1, KEY_SIZE, KEY_SVG };

static const struct argp_option options[] = {
    {"batch-size", KEY_SIZE, "B", 0,
     "explain this batch size (default: the cheapest that the ledger knows)", 0},
    {"json", KEY_JSON, NULL, 0, "one JSON object on standard output", 0},
    {"svg", KEY_SVG, "FILE", 0, "write energy and time over the limit as a figure", 0},
    {0}};

static struct settings {
    bool json;
    uint32_t batch_size; /* 0: not given */
    const char *job, *svg;
} settings;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    (void)state;
    char shown[80];
    uint64_t size = 0;
    switch (key) {
    case KEY_JSON:
        settings.json = true;
        return 0;
    case KEY_SVG:
        settings.svg = arg;
        return 0;
    case KEY_SIZE:
        if (parse_u64(arg, 1, UINT32_MAX, &size))
            command_usage_error("--batch-size is a whole number from 1 to %llu, not \"%s\"",
                                (unsigned long long)UINT32_MAX,
                                text_escape_into(shown, sizeof shown, arg));
        settings.batch_size = (uint32_t)size;
        return 0;
    case ARGP_KEY_ARG:
        if (settings.job)
            command_usage_error("explain takes one job");
        settings.job = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        command_usage_error("which job? `wattune jobs` lists them");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The figure first: when it cannot be written nothing is printed that would look like success. */
static int write_figure(const struct wt_explanation *explanation, struct wt_error *err)
{
    struct buffer figure = {0};
    if (!settings.svg)
        return 0;
    view_explain_svg(&figure, explanation);
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

static int run(struct common *common, void *unused)
{
    (void)unused;
    struct ledger *ledger = NULL;
    struct wt_explanation explanation;
    struct wt_error err;
    struct buffer page = {0};
    int rc = open_ledger(common, true, &ledger, &err);
    if (rc == 0)
        rc = explain_job(ledger, settings.job, settings.batch_size, &explanation, &err);
    ledger_close(ledger);
    if (rc == 0)
        rc = write_figure(&explanation, &err);
    if (rc)
        return command_failed(&err);
    if (settings.json)
        return print_document(&explanation);
    view_explain(&page, &explanation, common->colour);
    return command_print(&page);
}

const struct command command_explain = {
    .name = "explain",
    .arguments = "JOB",
    .summary = "give the reasons for a job's batch size and power limit",
    .description =
        "Fits the measurements of the job's profile at each power limit to a model of a GPU: "
        "static power, drawn at any clock; dynamic power, which grows faster than the clock; and "
        "the share of a step that follows the clock. Explains with it why a step takes least "
        "energy at its limit, how far the default - the default batch size at the highest limit - "
        "is from the front of the measured points, and how much the choice saves: by the number "
        "of epochs, by the energy of an epoch at the batch size, and by the limit. These three "
        "multiply, and their logarithms share out the points saved, so that they add up to the "
        "whole. A limit saves a different amount at each batch size: where both could be "
        "measured, the mean of the two orders of turning the knobs is told.\n\n"
        "Intervals are of 95 %, and cover the errors of the points; they leave out a sensor that "
        "reads too much or too little as a whole. A number that the points do not determine is "
        "unknown. Where the model does not describe the points, the page reports that and shows "
        "only measurements. Powers are those of one GPU; in JSON they are sums over the run's "
        "GPUs, as energies are.\n\n"
        "Of several kinds of GPU the one profiled last is meant. A job without a profile is an "
        "error.",
    .examples = "  wattune explain mlp\n  wattune explain mlp --batch-size 32 --json\n  wattune "
                "explain mlp --svg mlp.svg\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .parse = parse,
    .run = run,
    .settings = &settings,
};
