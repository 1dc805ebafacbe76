/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune run: the main job.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/study/learned.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/recur_options.h"
#include "run/job/recur.h"
#include "setup/config.h"
#include "setup/devices.h"
#include "setup/factors.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"
#include "tune/decide/power_limits.h"
#include "tune/decide/power_search.h"

enum key {
    KEY_JOB = 1,
    KEY_MAX_SLOWDOWN,
    KEY_MIN,
    KEY_OBSERVE,
    KEY_PROFILE_ONLY,
    KEY_METRIC,
    KEY_EPOCH,
    KEY_SHARED,
    KEY_JSON,
    KEY_DRY_RUN,
    KEY_CARBON_AWARE,
};

static const struct argp_option options[] = {
    {"job", KEY_JOB, "NAME", 0,
     "the job this run is a recurrence of (default: the command's last path component)", 0},
    CONFIG_RUN_KEYS(CONFIG_OPTION){
        "max-slowdown", KEY_MAX_SLOWDOWN, "F", 0,
        "instead: least energy within this much more time a step (10% or 0.1)", 0},
    {"min", KEY_MIN, "energy|time", 0, "instead: least energy, or least time", 0},
    {"observe", KEY_OBSERVE, NULL, 0, "never write to a device: measure only", 0},
    {"profile-only", KEY_PROFILE_ONLY, NULL, 0,
     "profile, then run at the limit found at the start and say what the "
     "best would give",
     0},
    {"metric-pattern", KEY_METRIC, "REGEX", 0,
     "group 1 of a match in the output is the validation metric", 0},
    {"epoch-pattern", KEY_EPOCH, "REGEX", 0, "a match in the output ends an epoch", 0},
    RECUR_OPTIONS,
    {"carbon-aware", KEY_CARBON_AWARE, NULL, 0,
     "let the trade-off follow the grid: where its electricity is cleaner than in the last "
     "24 h, time counts for more; needs a series by the hour (intensity_file)",
     0},
    {"shared", KEY_SHARED, NULL, 0, "tune although other processes use the GPU", 0},
    {"json", KEY_JSON, "FILE", 0, "write what was measured and tuned as JSON", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "say what would be done, and do nothing", 0},
    {0}};

static struct settings {
    struct recur_options recur;
    const char *json;
    bool dry_run, trade_off_given, carbon_aware;
    struct carbon_sources carbon;
    struct grid_eta_grid grid;
} settings;

static void one_trade_off(void)
{
    if (settings.trade_off_given)
        command_usage_error("--eta, --max-slowdown and --min exclude each other");
    settings.trade_off_given = true;
}

/* "auto" and "channel" are one thing as long as the channel is what programs of all kinds report
 * through. */
static void take_progress(struct job_options *job, const char *how)
{
    static const char pattern[] = "pattern:";
    job->use_channel = strcmp(how, "auto") == 0 || strcmp(how, "channel") == 0;
    if (strncmp(how, pattern, sizeof pattern - 1) == 0)
        job->step_pattern = how + sizeof pattern - 1;
}

/* What --max-slowdown and --min did not decide. */
static void take_config(struct job_options *job, const struct config *config)
{
    job->phase = config_text(config, CONFIG_PHASE);
    job->project = config_text(config, CONFIG_PROJECT);
    job->tuner.preference.eta = config_number(config, CONFIG_ETA);
    job->tuner.search = config_text(config, CONFIG_SEARCH);
    /* The adaptive search measures around the optimum of one trade-off; hours to come have others.
     */
    if (settings.carbon_aware && config->values[CONFIG_SEARCH].origin == CONFIG_DEFAULT)
        job->tuner.search = "sweep";
    job->tuner.baseline = config_is(config, CONFIG_BASELINE, "yes");
    take_progress(job, config_text(config, CONFIG_PROGRESS));
    const char *limits = config_text(config, CONFIG_POWER_LIMITS);
    if (strcmp(limits, "auto") != 0) {
        int n = parse_watt_list(limits, job->tuner.wanted_mw, POWER_LIMITS_MAX);
        job->tuner.wanted_count = n > 0 ? (unsigned)n : 0;
    }
}

