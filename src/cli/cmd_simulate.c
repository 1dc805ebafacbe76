/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune simulate and wattune pareto: what policies would have done on a published trace, and what
 * there was to choose from, on a trace or for a job in the ledger.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/study/pareto.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/sim_fleet_options.h"
#include "setup/config.h"
#include "setup/form.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"
#include "sim/simulate.h"
#include "tune/decide/thompson.h"

enum key {
    KEY_TRAIN = 1,
    KEY_POWER,
    KEY_JOB,
    KEY_TARGET,
    KEY_MAX_EPOCHS,
    KEY_DEFAULT,
    KEY_JSON,
    KEY_SVG,
    KEY_POLICY,
    KEY_BETA,
    KEY_WINDOW,
    KEY_RECURRENCES,
    KEY_SEED,
    KEY_SEEDS,
    KEY_GPU,
};

#define POLICY_FORM "zeus|default|grid|oracle"

/* The rows that both commands have: those of the trace, and those of the output. */
#define TRACE_OPTIONS                                                                              \
    {"train",                                                                                      \
     KEY_TRAIN,                                                                                    \
     "FILE",                                                                                       \
     0,                                                                                            \
     "the recorded runs: dataset, network, batch_size, optimizer, "                                \
     "learning_rate, run, target_metric, target_epoch as CSV",                                     \
     0},                                                                                           \
    {                                                                                              \
        "power", KEY_POWER, "FILE", 0,                                                             \
            "what an epoch takes: dataset, network, batch_size, optimizer, "                       \
            "power_limit, time_per_epoch, average_power as CSV",                                   \
            0                                                                                      \
    }
#define OUTPUT_OPTIONS                                                                             \
    CONFIG_ETA_KEY(CONFIG_OPTION)                                                                  \
    {                                                                                              \
        "json", KEY_JSON, NULL, 0, "one JSON object on standard output", 0                         \
    }

static const struct argp_option simulate_options[] = {
    TRACE_OPTIONS,
    {"job", KEY_JOB, "DATASET/NETWORK/OPTIMIZER", 0, "which job of the trace", 0},
    {"target", KEY_TARGET, "VALUE", 0, "the target metric, compared with target_metric as a number",
     0},
    {"max-epochs", KEY_MAX_EPOCHS, "N", 0, "a run ends after so many epochs", 0},
    {"default-batch-size", KEY_DEFAULT, "N", 0, "the batch size that the job has without tuning",
     0},
    {"policy", KEY_POLICY, POLICY_FORM, 0, "who chooses (default zeus)", 0},
    {"beta", KEY_BETA, "B|inf", 0,
     "a run of zeus may cost B times the cheapest recurrence (default 2)", 0},
    {"window", KEY_WINDOW, "N", 0,
     "zeus believes the last N runs of a batch size, at most 64 (default 0: "
     "all)",
     0},
    {"recurrences", KEY_RECURRENCES, "N", 0,
     "how often the job recurs (default twice the number of pairs of "
     "batch size and power limit)",
     0},
    {"seed", KEY_SEED, "S", 0, "the seed of all that is drawn (default 1)", 0},
    {"seeds", KEY_SEEDS, "A..B", 0, "instead: all seeds from A to B, and their mean and deviation",
     0},
    OUTPUT_OPTIONS,
    {"svg", KEY_SVG, "FILE", 0, "write the front and the choices over the recurrences as a figure",
     0},
    FLEET_OPTIONS,
    {0}};

