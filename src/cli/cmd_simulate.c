/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune simulate: the outcome of a policy on a published trace.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/simulate_options.h"
#include "show/json/documents.h"
#include "show/text/view.h"
#include "tune/decide/thompson.h"

/* "A..B" */
static int read_seeds(const char *name, const char *text, void *target, struct wt_error *err)
{
    char first[32], shown[80];
    struct seeds seeds = {0};
    const char *dots = strstr(text, "..");
    bool good = dots && (size_t)(dots - text) < sizeof first;
    if (good) {
        snprintf(first, sizeof first, "%.*s", (int)(dots - text), text);
        good = parse_u64(first, 0, INT64_MAX, &seeds.first) == 0 &&
               parse_u64(dots + 2, 0, INT64_MAX, &seeds.last) == 0 && seeds.last >= seeds.first &&
               seeds.last - seeds.first < SIM_SEEDS_MOST;
    }
    if (!good)
        return error_set(err, WT_E_PARSE,
                         "%s is A..B with A at most B and at most %d seeds, not \"%s\"", name,
                         SIM_SEEDS_MOST, text_escape_into(shown, sizeof shown, text));
    if (target)
        *(struct seeds *)target = seeds;
    return 0;
}

static const struct option_row options[] = {
    TRACE_ROWS,
    {.name = "job",
     .type = OPTION_TEXT,
     .form = "DATASET/NETWORK/OPTIMIZER",
     .most = OPTION_TEXT_MOST,
     .to = SIMULATE_TO(job),
     .help = "Job of the trace"},
    {.name = "target",
     .type = OPTION_NUMBER,
     .form = "VALUE",
     .least = -1e12,
     .most = 1e12,
     .to = SIMULATE_TO(target),
     .help = "Target metric, compared with target_metric as a number"},
    MAX_EPOCHS_ROW("Number of epochs after which a run ends"),
    DEFAULT_SIZE_ROW(NULL, "Batch size used without tuning"),
    {.name = "policy",
     .type = OPTION_WORD,
     .form = "zeus|default|grid|oracle",
     .fallback = "zeus",
     .to = SIMULATE_TO(sim.policy),
     .help = "Policy that chooses batch sizes and power limits"},
    {.name = "beta",
     .type = OPTION_NUMBER,
     .form = "B|inf",
     .most = 1e9,
     .above = true,
     .fallback = "2",
     .to = SIMULATE_TO(sim.beta),
     .help = "Largest cost of a run of zeus, in multiples of the cheapest recurrence"},
    {.name = "window",
     .type = OPTION_WHOLE,
     .form = "N",
     .most = ARM_WINDOW_MOST,
     .fallback = "0",
     .to = SIMULATE_TO(sim.window),
     .help = "Number of latest runs of a batch size that zeus counts, at most 64; 0 counts all"},
    {.name = "recurrences",
     .type = OPTION_WHOLE,
     .form = "N",
     .least = 1,
     .most = SIM_RECURRENCES_MOST,
     .otherwise = "twice the number of pairs of batch size and power limit",
     .to = SIMULATE_TO(sim.recurrences),
     .help = "Number of recurrences of the job"},
    {.name = "seed",
     .type = OPTION_WHOLE,
     .form = "S",
     .most = (double)INT64_MAX,
     .fallback = "1",
     .excludes = "seeds",
     .to = SIMULATE_TO(seeds.first),
     .help = "Seed of all random draws"},
    {.name = "seeds",
     .type = OPTION_READ,
     .form = "A..B",
     .read = read_seeds,
     .excludes = "seed",
     .to = SIMULATE_TO(seeds),
     .help = "Simulate all seeds from A to B, and print mean and deviation; replaces --seed"},
    JSON_ROW(struct simulate_settings, json),
    FILE_ROW("svg", struct simulate_settings, svg,
             "Write the front and the choices over the recurrences as a figure"),
    CONFIG_ETA_KEY(CONFIG_ROW) FLEET_ROWS,
    {0}};