static void check_name(const char *what, const char *name)
{
    if (!*name || strlen(name) >= WT_JOB_LEN)
        command_usage_error("the name of the %s has 1 to %d bytes", what, WT_JOB_LEN - 1);
}

/* It chooses by --eta, and it chooses. */
static void check_carbon_aware(void)
{
    const struct job_options *job = &settings.recur.job;
    if (!settings.carbon_aware)
        return;
    if (job->tuner.preference.selector != WT_SELECT_COST)
        command_usage_error("--carbon-aware goes with --eta: --max-slowdown and --min do not trade "
                            "energy for time");
    if (job->observe || job->tuner.profile_only)
        command_usage_error("--carbon-aware sets power limits, and %s does not",
                            job->observe ? "--observe" : "--profile-only");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct job_options *job = &settings.recur.job;
    struct wt_preference *preference = &job->tuner.preference;
    switch (key) {
    case ARGP_KEY_INIT:
        recur_options_init(&settings.recur);
        return 0;
    case KEY_JOB:
        check_name("job", arg);
        job->job = arg;
        return 0;
    case KEY_MAX_SLOWDOWN:
        one_trade_off();
        preference->selector = WT_SELECT_MAX_SLOWDOWN;
        if (parse_fraction(arg, 0, 10, &preference->max_slowdown))
            command_usage_error(
                "--max-slowdown is a fraction such as 10%% or 0.1 (at most 10), not \"%s\"", arg);
        return 0;
    case KEY_MIN:
        one_trade_off();
        if (strcmp(arg, "energy") && strcmp(arg, "time"))
            command_usage_error("--min is energy or time, not \"%s\"", arg);
        preference->selector = *arg == 'e' ? WT_SELECT_ENERGY : WT_SELECT_TIME;
        return 0;
    case KEY_OBSERVE:
        job->observe = true;
        return 0;
    case KEY_PROFILE_ONLY:
        job->tuner.profile_only = true;
        return 0;
    case KEY_METRIC:
        job->metric_pattern = arg;
        return 0;
    case KEY_EPOCH:
        job->epoch_pattern = arg;
        return 0;
    case KEY_SHARED:
        job->shared = true;
        return 0;
    case KEY_JSON:
        settings.json = arg;
        return 0;
    case KEY_CARBON_AWARE:
        settings.carbon_aware = true;
        return 0;
    case KEY_DRY_RUN:
        settings.dry_run = true;
        return 0;
    case ARGP_KEY_ARG: /* the command: all that is left */
        job->argv = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        command_usage_error(
            "there is no command to run: wattune run [options] -- COMMAND [ARGUMENT...]");
        return EINVAL;
    case ARGP_KEY_END:
        if (settings.trade_off_given &&
            ((struct invocation *)state->input)->common->config->values[CONFIG_ETA].origin ==
                CONFIG_FROM_FLAG)
            one_trade_off();
        check_carbon_aware();
        recur_options_finish(&settings.recur);
        return 0;
    default:
        return recur_option(key, arg, &settings.recur);
    }
}

/* Limits outside the devices' range are a usage error before the command starts, not a reason not
 * to tune. */
static int check_limits(const struct devices *devices, struct wt_error *err)
{
    struct wt_device list[WT_MAX_DEVICES];
    struct power_range range;
    uint32_t limits_mw[POWER_LIMITS_MAX];
    const struct tuner_options *tuner = &settings.recur.job.tuner;
    for (unsigned i = 0; i < devices->gpu_count; i++)
        list[i] = *sense_device(devices->sense, devices->selected[i]);
    if (tuner->wanted_count == 0 || power_limits_common(list, devices->gpu_count, &range, NULL))
        return 0;
    int rc = power_limits_from_list(tuner->wanted_mw, tuner->wanted_count, range, limits_mw, err);
    return rc < 0 ? rc : 0;
}

