/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune pareto: the choices of a job, on a trace or in the ledger, and their front.
 */
#include <stdlib.h>

#include "account/study/pareto.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/simulate_options.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"

static const struct option_row options[] = {
    {.name = "job",
     .type = OPTION_TEXT,
     .form = "JOB|DATASET/NETWORK/OPTIMIZER",
     .most = OPTION_TEXT_MOST,
     .to = SIMULATE_TO(job),
     .help = "Job of the ledger, or of the trace"},
    TRACE_ROWS,
    {.name = "target",
     .type = OPTION_TEXT,
     .form = "VALUE|NAME>=VALUE",
     .most = OPTION_TEXT_MOST,
     .otherwise = "the target of the job's last run",
     .to = SIMULATE_TO(target_text),
     .help = "Target metric: for a trace its value; for a job in the ledger the target of its "
             "runs, NAME<=VALUE as well"},
    {.name = "gpu",
     .type = OPTION_TEXT,
     .form = "MODEL",
     .most = OPTION_TEXT_MOST,
     .otherwise = "the GPUs profiled last",
     .to = SIMULATE_TO(gpu),
     .help = "GPUs whose profiles count for a job in the ledger, by a part of their name"},
    DEFAULT_SIZE_ROW("for a job in the ledger, that of its runs",
                     "Batch size used without tuning, to compare with"),
    MAX_EPOCHS_ROW("Number of epochs as for simulate; expected values do not depend on it"),
    JSON_ROW(struct simulate_settings, json),
    FILE_ROW("svg", struct simulate_settings, svg, "Write the points and their front as a figure"),
    CONFIG_ETA_KEY(CONFIG_ROW){0}};

static int check_job(struct wt_error *err)
{
    const char *text = simulate_settings.target_text;
    int rc = simulate_need("pareto", simulate_settings.job, "job", err);
    if (rc || !text)
        return rc;
    rc = target_parse(text, &simulate_settings.job_target, err);
    return rc ? error_prefix(err, "--target") : 0;
}

static int check(const struct given *given, const struct config *config, struct wt_error *err)
{
    const char *text = simulate_settings.target_text;
    char shown[80];
    (void)config;
    if (!simulate_has_trace())
        return check_job(err);
    int rc = simulate_need_trace("pareto", text, err);
    if (rc)
        return rc;
    if (parse_number(text, -1e12, 1e12, &simulate_settings.target))
        return error_set(err, WT_E_PARSE, "--target is a number from -1e+12 to 1e+12, not \"%s\"",
                         text_escape_into(shown, sizeof shown, text));
    if (is_given(given, "gpu"))
        return error_set(err, WT_E_INVALID,
                         "--gpu goes with a job in the ledger; a trace is of one GPU model");
    if (!simulate_settings.sim.max_epochs)
        simulate_settings.sim.max_epochs = 1; /* nothing runs */
    return 0;
}

/* Writes the figure, then the page or document, of the choices. */
static int put_points(const struct setup *setup, const struct wt_study *study,
                      const struct wt_point points[], unsigned count)
{
    struct wt_error err;
    struct buffer page = {0};
    struct json_doc *doc = NULL;
    if (simulate_write_figure(study, points, count, NULL, &err))
        return command_failed(&err);
    if (simulate_settings.json)
        doc = json_pareto_document(study, points, count);
    else
        view_pareto(&page, study, points, count, command_colour(setup));
    return simulate_print(doc, &page);
}

static int pareto_of_trace(const struct setup *setup)
{
    struct study study = {0};
    struct wt_error err;
    int rc = simulate_open(&study, setup, &err);
    int code = rc ? simulate_failed(&err)
                  : put_points(setup, &study.sim->study, study.sim->points, study.sim->point_count);
    simulate_close(&study);
    return code;
}

static void note_others(const struct pareto *pareto)
{
    if (pareto->other_targets[0])
        log_note("the job was also run for %s (--target)", pareto->other_targets);
    if (pareto->other_gpus[0])
        log_note("the job was also profiled on %s (--gpu)", pareto->other_gpus);
}

static int pareto_of_job(const struct setup *setup)
{
    struct ledger *ledger = NULL;
    struct wt_error err;
    struct pareto *pareto = NULL;
    const struct pareto_options wanted = {
        .job = simulate_settings.job,
        .target = simulate_settings.target_text ? &simulate_settings.job_target : NULL,
        .gpu = simulate_settings.gpu,
        .default_size = simulate_settings.sim.default_size,
        .eta = config_number(setup->config, CONFIG_ETA)};
    int rc = open_ledger(setup, true, &ledger, &err);
    if (rc == 0)
        rc = pareto_read(ledger, &wanted, &pareto, &err);
    if (rc == 0)
        note_others(pareto);
    int code = rc ? command_failed(&err)
                  : put_points(setup, &pareto->study, pareto->points, pareto->point_count);
    ledger_close(ledger);
    free(pareto);
    return code;
}

static int run_pareto(struct setup *setup, void *unused)
{
    (void)unused;
    return simulate_has_trace() ? pareto_of_trace(setup) : pareto_of_job(setup);
}

const struct command command_pareto = {
    .name = "pareto",
    .summary = "print a job's choices in time, energy and cost",
    .description =
        "Every batch size at every power limit, with the expected time, energy and cost of "
        "training to the target, and its place on the front: no other choice takes less of time or "
        "energy and not more of the other. Batch sizes with a run that missed the target are left "
        "out, and named.\n\n"
        "Without --train and --power the job is one of the ledger, whose batch sizes are chosen "
        "over its recurrences (`wattune run --batch-sizes`). A batch size takes the mean of the "
        "epochs of its runs with the target, on any GPU, times the steps of an epoch, times the "
        "cost of a step at each power limit of its profile on one kind of GPUs; start-up and "
        "validation are not included. Epochs are those of whole runs: a run that continues past "
        "its target is charged for the extra epochs. Points that something else slowed count only "
        "where there are no others. Runs that failed or that a person ended do not count. "
        "Forgotten runs (`wattune forget --batch-sizes`) are not included. The cost is that of "
        "`wattune run`, with the eta of now.\n\n"
        "With --train and --power the job is one of a published trace, as for `wattune "
        "simulate`.\n\n"
        "For a job that is not there, has no batch sizes or no profile the exit code is 1.",
    .examples = "  wattune pareto --job mlp\n"
                "  wattune pareto --job mlp --gpu V100 --eta 1 --json --svg front.svg\n"
                "  wattune pareto --train train.csv --power v100.csv \\\n"
                "      --job squad/bert_base_uncased/adamw --target 84 --default-batch-size 32\n"
                "  wattune pareto --train train.csv --power v100.csv \\\n"
                "      --job squad/bert_base_uncased/adamw --target 84 --json --svg front.svg\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .check = check,
    .run = run_pareto,
    .settings = &simulate_settings,
    .settings_size = sizeof simulate_settings,
};
