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
#include "cli/run_options.h"
#include "run/job/recur.h"
#include "setup/devices.h"
#include "setup/factors.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/identity.h"
#include "show/text/view.h"
#include "tune/decide/power_limits.h"
#include "tune/decide/power_search.h"

static struct carbon_sources carbon_sources;
static struct grid_eta_grid grid;

/* "auto" and "channel" mean the same while every program reports through the channel. */
static void take_progress(struct job_options *job, const char *how)
{
    static const char pattern[] = "pattern:";
    job->use_channel = strcmp(how, "auto") == 0 || strcmp(how, "channel") == 0;
    if (strncmp(how, pattern, sizeof pattern - 1) == 0)
        job->step_pattern = how + sizeof pattern - 1;
}

/* Takes the settings of the configuration. */
static void take_config(struct job_options *job, const struct config *config)
{
    job->phase = config_text(config, CONFIG_PHASE);
    job->project = config_text(config, CONFIG_PROJECT);
    job->tuner.preference.eta = config_number(config, CONFIG_ETA);
    job->tuner.search = config_text(config, CONFIG_SEARCH);
    /* The adaptive search measures around the optimum of one trade-off; later hours have others.
     */
    if (run_settings.carbon_aware && config->values[CONFIG_SEARCH].origin == CONFIG_DEFAULT)
        job->tuner.search = "sweep";
    job->tuner.baseline = config_is(config, CONFIG_BASELINE, "yes");
    take_progress(job, config_text(config, CONFIG_PROGRESS));
    const char *limits = config_text(config, CONFIG_POWER_LIMITS);
    if (strcmp(limits, "auto") != 0) {
        int n = parse_watt_list(limits, job->tuner.wanted_mw, POWER_LIMITS_MAX);
        job->tuner.wanted_count = n > 0 ? (unsigned)n : 0;
    }
}

/* Refuses limits outside the devices' range before the command starts: a usage error, no reason to
 * run without tuning. */
static int check_limits(const struct devices *devices, struct wt_error *err)
{
    struct wt_device list[WT_MAX_DEVICES];
    struct power_range range;
    uint32_t limits_mw[POWER_LIMITS_MAX];
    const struct tuner_options *tuner = &run_settings.recur.job.tuner;
    for (unsigned i = 0; i < devices->gpu_count; i++)
        list[i] = *sense_device(devices->sense, devices->selected[i]);
    if (tuner->wanted_count == 0 || power_limits_common(list, devices->gpu_count, &range, NULL))
        return 0;
    int rc = power_limits_from_list(tuner->wanted_mw, tuner->wanted_count, range, limits_mw, err);
    return rc < 0 ? rc : 0;
}

enum { VISIBLE_DEVICES = 32 + WT_MAX_DEVICES * WT_UUID_LEN };