/* run --gpus: the command sees exactly these, by UUID, whatever order CUDA has. */
static const char *visible_devices(const struct devices *devices)
{
    static char env[32 + WT_MAX_DEVICES * WT_UUID_LEN];
    size_t n = (size_t)snprintf(env, sizeof env, "CUDA_VISIBLE_DEVICES=");
    for (unsigned i = 0; i < devices->gpu_count; i++)
        n += (size_t)snprintf(env + n, sizeof env - n, "%s%s", i ? "," : "",
                              sense_device(devices->sense, devices->selected[i])->uuid);
    return env;
}

static void default_job_name(struct job_options *job)
{
    static char name[WT_JOB_LEN];
    if (job->job)
        return;
    const char *slash = strrchr(job->argv[0], '/');
    snprintf(name, sizeof name, "%s", slash && slash[1] ? slash + 1 : job->argv[0]);
    job->job = name[0] ? name : "unnamed";
}

static void fill_key(struct job_options *job)
{
    default_job_name(job);
    snprintf(job->tuner.key.job, sizeof job->tuner.key.job, "%s", job->job);
}

static void say_sizes(const struct recur_options *recur)
{
    char words[WT_OPTIONS_LEN];
    recur_words(recur, words);
    printf("with batch sizes chosen for %s\n", words);
}

static void say_dry_run(const struct common *common, const struct devices *devices,
                        const char *ledger)
{
    const struct job_options *job = &settings.recur.job;
    char amount[SPENDING_TEXT];
    printf("would run as job %s (phase %s), booked in %s:\n ", job->job, job->phase, ledger);
    for (char *const *word = job->argv; *word; word++)
        printf(" %s", *word);
    printf("\non:\n");
    for (unsigned i = 0; i < devices->gpu_count; i++) {
        const struct wt_device *d = sense_device(devices->sense, devices->selected[i]);
        printf("  GPU %u %s (%s), limits %g to %g W%s\n", d->index, d->name, d->uuid,
               d->limit_min_mw / 1000.0, d->limit_max_mw / 1000.0,
               d->has_energy_counter ? "" : ", no energy counter: power readings are summed");
    }
    if (settings.recur.recurrences > 1)
        printf("%u times\n", settings.recur.recurrences);
    if (settings.recur.chooses)
        say_sizes(&settings.recur);
    if (job->spending.budget.kind != BUDGET_NONE)
        printf("within a budget of %s\n",
               spending_text(amount, &job->spending.budget, job->spending.budget.amount));
    if (job->observe)
        printf("and would write nothing to a device\n");
    else
        printf("and would try the power limits %s by %s%s\n",
               config_text(common->config, CONFIG_POWER_LIMITS), job->tuner.search,
               settings.carbon_aware ? ", and follow the grid" : "");
}

/* --- Afterwards --- */

static int write_json(const struct recur_result *result)
{
    struct wt_error err;
    if (!settings.json || !result->count)
        return EXIT_DONE;
    struct json_doc *doc = json_run_document(result->tries, result->count);
    int rc = json_write_file(doc, JSON_PRETTY, settings.json, &err);
    json_doc_free(doc);
    if (rc)
        log_error("%s", err.text);
    return rc ? EXIT_OTHER : EXIT_DONE;
}

/* What the ledger now knows of the batch sizes, over earlier runs as well. */
static void put_learned(struct buffer *page, struct ledger *ledger, int64_t state_id, bool colour)
{
    struct wt_error err;
    struct wt_learned sizes[WT_MAX_BATCH_SIZES];
    unsigned count = 0;
    if (learned_read(ledger, settings.recur.job.job, state_id, sizes, &count, &err))
        log_warning("%s", err.text);
    else
        view_learned(page, sizes, count, settings.recur.sizes.default_size, colour);
}