/* A fleet can do without a trace; with one it needs all of it. */
static int check_trace(const struct given *given, struct wt_error *err)
{
    static const char *const of_a_trace[] = {"job", "target", "max-epochs", "default-batch-size"};
    int rc = 0;
    if (!is_given(given, "fleet") || simulate_has_trace()) {
        rc = simulate_need_trace("simulate", is_given(given, "target"), err);
        if (rc == 0)
            rc = simulate_need("simulate", is_given(given, "max-epochs"), "max-epochs", err);
        return rc ? rc
                  : simulate_need("simulate", is_given(given, "default-batch-size"),
                                  "default-batch-size", err);
    }
    for (unsigned i = 0; i < sizeof of_a_trace / sizeof of_a_trace[0]; i++)
        if (is_given(given, of_a_trace[i]))
            return error_set(err, WT_E_INVALID,
                             "--job, --target, --max-epochs and --default-batch-size of a fleet go "
                             "with --train and --power");
    return 0;
}

static int check(const struct given *given, const struct config *config, struct wt_error *err)
{
    bool fleet = is_given(given, "fleet");
    simulate_settings.has_seeds = is_given(given, "seeds");
    if (!simulate_settings.has_seeds)
        simulate_settings.seeds.last = simulate_settings.seeds.first;
    int rc =
        synthetic_fleet_check(&simulate_settings.fleet, given, config, simulate_has_trace(), err);
    if (rc == 0)
        rc = check_trace(given, err);
    if (rc == 0 && fleet && (simulate_settings.has_seeds || simulate_settings.svg))
        rc = error_set(err, WT_E_INVALID, "--%s does not go with --fleet",
                       simulate_settings.svg ? "svg" : "seeds");
    return rc;
}

static int simulate_one(const struct setup *setup, const struct sim *sim,
                        struct wt_choices *choices)
{
    struct sim_history history = {0};
    struct wt_simulation result;
    struct wt_error err;
    struct buffer page = {0};
    struct json_doc *doc = NULL;
    int rc = sim_run(sim, simulate_settings.seeds.first, &history, choices, &result, &err);
    if (rc == 0)
        rc = simulate_write_figure(&sim->study, sim->points, sim->point_count, choices, &err);
    if (rc == 0 && simulate_settings.json)
        doc = json_simulation_document(&sim->study, &result, history.tries, history.count);
    else if (rc == 0)
        view_simulation(&page, &sim->study, &result, history.tries, history.count,
                        command_colour(setup));
    free(history.tries);
    return rc ? simulate_failed(&err) : simulate_print(doc, &page);
}

static int simulate_many(const struct setup *setup, const struct sim *sim,
                         struct wt_choices *choices)
{
    unsigned count = (unsigned)(simulate_settings.seeds.last - simulate_settings.seeds.first) + 1;
    struct wt_simulation *results = calloc(count, sizeof *results), mean, sd;
    struct wt_error err;
    struct buffer page = {0};
    struct json_doc *doc = NULL;
    int rc = results
                 ? sim_run_seeds(sim, simulate_settings.seeds.first, count, results, choices, &err)
                 : error_set(&err, WT_E_NO_MEMORY, "out of memory");
    if (rc == 0)
        rc = simulate_write_figure(&sim->study, sim->points, sim->point_count, choices, &err);
    if (rc == 0)
        sim_summary(results, count, &mean, &sd);
    if (rc == 0 && simulate_settings.json)
        doc = json_seeds_document(&sim->study, results, count, &mean, &sd);
    else if (rc == 0)
        view_seeds(&page, &sim->study, &mean, &sd, simulate_settings.seeds.first, count,
                   command_colour(setup));
    free(results);
    return rc ? simulate_failed(&err) : simulate_print(doc, &page);
}

static int run_fleet(const struct setup *setup)
{
    const struct simulate_settings *settings = &simulate_settings;
    struct sim_trace trace = {0};
    struct wt_error err;
    bool has_trace = simulate_has_trace();
    simulate_settings.sim.eta = config_number(setup->config, CONFIG_ETA);
    simulate_settings.fleet.options.seed = settings->seeds.first;
    simulate_settings.fleet.options.sim = settings->sim;
    simulate_settings.fleet.options.trace = has_trace ? &trace : NULL;
    int rc = has_trace ? sim_trace_read(&trace, settings->train, settings->power, settings->job,
                                        settings->target, &err)
                       : 0;
    int code =
        rc ? command_failed(&err) : synthetic_fleet_run(setup, &settings->fleet, settings->json);
    sim_trace_free(&trace);
    return code;
}