static const struct argp_option pareto_options[] = {
    {"job", KEY_JOB, "JOB|DATASET/NETWORK/OPTIMIZER", 0,
     "which job: of the ledger, or of the trace", 0},
    TRACE_OPTIONS,
    {"target", KEY_TARGET, "VALUE|NAME>=VALUE", 0,
     "the target metric: of a trace its value; of a job in the ledger the "
     "target as it was run with, NAME<=VALUE as well (default: the one it was run with last)",
     0},
    {"gpu", KEY_GPU, "MODEL", 0,
     "of a job in the ledger: the GPUs whose profiles count, by a part of their name (default: "
     "those that were profiled last)",
     0},
    {"default-batch-size", KEY_DEFAULT, "N", 0,
     "the batch size without tuning, to compare with (default for a job in the "
     "ledger: the one it was run with)",
     0},
    {"max-epochs", KEY_MAX_EPOCHS, "N", 0,
     "as for simulate; what is expected does not depend on it", 0},
    OUTPUT_OPTIONS,
    {"svg", KEY_SVG, "FILE", 0, "write the points and their front as a figure", 0},
    {0}};

static struct settings {
    const char *train, *power, *job, *svg, *target_text, *gpu;
    bool json, has_seed, has_seeds;
    double target;            /* of a trace */
    struct target job_target; /* of a job in the ledger */
    struct sim_options sim;
    uint64_t seed, last_seed;
} settings = {.sim = {.policy = "zeus", .beta = 2}, .seed = 1, .last_seed = 1};

/* --- Options --- */

static uint64_t whole(const char *option, const char *text, uint64_t least, uint64_t most)
{
    uint64_t value = 0;
    if (parse_u64(text, least, most, &value))
        command_usage_error("--%s is a whole number from %llu to %llu, not \"%.60s\"", option,
                            (unsigned long long)least, (unsigned long long)most, text);
    return value;
}

static double real(const char *option, const char *text, double least, double most)
{
    double value = 0;
    if (parse_number(text, least, most, &value))
        command_usage_error("--%s is a number from %g to %g, not \"%.60s\"", option, least, most,
                            text);
    return value;
}

static void take_beta(const char *text)
{
    double beta = INFINITY;
    if (strcmp(text, "inf") != 0 && (parse_number(text, 0, 1e9, &beta) || beta <= 0))
        command_usage_error("--beta is a number above 0 or inf, not \"%.60s\"", text);
    settings.sim.beta = beta;
}

static void take_seeds(const char *text)
{
    char first[32];
    const char *dots = strstr(text, "..");
    bool good = dots && (size_t)(dots - text) < sizeof first;
    if (good) {
        snprintf(first, sizeof first, "%.*s", (int)(dots - text), text);
        good = parse_u64(first, 0, INT64_MAX, &settings.seed) == 0 &&
               parse_u64(dots + 2, 0, INT64_MAX, &settings.last_seed) == 0 &&
               settings.last_seed >= settings.seed &&
               settings.last_seed - settings.seed < SIM_SEEDS_MOST;
    }
    if (!good)
        command_usage_error("--seeds is A..B with A at most B and at most %d seeds, not \"%.60s\"",
                            SIM_SEEDS_MOST, text);
    settings.has_seeds = true;
}

static void take_policy(const char *text)
{
    char words[128];
    if (form_match(POLICY_FORM, text) < 0)
        command_usage_error("--policy is %s, not \"%.60s\"",
                            form_sentence(POLICY_FORM, words, sizeof words), text);
    settings.sim.policy = text;
}

/* What a command cannot do without. */
static void need(const char *command, bool given, const char *option)
{
    if (!given)
        command_usage_error("%s needs --%s; `wattune %s --help` tells more", command, option,
                            command);
}

static void need_trace(const char *command)
{
    need(command, settings.train, "train");
    need(command, settings.power, "power");
    need(command, settings.job, "job");
    need(command, settings.target_text, "target");
    settings.target = real("target", settings.target_text, -1e12, 1e12);
}