/* Words: the command's own data has standard output. */
static void say_results(const struct common *common, struct ledger *ledger,
                        const struct recur_result *result)
{
    struct buffer page = {0};
    bool colour = common->colour && isatty(STDERR_FILENO);
    if (!log_shows(LOG_NOTE) || !result->count)
        return;
    if (result->count == 1)
        view_run_summary(&page, &result->tries[0], colour);
    else
        view_recurrences(&page, result->tries, result->count, colour);
    if (result->state_id)
        put_learned(&page, ledger, result->state_id, colour);
    fputs(buffer_text(&page), stderr);
    buffer_clear(&page);
}

static int exit_code(const struct recur_result *result, int written)
{
    switch (result->end) {
    case RECUR_COMMAND_FAILED:
    case RECUR_ASKED_TO_END:
        return result->exit_code ? result->exit_code : written;
    case RECUR_MISSED:
        return EXIT_TARGET;
    case RECUR_OVER_BUDGET:
        return EXIT_BUDGET;
    case RECUR_DONE:
        break;
    }
    return !result->booked ? EXIT_LEDGER : written;
}

static int failed(const struct recur_result *result, const struct wt_error *err)
{
    if (err->code == WT_E_NO_DATA && settings.recur.chooses) {
        log_error("%s", err->text);
        return EXIT_TARGET;
    }
    int code = command_failed(err);
    return err->code == WT_E_NOT_FOUND && result->exit_code ? result->exit_code : code;
}

/* What --carbon-aware goes by. */
static void grid_at(void *ctx, int64_t unix_s, double *g_per_kwh, double *most_g_per_kwh)
{
    const struct carbon_sources *carbon = ctx;
    *g_per_kwh = carbon_series_at(&carbon->series, unix_s);
    *most_g_per_kwh = carbon_sources_most(carbon, unix_s);
}

/* A budget of carbon and --carbon-aware need to know the grid; the rest gets along with what is
 * assumed. */
static int open_carbon(const struct common *common, struct wt_error *err)
{
    struct carbon_sources *carbon = &settings.carbon;
    struct carbon_intensity intensity;
    int64_t now_s = clock_wall_ms() / 1000;
    int rc = carbon_sources_open(carbon, common->config, now_s, err);
    if (rc)
        return rc;
    if (settings.carbon_aware && !carbon->has_series)
        return error_set(err, WT_E_INVALID,
                         "--carbon-aware needs a series of the grid by the hour: name one with "
                         "WATTUNE_INTENSITY_FILE "
                         "or intensity_file");
    if (settings.carbon_aware && !isnan(carbon->given_g_per_kwh))
        return error_set(
            err, WT_E_INVALID,
            "--carbon-aware follows the series, and %.120s goes before it: leave one of them out",
            carbon->given_where);
    if (settings.carbon_aware && isnan(carbon_series_at(&carbon->series, now_s)))
        return error_set(
            err, WT_E_INVALID,
            "--carbon-aware needs to know the grid now, and %.120s has no value for this hour",
            carbon->series_path);
    if (settings.carbon_aware) {
        settings.grid = (struct grid_eta_grid){grid_at, carbon};
        settings.recur.job.grid = &settings.grid;
    }
    carbon_sources_intensity_at(carbon, now_s, &intensity);
    if (settings.recur.job.spending.budget.kind == BUDGET_CARBON &&
        intensity.source == CARBON_INTENSITY_ASSUMED && !carbon->provider)
        return error_set(err, WT_E_INVALID,
                         "a budget of carbon needs to know the grid: say where this is with "
                         "--location, or how much "
                         "it emits with --intensity");
    return 0;
}