static int run_simulate(struct setup *setup, void *unused)
{
    (void)unused;
    if (simulate_settings.fleet.wanted)
        return run_fleet(setup);
    struct study study = {0};
    struct wt_error err;
    int code, rc = simulate_open(&study, setup, &err);
    struct wt_choices *choices =
        rc == 0 && simulate_settings.svg ? calloc(1, sizeof *choices) : NULL;
    if (rc == 0 && simulate_settings.svg && !choices)
        rc = error_set(&err, WT_E_NO_MEMORY, "out of memory");
    if (rc)
        code = simulate_failed(&err);
    else if (simulate_settings.has_seeds)
        code = simulate_many(setup, study.sim, choices);
    else
        code = simulate_one(setup, study.sim, choices);
    free(choices);
    simulate_close(&study);
    return code;
}

const struct command command_simulate = {
    .name = "simulate",
    .summary = "simulate a policy on a published trace, or a fleet",
    .description =
        "Replays recorded runs of a job that recurs: the policy chooses a batch size and a power "
        "limit, one of the recorded runs of that batch size is drawn, and its epochs cost what the "
        "trace measured at that limit. Costs are eta x energy + (1 - eta) x the largest power "
        "limit x time, as in the paper.\n\n"
        "The policies: zeus prunes the batch sizes in two rounds, then samples; a size runs at the "
        "power limit that is cheapest for it, which its first run finds in its first epoch; a run "
        "that would cost more than beta times the cheapest recurrence stops before the epoch in "
        "which it would, and the recurrence continues with another size, at most 20 tries in all. "
        "default runs the default batch size at the highest limit. grid runs every pair once, "
        "small sizes and high limits first, drops a size that missed the target, then stays at the "
        "cheapest pair. oracle runs the pair of least expected cost.\n\n"
        "A seed of zeus gives the same history as in the artifact that the paper published. Regret "
        "is the expense beyond the least expected cost of every recurrence. Expected values are "
        "the means over the recorded runs of a batch size, where all of them reached the "
        "target.\n\n"
        "When the default batch size misses the target in the first recurrence there is nothing to "
        "compare with, and the exit code is 5.\n\n"
        "With --fleet the command simulates months of a fleet instead, and books them as `wattune "
        "run` books: users, projects, recurring jobs that choose batch sizes and power limits by "
        "the policy, experiments, services and data runs on GPUs of several models, by the rhythm "
        "of days and weeks (UTC), with runs that fail, are interrupted or killed, and some whose "
        "energy is unknown. A model of power under limits estimates all energies; with --train and "
        "--power the training jobs are those of the trace, replayed. A GPU has one run at a time. "
        "A seed gives the same fleet again. --ledger or WATTUNE_LEDGER names the ledger, which has "
        "to be new or empty. Interrupted, it holds a part of the fleet, whole runs only.",
    .examples = "  wattune simulate --train train.csv --power v100.csv \\\n"
                "      --job squad/bert_base_uncased/adamw --target 84 --max-epochs 6 \\\n"
                "      --default-batch-size 32 --seed 1 --json\n"
                "  wattune simulate --train train.csv --power v100.csv \\\n"
                "      --job squad/bert_base_uncased/adamw --target 84 --max-epochs 6 \\\n"
                "      --default-batch-size 32 --seeds 1..1000 --svg bert.svg\n"
                "  wattune simulate --fleet --days 90 --gpus 64 --location DEU --ledger fleet.db\n"
                "  wattune fleet --ledger fleet.db\n",
    .options = options,
    .groups = COMMON_LEDGER | COMMON_CARBON,
    .check = check,
    .run = run_simulate,
    .settings = &simulate_settings,
    .settings_size = sizeof simulate_settings,
};