static error_t parse_trace(int key, char *arg)
{
    switch (key) {
    case KEY_TRAIN:
        settings.train = arg;
        return 0;
    case KEY_POWER:
        settings.power = arg;
        return 0;
    case KEY_JOB:
        settings.job = arg;
        return 0;
    case KEY_TARGET:
        settings.target_text = arg;
        return 0;
    case KEY_MAX_EPOCHS:
        settings.sim.max_epochs = (unsigned)whole("max-epochs", arg, 1, 1000000);
        return 0;
    case KEY_DEFAULT:
        settings.sim.default_size = (uint32_t)whole("default-batch-size", arg, 1, 1000000000);
        return 0;
    case KEY_JSON:
        settings.json = true;
        return 0;
    case KEY_SVG:
        settings.svg = arg;
        return 0;
    case ARGP_KEY_ARG:
        command_usage_error("\"%.60s\" is one word too many", arg);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool of_a_trace(void)
{
    return settings.train || settings.power;
}

/* A fleet can do without a trace; with one it needs all of it. */
static void finish_simulate(const struct common *common)
{
    sim_fleet_options_finish(common, of_a_trace());
    if (!sim_fleet_wanted() || of_a_trace()) {
        need_trace("simulate");
        need("simulate", settings.sim.max_epochs, "max-epochs");
        need("simulate", settings.sim.default_size, "default-batch-size");
    } else if (settings.job || settings.target_text || settings.sim.max_epochs ||
               settings.sim.default_size) {
        command_usage_error("--job, --target, --max-epochs and --default-batch-size of a fleet go "
                            "with --train and --power");
    }
    if (settings.has_seed && settings.has_seeds)
        command_usage_error("--seed and --seeds exclude each other");
    if (sim_fleet_wanted() && (settings.has_seeds || settings.svg))
        command_usage_error("--%s does not go with --fleet", settings.svg ? "svg" : "seeds");
}

static error_t parse_simulate(int key, char *arg, struct argp_state *state)
{
    if (sim_fleet_option(key, arg) == 0)
        return 0;
    switch (key) {
    case KEY_POLICY:
        take_policy(arg);
        return 0;
    case KEY_BETA:
        take_beta(arg);
        return 0;
    case KEY_WINDOW:
        settings.sim.window = (unsigned)whole("window", arg, 0, ARM_WINDOW_MOST);
        return 0;
    case KEY_RECURRENCES:
        settings.sim.recurrences = (unsigned)whole("recurrences", arg, 1, SIM_RECURRENCES_MOST);
        return 0;
    case KEY_SEED:
        settings.seed = settings.last_seed = whole("seed", arg, 0, INT64_MAX);
        settings.has_seed = true;
        return 0;
    case KEY_SEEDS:
        take_seeds(arg);
        return 0;
    case ARGP_KEY_END:
        finish_simulate(((const struct invocation *)state->input)->common);
        return 0;
    default:
        return parse_trace(key, arg);
    }
}

static void need_job(void)
{
    struct wt_error err;
    need("pareto", settings.job, "job");
    if (settings.target_text && target_parse(settings.target_text, &settings.job_target, &err))
        command_usage_error("--target: %s", err.text);
}

static error_t parse_pareto(int key, char *arg, struct argp_state *state)
{
    (void)state;
    if (key == KEY_GPU) {
        settings.gpu = arg;
        return 0;
    }
    if (key != ARGP_KEY_END)
        return parse_trace(key, arg);
    if (!of_a_trace()) {
        need_job();
        return 0;
    }
    need_trace("pareto");
    if (settings.gpu)
        command_usage_error("--gpu goes with a job in the ledger; a trace is of one GPU model");
    if (!settings.sim.max_epochs)
        settings.sim.max_epochs = 1; /* nothing is run */
    return 0;
}

/* --- Running --- */

/* What is open while a command runs. */
struct study {
    struct sim_trace trace;
    struct sim *sim;
};

static int open_study(struct study *study, const struct common *common, struct wt_error *err)
{
    settings.sim.eta = config_number(common->config, CONFIG_ETA);
    study->sim = malloc(sizeof *study->sim);
    if (!study->sim)
        return error_set(err, WT_E_NO_MEMORY, "out of memory");
    int rc = sim_trace_read(&study->trace, settings.train, settings.power, settings.job,
                            settings.target, err);
    return rc ? rc : sim_init(study->sim, &study->trace, &settings.sim, err);
}

static void close_study(struct study *study)
{
    sim_trace_free(&study->trace);
    free(study->sim);
}

/* The figure first: when it cannot be written nothing is printed that would look like success. */
static int write_figure(const struct wt_study *study, const struct wt_point points[],
                        unsigned count, const struct wt_choices *choices, struct wt_error *err)
{
    struct buffer figure = {0};
    if (!settings.svg)
        return 0;
    view_study_svg(&figure, study, points, count, choices);
    int rc = figure.failed
                 ? error_set(err, WT_E_NO_MEMORY, "out of memory")
                 : file_write(settings.svg, buffer_text(&figure), figure.length, 0644, err);
    buffer_clear(&figure);
    return rc;
}

/* Prints one of the two; frees the document. */
static int put(struct json_doc *doc, struct buffer *page)
{
    struct wt_error err;
    if (!settings.json)
        return command_print(page);
    int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
    json_doc_free(doc);
    return rc ? command_failed(&err) : EXIT_DONE;
}

static int failed(const struct wt_error *err)
{
    if (err->code != WT_E_NO_DATA)
        return command_failed(err);
    log_error("%s", err->text);
    return EXIT_TARGET;
}

static int simulate_one(const struct common *common, const struct sim *sim,
                        struct wt_choices *choices)
{
    struct sim_history history = {0};
    struct wt_simulation result;
    struct wt_error err;
    struct buffer page = {0};
    struct json_doc *doc = NULL;
    int rc = sim_run(sim, settings.seed, &history, choices, &result, &err);
    if (rc == 0)
        rc = write_figure(&sim->study, sim->points, sim->point_count, choices, &err);
    if (rc == 0 && settings.json)
        doc = json_simulation_document(&sim->study, &result, history.tries, history.count);
    else if (rc == 0)
        view_simulation(&page, &sim->study, &result, history.tries, history.count, common->colour);
    free(history.tries);
    return rc ? failed(&err) : put(doc, &page);
}

static int simulate_many(const struct common *common, const struct sim *sim,
                         struct wt_choices *choices)
{
    unsigned count = (unsigned)(settings.last_seed - settings.seed) + 1;
    struct wt_simulation *results = calloc(count, sizeof *results), mean, sd;
    struct wt_error err;
    struct buffer page = {0};
    struct json_doc *doc = NULL;
    int rc = results ? sim_run_seeds(sim, settings.seed, count, results, choices, &err)
                     : error_set(&err, WT_E_NO_MEMORY, "out of memory");
    if (rc == 0)
        rc = write_figure(&sim->study, sim->points, sim->point_count, choices, &err);
    if (rc == 0)
        sim_summary(results, count, &mean, &sd);
    if (rc == 0 && settings.json)
        doc = json_seeds_document(&sim->study, results, count, &mean, &sd);
    else if (rc == 0)
        view_seeds(&page, &sim->study, &mean, &sd, settings.seed, count, common->colour);
    free(results);
    return rc ? failed(&err) : put(doc, &page);
}

static int run_fleet(const struct common *common)
{
    struct sim_trace trace = {0};
    struct wt_error err;
    settings.sim.eta = config_number(common->config, CONFIG_ETA);
    int rc = of_a_trace() ? sim_trace_read(&trace, settings.train, settings.power, settings.job,
                                           settings.target, &err)
                          : 0;
    int code = rc ? command_failed(&err)
                  : sim_fleet_run(common, settings.seed, &settings.sim,
                                  of_a_trace() ? &trace : NULL, settings.json);
    sim_trace_free(&trace);
    return code;
}

static int run_simulate(struct common *common, void *unused)
{
    (void)unused;
    if (sim_fleet_wanted())
        return run_fleet(common);
    struct study study = {0};
    struct wt_error err;
    int code, rc = open_study(&study, common, &err);
    struct wt_choices *choices = rc == 0 && settings.svg ? calloc(1, sizeof *choices) : NULL;
    if (rc == 0 && settings.svg && !choices)
        rc = error_set(&err, WT_E_NO_MEMORY, "out of memory");
    if (rc)
        code = failed(&err);
    else if (settings.has_seeds)
        code = simulate_many(common, study.sim, choices);
    else
        code = simulate_one(common, study.sim, choices);
    free(choices);
    close_study(&study);
    return code;
}

/* Figure, then page or document, of what there is to choose from. */
static int put_points(const struct common *common, const struct wt_study *study,
                      const struct wt_point points[], unsigned count)
{
    struct wt_error err;
    struct buffer page = {0};
    struct json_doc *doc = NULL;
    if (write_figure(study, points, count, NULL, &err))
        return command_failed(&err);
    if (settings.json)
        doc = json_pareto_document(study, points, count);
    else
        view_pareto(&page, study, points, count, common->colour);
    return put(doc, &page);
}

static int pareto_of_trace(const struct common *common)
{
    struct study study = {0};
    struct wt_error err;
    int rc = open_study(&study, common, &err);
    int code =
        rc ? failed(&err)
           : put_points(common, &study.sim->study, study.sim->points, study.sim->point_count);
    close_study(&study);
    return code;
}

static void say_what_else(const struct pareto *pareto)
{
    if (pareto->other_targets[0])
        log_note("the job was also run for %s (--target)", pareto->other_targets);
    if (pareto->other_gpus[0])
        log_note("the job was also profiled on %s (--gpu)", pareto->other_gpus);
}

static int pareto_of_job(const struct common *common)
{
    struct ledger *ledger = NULL;
    struct wt_error err;
    struct pareto *pareto = NULL;
    const struct pareto_options options = {.job = settings.job,
                                           .target =
                                               settings.target_text ? &settings.job_target : NULL,
                                           .gpu = settings.gpu,
                                           .default_size = settings.sim.default_size,
                                           .eta = config_number(common->config, CONFIG_ETA)};
    int rc = open_ledger(common, true, &ledger, &err);
    if (rc == 0)
        rc = pareto_read(ledger, &options, &pareto, &err);
    if (rc == 0)
        say_what_else(pareto);
    int code = rc ? command_failed(&err)
                  : put_points(common, &pareto->study, pareto->points, pareto->point_count);
    ledger_close(ledger);
    free(pareto);
    return code;
}

static int run_pareto(struct common *common, void *unused)
{
    (void)unused;
    return of_a_trace() ? pareto_of_trace(common) : pareto_of_job(common);
}

const struct command command_simulate = {
    .name = "simulate",
    .arguments = "",
    .summary = "what a policy would have done on a published trace",
    .description =
        "Replays recorded runs of a job that recurs: the policy chooses a batch size and a power "
        "limit, one of "
        "the recorded runs of that batch size is drawn, and its epochs cost what the trace "
        "measured at that "
        "limit. Costs are eta x energy + (1 - eta) x the largest power limit x time, as in the "
        "paper.\n\n"
        "The policies: zeus prunes the batch sizes in two rounds, then samples; a size is run at "
        "the power limit "
        "that is cheapest for it, which its first run finds in its first epoch; a run that would "
        "cost more than "
        "beta times the cheapest recurrence is stopped before the epoch in which it would, and the "
        "recurrence "
        "goes on with another size, at most 20 tries in all. default runs the default batch size "
        "at the highest "
        "limit. grid runs every pair once, small sizes and high limits first, drops a size that "
        "missed the "
        "target, then stays at the cheapest pair. oracle runs the pair of least expected cost.\n\n"
        "A seed of zeus means the same history as in the artifact that the paper published. Regret "
        "is what was "
        "spent beyond the least expected cost of every recurrence. Expected values are the means "
        "over the "
        "recorded runs of a batch size, where all of them reached the target.\n\n"
        "When the default batch size misses the target in the first recurrence there is nothing to "
        "compare "
        "with, and the exit code is 5.\n\n"
        "With --fleet months of a fleet are made up instead, and booked as `wattune run` books: "
        "users, projects, recurring jobs that "
        "choose batch sizes and power limits by the policy, experiments, services and data runs on "
        "GPUs of several models, by the rhythm "
        "of days and weeks (UTC), with runs that fail, are interrupted or killed, and some whose "
        "energy is unknown. All energies are "
        "estimated by a model of power under limits; with --train and --power the training jobs "
        "are those of the trace, and theirs "
        "are replayed. A GPU has one run at a time. A seed gives the same fleet again. The ledger "
        "is one that --ledger or "
        "WATTUNE_LEDGER names, and it has to be new or empty. Interrupted, it holds a part of the "
        "fleet, whole runs only.",
    .examples = "  wattune simulate --train train.csv --power v100.csv \\\n"
                "      --job squad/bert_base_uncased/adamw --target 84 --max-epochs 6 \\\n"
                "      --default-batch-size 32 --seed 1 --json\n"
                "  wattune simulate --train train.csv --power v100.csv \\\n"
                "      --job squad/bert_base_uncased/adamw --target 84 --max-epochs 6 \\\n"
                "      --default-batch-size 32 --seeds 1..1000 --svg bert.svg\n"
                "  wattune simulate --fleet --days 90 --gpus 64 --location DEU --ledger fleet.db\n"
                "  wattune fleet --ledger fleet.db\n",
    .options = simulate_options,
    .groups = COMMON_LEDGER | COMMON_CARBON,
    .parse = parse_simulate,
    .run = run_simulate,
    .settings = &settings,
};

const struct command command_pareto = {
    .name = "pareto",
    .arguments = "",
    .summary = "what there is to choose from, in time, energy and cost",
    .description = "Every batch size at every power limit, with the time, energy and cost that "
                   "training to the target is expected to "
                   "take, and whether it is on the front: no other choice takes less of time or "
                   "energy and not more of the other. Batch "
                   "sizes of which a run missed the target are left out, and named.\n\n"
                   "Without --train and --power the job is one of the ledger, whose batch sizes "
                   "are chosen over its recurrences "
                   "(`wattune run --batch-sizes`). A batch size takes the mean of the epochs of "
                   "its runs with the target, on whatever GPU "
                   "they were, times the steps of an epoch, times what a step takes at each power "
                   "limit of its profile on one kind of GPUs; "
                   "starting up and validation are not in it. Epochs are those of whole runs: who "
                   "trains on after the target pays for it. "
                   "Limits that were measured while something else slowed the GPUs count only "
                   "where there are no others. Runs that failed "
                   "or were ended by somebody count as none. What was forgotten (`wattune forget "
                   "--batch-sizes`) is not there any more. The "
                   "cost is that of `wattune run`, with the eta that is set now.\n\n"
                   "cost is that of `wattune run`, with the eta that is set now.\n\n"
                   "With --train and --power the job is one of a published trace, as for `wattune "
                   "simulate`.\n\n"
                   "A job that is not there, has no batch sizes or no profile is exit code 1.",
    .examples = "  wattune pareto --job mlp\n"
                "  wattune pareto --job mlp --gpu V100 --eta 1 --json --svg front.svg\n"
                "  wattune pareto --train train.csv --power v100.csv \\\n"
                "      --job squad/bert_base_uncased/adamw --target 84 --default-batch-size 32\n"
                "  wattune pareto --train train.csv --power v100.csv \\\n"
                "      --job squad/bert_base_uncased/adamw --target 84 --json --svg front.svg\n",
    .options = pareto_options,
    .groups = COMMON_LEDGER,
    .parse = parse_pareto,
    .run = run_pareto,
    .settings = &settings,
};