/* Runs under the factors in force. */
static int run_booked(struct devices *devices, struct ledger *ledger, struct recur_result *result,
                      struct wt_error *err)
{
    static char user[WT_USER_LEN], node[WT_USER_LEN];
    struct booking_factors factors = factors_of(&settings.carbon);
    factors_user(user);
    factors_node(node);
    settings.recur.job.factors = &factors;
    settings.recur.job.user = user;
    settings.recur.job.node = node;
    int rc = recur_run(&settings.recur, devices->sense, devices->selected, devices->count, ledger,
                       result, err);
    settings.recur.job.factors = NULL;
    return rc;
}

static int run_in_ledger(struct common *common, struct devices *devices, bool *interrupted,
                         struct wt_error *err)
{
    struct ledger *ledger = NULL;
    struct recur_result result = {0};
    int rc = open_ledger(common, false, &ledger, err);
    if (rc)
        return command_failed(err);
    if (common->gpus)
        devices->env[devices->env[0] ? 2 : 0] = visible_devices(devices);
    settings.recur.job.env = devices->env;
    settings.recur.job.sense = devices->options;
    rc = run_booked(devices, ledger, &result, err);
    int written = write_json(&result);
    say_results(common, ledger, &result);
    int code = rc ? failed(&result, err) : exit_code(&result, written);
    *interrupted = rc == 0 && result.interrupted;
    recur_clear(&result);
    ledger_close(ledger);
    return code;
}