/* For run --gpus: the command sees exactly these GPUs, by UUID, in any order of CUDA. */
static const char *visible_devices(const struct devices *devices, char env[VISIBLE_DEVICES])
{
    size_t n = (size_t)snprintf(env, VISIBLE_DEVICES, "CUDA_VISIBLE_DEVICES=");
    for (unsigned i = 0; i < devices->gpu_count; i++)
        n += (size_t)snprintf(env + n, VISIBLE_DEVICES - n, "%s%s", i ? "," : "",
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
    struct wt_identity identity;
    char words[WT_OPTIONS_LEN];
    recur_identity(recur, &identity);
    view_identity_words(&identity, words);
    printf("with batch sizes chosen for %s\n", words);
}

static void say_search(const struct setup *setup, const char *search)
{
    const char *limits = config_text(setup->config, CONFIG_POWER_LIMITS);
    printf("and would search the power limits %s%s (%s)%s\n",
           strcmp(limits, "auto") == 0 ? "of the devices" : limits,
           strcmp(limits, "auto") == 0 ? "" : " W", search,
           run_settings.carbon_aware ? ", and follow the grid" : "");
}

static void say_dry_run(const struct setup *setup, const struct devices *devices,
                        const char *ledger)
{
    const struct job_options *job = &run_settings.recur.job;
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
    if (run_settings.recur.recurrences > 1)
        printf("%u times\n", run_settings.recur.recurrences);
    if (run_settings.recur.chooses)
        say_sizes(&run_settings.recur);
    if (job->spending.budget.kind != BUDGET_NONE)
        printf("within a budget of %s\n",
               spending_text(amount, &job->spending.budget, job->spending.budget.amount));
    if (job->observe)
        printf("and would write nothing to a device\n");
    else
        say_search(setup, job->tuner.search);
}

/* --- Results --- */

static int write_json(const struct recur_result *result)
{
    struct wt_error err;
    if (!run_settings.json || !result->count)
        return EXIT_DONE;
    struct json_doc *doc = json_run_document(result->tries, result->count);
    int rc = json_write_file(doc, JSON_PRETTY, run_settings.json, &err);
    json_doc_free(doc);
    if (rc)
        log_error("%s", err.text);
    return rc ? EXIT_OTHER : EXIT_DONE;
}

/* The ledger's knowledge of the batch sizes, earlier runs included. */
static void put_learned(struct buffer *page, struct ledger *ledger, int64_t state_id, bool colour)
{
    struct wt_error err;
    struct wt_learned sizes[WT_MAX_BATCH_SIZES];
    unsigned count = 0;
    if (learned_read(ledger, run_settings.recur.job.job, state_id, sizes, &count, &err))
        log_warning("%s", err.text);
    else
        view_learned(page, sizes, count, run_settings.recur.sizes.default_size, colour);
}

/* Prints to standard error, since the command's data has standard output. */
static void say_results(const struct setup *setup, struct ledger *ledger,
                        const struct recur_result *result)
{
    struct buffer page = {0};
    bool colour = command_colour(setup) && isatty(STDERR_FILENO);
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
    if (err->code == WT_E_NO_DATA && run_settings.recur.chooses) {
        log_error("%s", err->text);
        return EXIT_TARGET;
    }
    int code = command_failed(err);
    return err->code == WT_E_NOT_FOUND && result->exit_code ? result->exit_code : code;
}

/* The grid that --carbon-aware follows. */
static void grid_at(void *ctx, int64_t unix_s, double *g_per_kwh, double *most_g_per_kwh)
{
    const struct carbon_sources *carbon = ctx;
    *g_per_kwh = carbon_series_at(&carbon->series, unix_s);
    *most_g_per_kwh = carbon_sources_most(carbon, unix_s);
}

/* A budget of carbon and --carbon-aware need to know the grid; other runs may assume it. */
static int open_carbon(const struct setup *setup, struct wt_error *err)
{
    struct carbon_sources *carbon = &carbon_sources;
    struct carbon_intensity intensity;
    int64_t now_s = clock_wall_ms() / 1000;
    int rc = carbon_sources_open(carbon, setup->config, now_s, err);
    if (rc)
        return rc;
    if (run_settings.carbon_aware && !carbon->has_series)
        return error_set(err, WT_E_INVALID,
                         "--carbon-aware needs a series of the grid by the hour: name one with "
                         "WATTUNE_INTENSITY_FILE "
                         "or intensity_file");
    if (run_settings.carbon_aware && !isnan(carbon->given_g_per_kwh))
        return error_set(
            err, WT_E_INVALID,
            "--carbon-aware follows the series, and %.120s goes before it: leave one of them out",
            carbon->given_where);
    if (run_settings.carbon_aware && isnan(carbon_series_at(&carbon->series, now_s)))
        return error_set(
            err, WT_E_INVALID,
            "--carbon-aware needs to know the grid now, and %.120s has no value for this hour",
            carbon->series_path);
    if (run_settings.carbon_aware) {
        grid = (struct grid_eta_grid){grid_at, carbon};
        run_settings.recur.job.grid = &grid;
    }
    carbon_sources_intensity_at(carbon, now_s, &intensity);
    if (run_settings.recur.job.spending.budget.kind == BUDGET_CARBON &&
        intensity.source == CARBON_INTENSITY_ASSUMED && !carbon->provider)
        return error_set(err, WT_E_INVALID,
                         "a budget of carbon needs to know the grid: name the place with "
                         "--location, or its intensity "
                         "with --intensity");
    return 0;
}

/* Runs, and books carbon by the factors in force. */
static int run_booked(struct devices *devices, struct ledger *ledger, struct recur_result *result,
                      struct wt_error *err)
{
    static char user[WT_USER_LEN], node[WT_USER_LEN];
    struct booking_factors factors = factors_of(&carbon_sources);
    factors_user(user);
    factors_node(node);
    run_settings.recur.job.factors = &factors;
    run_settings.recur.job.user = user;
    run_settings.recur.job.node = node;
    int rc = recur_run(&run_settings.recur, devices->sense, devices->selected, devices->count,
                       ledger, result, err);
    run_settings.recur.job.factors = NULL;
    return rc;
}

static int run_in_ledger(struct setup *setup, struct devices *devices, bool *interrupted,
                         struct wt_error *err)
{
    struct ledger *ledger = NULL;
    struct recur_result result = {0};
    char visible[VISIBLE_DEVICES];
    int rc = open_ledger(setup, false, &ledger, err);
    if (rc)
        return command_failed(err);
    if (setup->gpus)
        devices->env[devices->env[0] ? 2 : 0] = visible_devices(devices, visible);
    run_settings.recur.job.env = devices->env;
    run_settings.recur.job.sense = devices->options;
    rc = run_booked(devices, ledger, &result, err);
    int written = write_json(&result);
    say_results(setup, ledger, &result);
    int code = rc ? failed(&result, err) : exit_code(&result, written);
    *interrupted = rc == 0 && result.interrupted;
    recur_clear(&result);
    ledger_close(ledger);
    return code;
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct wt_error err;
    struct devices devices;
    struct job_options *job = &run_settings.recur.job;
    char ledger_file[4096];
    bool interrupted = false;
    int code = EXIT_DONE;
    take_config(job, setup->config);
    fill_key(job);
    int rc = devices_open(&devices, setup, !job->observe && !run_settings.dry_run, &err);
    if (rc)
        return command_failed(&err);
    rc = check_limits(&devices, &err);
    if (rc == 0)
        rc = ledger_path(setup, ledger_file, sizeof ledger_file, &err);
    if (rc == 0)
        rc = open_carbon(setup, &err);
    if (rc)
        code = command_failed(&err);
    else if (run_settings.dry_run)
        say_dry_run(setup, &devices, ledger_file);
    else
        code = run_in_ledger(setup, &devices, &interrupted, &err);
    carbon_sources_close(&carbon_sources);
    devices_close(&devices);
    if (interrupted) { /* a shell loop around this program should end as it would without it */
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    return code;
}

const struct command command_run = {
    .name = "run",
    .summary = "run a training command: measure, tune and book it",
    .description =
        "Starts COMMAND unchanged and measures the energy of its GPUs. As it trains, wattune "
        "profiles power limits for 1.5 to 6 seconds each after a short warm-up: the few that "
        "predict the cost of the others (--search adaptive) or every one from the highest to the "
        "lowest (sweep), with slices at the limit found at the start in between; then it sets the "
        "best limit for your trade-off. When step cost later drifts by more than 5 %, it profiles "
        "again, within a fifth of the run. When the command ends, for whatever reason, wattune "
        "restores the limit found at the start; a guard process does so when wattune itself is "
        "killed. The ledger books the run, and the next run of the job uses its profile.\n\n"
        "To compare limits wattune needs training steps: programs call wt_step() of libwattune, or "
        "a pattern matches the lines that a step prints. Without a sign of steps wattune measures "
        "the run and does not tune it. Setting a power limit needs root or CAP_SYS_ADMIN; under "
        "sudo the command runs as the user who called.\n\n"
        "With --target the training has reached its target when the metric of that name does at "
        "the "
        "end of an epoch: wattune then asks it to end (wt_stop_requested), and never ends it by "
        "force. The program passes the metric to wt_epoch_end() of libwattune, or --metric-pattern "
        "finds it. After --max-epochs without the target wattune asks the training to end, sends "
        "SIGTERM, and after --grace SIGKILL.\n\n"
        "With --batch-sizes each recurrence runs one of them. The first recurrences explore: from "
        "the default downwards, then upwards, leaving a direction at the first size that does not "
        "reach the target, twice; later recurrences draw a size by the believed cost of its runs "
        "(pruning and Thompson sampling, Zeus section 4). A run ends before the epoch with which "
        "it would cost more than --beta times the cheapest recurrence so far, and the recurrence "
        "continues with another size, at most 20 in all. The ledger keeps this knowledge for the "
        "job, these GPUs, this trade-off and these options; concurrent processes share it. On "
        "another GPU model the job begins with it: a size runs once to measure an epoch there, and "
        "then its earlier runs count at that cost. A command that fails by itself teaches nothing: "
        "its size gets another try.\n\n"
        "With --budget all runs of this command, all recurrences and tries together, stay within "
        "an amount of energy (J, kJ, MJ, GJ, Wh, kWh, MWh) of all measured devices, GPUs, "
        "processors and memory, without PUE; of carbon (gCO2e, kgCO2e, tCO2e) as the ledger will "
        "book it, operational (location-based, with PUE) and embodied (SCI) together; or of time "
        "(s, min, h, d). wattune warns at 80 %. When nothing is left, it asks the training to end, "
        "sends SIGTERM, and after --grace SIGKILL, books the run, and starts nothing more; it "
        "books the use until the end too, so that the total exceeds the budget a little. After the "
        "first epoch a note predicts the number of further epochs within the budget, and, where "
        "earlier runs of the job with this batch size or --max-epochs give the number of epochs, "
        "the use of all of them: intervals that hold at least nine times of ten if epochs scatter "
        "by no more than a fifth and the grid stays as it is. Unknown energy (of a lost GPU) does "
        "not count, and a warning says so. A run that a budget ended has neither reached nor "
        "missed its target, and teaches nothing about its batch size. A budget of carbon needs to "
        "know the grid: --location, --intensity, a series or a provider.\n\n"
        "With --carbon-aware the trade-off follows the grid (Chase's rule): energy weighs by the "
        "carbon intensity of now over the largest of the last 24 h, so that in clean hours time "
        "counts for more and in the dirtiest the choice is that of --eta. wattune profiles every "
        "limit, once, and chooses again from the profile whenever the series has another value. "
        "It needs a series by the hour (WATTUNE_INTENSITY_FILE, intensity_file) that has a value "
        "for now; in an hour that the series lacks, --eta alone decides. The booked cost stays "
        "that of --eta.\n\n"
        "In the arguments of COMMAND wattune replaces {batch_size}, {lr}, {seed} and {recurrence} "
        "where they have a value; other braces stay. The same values are in its environment: see "
        "wattune(1).\n\n"
        "The exit code is the command's own (128+n for signal n, 127 not found, 126 not "
        "executable). With --target, --budget or --recurrences it is 0 when every recurrence "
        "reached its target (or there is none), 8 when a budget ended it before, and 5 when a run "
        "missed its target; a command that fails by itself in its last try gives its own.",
    .examples = "  wattune run --job mlp -- python train.py\n"
                "  wattune run --max-slowdown 5% --progress 'pattern:step (\\d+)' -- ./train.sh\n"
                "  wattune run --vgpu v100 --job mlp -- build/examples/train_mlp\n"
                "  wattune run --batch-sizes 16,32,64 --default-batch-size 32 \\\n"
                "      --target 'f1>=0.88' -- python train.py --batch-size '{batch_size}'\n"
                "  wattune run --budget 2kWh -- python train.py\n"
                "  WATTUNE_INTENSITY_FILE=grid.csv wattune run --carbon-aware -- python train.py\n",
    .options = run_rows,
    .operands = run_operands,
    .groups = COMMON_DEVICES | COMMON_REPLAY | COMMON_LEDGER | COMMON_CARBON,
    .check = run_check,
    .run = run,
    .settings = &run_settings,
    .settings_size = sizeof run_settings,
};