static int run(struct common *common, void *unused)
{
    (void)unused;
    struct wt_error err;
    struct devices devices;
    struct job_options *job = &settings.recur.job;
    char ledger_file[4096];
    bool interrupted = false;
    int code = EXIT_DONE;
    take_config(job, common->config);
    fill_key(job);
    int rc = devices_open(&devices, common, !job->observe && !settings.dry_run, &err);
    if (rc)
        return command_failed(&err);
    rc = check_limits(&devices, &err);
    if (rc == 0)
        rc = ledger_path(common, ledger_file, sizeof ledger_file, &err);
    if (rc == 0)
        rc = open_carbon(common, &err);
    if (rc)
        code = command_failed(&err);
    else if (settings.dry_run)
        say_dry_run(common, &devices, ledger_file);
    else
        code = run_in_ledger(common, &devices, &interrupted, &err);
    carbon_sources_close(&settings.carbon);
    devices_close(&devices);
    if (interrupted) { /* a shell loop around us should end as it would without us */
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    return code;
}

const struct command command_run = {
    .name = "run",
    .arguments = "-- COMMAND [ARGUMENT...]",
    .summary = "run a training command: measured, tuned and booked",
    .description =
        "Starts COMMAND unchanged and measures the energy of its GPUs. As it trains, power limits "
        "are profiled for 1.5 to "
        "6 seconds each after a short warm-up, the few that tell what the others cost (--search "
        "adaptive) or every one from the "
        "highest to the lowest (sweep), with slices at the limit found at the start in between; "
        "then the best limit for your "
        "trade-off is set. If time or energy per step later drifts by more than "
        "5 %, the limits are profiled again, within a fifth of the run. When the command ends, for "
        "whatever reason, the limit found at the start comes "
        "back, also when wattune itself is killed. The run is booked in the ledger, and the next "
        "run of the job uses "
        "its profile.\n\n"
        "To compare limits wattune has to see training steps: programs call wt_step() of "
        "libwattune, or a pattern tells "
        "what a step prints. Without a sign of steps the run is measured and not tuned. Setting a "
        "power limit needs root "
        "or CAP_SYS_ADMIN; under sudo the command runs as the user who called.\n\n"
        "With --target the training has reached its goal as soon as the metric of that name does "
        "at an epoch's end: it is then "
        "asked to end (wt_stop_requested), never ended by force. The metric is what the program "
        "tells wt_epoch_end() of libwattune, or "
        "what --metric-pattern finds. After --max-epochs without it the training is asked to end, "
        "gets SIGTERM, and after --grace "
        "SIGKILL.\n\n"
        "With --batch-sizes each recurrence runs one of them. The first ones explore: from the "
        "default downwards, then upwards, "
        "leaving a direction at the first size that does not reach the target, twice; afterwards a "
        "size is drawn by what its runs "
        "are believed to cost (pruning and Thompson sampling, Zeus section 4). A run is ended "
        "before the epoch with which it would cost more than "
        "--beta times the cheapest recurrence so far, and the recurrence goes on with another "
        "size, at most 20 in all. What was "
        "learned is kept in the ledger for the job, these GPUs, this trade-off and these options; "
        "processes that run at once share it. "
        "On another GPU model the job begins with it: a size is run once to see what an epoch "
        "costs there, and then its earlier runs "
        "count at that cost. "
        "A command that fails by itself teaches nothing: its size is handed out again.\n\n"
        "With --budget everything that this command runs, all recurrences and tries together, may "
        "use so much and no more: energy (J, "
        "kJ, MJ, GJ, Wh, kWh, MWh) of all devices that are measured, GPUs, processors and memory, "
        "without PUE; carbon (gCO2e, kgCO2e, "
        "tCO2e) as the runs will be booked, operational (location-based, with PUE) and embodied "
        "(SCI) together; or time (s, min, h, d) of "
        "the runs. At 80 % there is a warning. When nothing is left the training is asked to end, "
        "gets SIGTERM, and after --grace SIGKILL, "
        "the run is booked, and nothing more is started; what it uses while it ends is booked too, "
        "so that a little more than the "
        "budget is used. After the first epoch it is said how many more the budget is enough for, "
        "and, where earlier runs of the job with "
        "this batch size or --max-epochs tell how many there are to be, what all of them would "
        "use: intervals that hold nine "
        "times of ten or more if epochs scatter by no more than a fifth and the grid stays as it "
        "is. What is not known (a GPU that is lost) does not "
        "count, and that is said. A run that a budget ended has neither reached nor missed its "
        "target, and teaches nothing about its "
        "batch size. A budget of carbon needs to know the grid: --location, --intensity, a series "
        "or a provider.\n\n"
        "With --carbon-aware the trade-off follows the grid (Chase's rule): energy weighs by the "
        "carbon intensity of now over the "
        "largest of the last 24 h, so that in clean hours time counts for more and in the dirtiest "
        "the choice is that of --eta. Every limit "
        "is profiled, once, and chosen again from the profile whenever the series has another "
        "value. It needs a series by the hour "
        "(WATTUNE_INTENSITY_FILE, intensity_file) that has a value for now; in an hour that the "
        "series lacks, --eta alone decides. The cost that "
        "is booked stays that of --eta.\n\n"
        "In the arguments of COMMAND {batch_size}, {lr}, {seed} and {recurrence} are replaced "
        "where they have a value; other braces stay. "
        "The same values are in its environment: see wattune(1).\n\n"
        "The exit code is the command's own (128+n for signal n, 127 not found, 126 not "
        "executable). With --target, --budget or "
        "--recurrences it is 0 when every recurrence reached its target (or there is none), 8 when "
        "a budget ended it before, and 5 when "
        "a target was missed; a command that fails by itself in its last try gives its own.",
    .examples = "  wattune run --job mlp -- python train.py\n"
                "  wattune run --max-slowdown 5% --progress 'pattern:step (\\d+)' -- ./train.sh\n"
                "  wattune run --vgpu v100 --job mlp -- build/examples/train_mlp\n"
                "  wattune run --batch-sizes 16,32,64 --default-batch-size 32 \\\n"
                "      --target 'f1>=0.88' -- python train.py --batch-size '{batch_size}'\n"
                "  wattune run --budget 2kWh -- python train.py\n"
                "  WATTUNE_INTENSITY_FILE=grid.csv wattune run --carbon-aware -- python train.py\n",
    .options = options,
    .groups = COMMON_DEVICES | COMMON_REPLAY | COMMON_LEDGER | COMMON_CARBON,
    .parse = parse,
    .run = run,
    .settings = &settings,
};
