/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of `wattune run`.
 */
#include "cli/run_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "cli/budget_option.h"

/* A claim is held for a minute and renewed four times a minute: a slow disk or a stopped machine
 * costs no claim, and the size of a killed run is free again while its user still watches. */
static const int64_t HOLD_MS = 60 * 1000;

enum {
    SIZE_MOST = 1000000000,
    RECURRENCES_MOST = 1000000,
    EPOCHS_MOST = 1000000,
    GRACE_MOST_S = 86400
};

struct run_settings run_settings;

/* --- Values of their own kind --- */

static int rising(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static int refuse_sizes(const char *name, const char *text, struct wt_error *err)
{
    char shown[80];
    return error_set(err, WT_E_PARSE,
                     "%s is a list of whole numbers from 1 to %d such as 16,32,64, not \"%s\"",
                     name, SIZE_MOST, text_escape_into(shown, sizeof shown, text));
}

static int read_sizes(const char *name, const char *text, void *target, struct wt_error *err)
{
    struct batch_size_options sizes = {0};
    const char *cursor = text;
    char part[32];
    int more;
    while ((more = parse_next_part(&cursor, ',', part, sizeof part)) > 0) {
        uint64_t size = 0;
        if (parse_u64(part, 1, SIZE_MOST, &size))
            return refuse_sizes(name, text, err);
        if (sizes.count == BATCH_SIZES_MOST)
            return error_set(err, WT_E_PARSE, "%s has at most %d sizes", name, BATCH_SIZES_MOST);
        sizes.sizes[sizes.count++] = (uint32_t)size;
    }
    if (more < 0 || sizes.count == 0)
        return refuse_sizes(name, text, err);
    qsort(sizes.sizes, sizes.count, sizeof sizes.sizes[0], rising);
    for (unsigned i = 1; i < sizes.count; i++)
        if (sizes.sizes[i] == sizes.sizes[i - 1])
            return error_set(err, WT_E_PARSE, "%s has %u twice", name, (unsigned)sizes.sizes[i]);
    if (target) {
        struct batch_size_options *options = target;
        options->count = sizes.count;
        memcpy(options->sizes, sizes.sizes, sizeof options->sizes);
    }
    return 0;
}

static int read_target(const char *name, const char *text, void *target, struct wt_error *err)
{
    struct target read;
    if (target_parse(text, &read, err))
        return error_prefix(err, "%s", name);
    if (target)
        *(struct target *)target = read;
    return 0;
}

/* --- Rows --- */

#define TO(member) OPTION_TO(struct run_settings, member)

const struct option_row run_rows[] = {
    OUTPUT_ROW("json", struct run_settings, json,
               "Write measurements and tuning as JSON into FILE"),
    {.name = "dry-run", .to = TO(dry_run), .help = "Print the plan, and do nothing"},
    {.name = "job",
     .type = OPTION_TEXT,
     .form = "NAME",
     .least = 1,
     .most = WT_JOB_LEN - 1,
     .otherwise = "the last component of the command's path",
     .to = TO(recur.job.job),
     .group = "Identity",
     .help = "Job that this run is a recurrence of"},
    CONFIG_IDENTITY_KEYS(CONFIG_ROW) CONFIG_ETA_KEY(CONFIG_ROW){
        .name = "max-slowdown",
        .type = OPTION_FRACTION,
        .form = "F",
        .most = 10,
        .once = true,
        .excludes = "eta|min",
        .to = TO(recur.job.tuner.preference.max_slowdown),
        .group = "Trade-off",
        .help = "Minimise energy with steps at most F slower (10% or 0.1); replaces --eta"},
    {.name = "min",
     .type = OPTION_CHOICE,
     .form = "energy|time",
     .once = true,
     .excludes = "eta|max-slowdown",
     .to = TO(min),
     .group = "Trade-off",
     .help = "Minimise energy alone, or time alone; replaces --eta"},
    {.name = "carbon-aware",
     .to = TO(carbon_aware),
     .group = "Trade-off",
     .help = "Let the trade-off follow the grid: when its electricity is cleaner than in the last "
             "24 h, time counts for more; needs a series by the hour (intensity_file)"},
    CONFIG_LIMIT_KEYS(CONFIG_ROW){.name = "observe",
                                  .to = TO(recur.job.observe),
                                  .group = "Power limits",
                                  .help = "Measure only: never write to a device"},
    {.name = "profile-only",
     .to = TO(recur.job.tuner.profile_only),
     .group = "Power limits",
     .help = "Profile, then run at the limit found at the start, and print the saving of the best "
             "limit"},
    {.name = "shared",
     .to = TO(recur.job.shared),
     .group = "Power limits",
     .help = "Tune even when other processes use the GPU"},
    CONFIG_PROGRESS_KEYS(CONFIG_ROW){
        .name = "metric-pattern",
        .type = OPTION_TEXT,
        .form = "REGEX",
        .most = OPTION_TEXT_MOST,
        .to = TO(recur.job.metric_pattern),
        .group = "Progress",
        .help = "Pattern on the output whose group 1 is the validation metric"},
    {.name = "epoch-pattern",
     .type = OPTION_TEXT,
     .form = "REGEX",
     .most = OPTION_TEXT_MOST,
     .to = TO(recur.job.epoch_pattern),
     .group = "Progress",
     .help = "Pattern on the output that ends an epoch"},
    {.name = "target",
     .type = OPTION_READ,
     .form = "NAME>=VALUE|NAME<=VALUE",
     .read = read_target,
     .to = TO(recur.job.run_target.target),
     .group = "Target and budget",
     .help = "Validation metric to reach; wattune asks a training that reaches it to end"},
    {.name = "max-epochs",
     .type = OPTION_WHOLE,
     .form = "N",
     .least = 1,
     .most = EPOCHS_MOST,
     .fallback = "100",
     .needs = "target",
     .to = TO(recur.job.run_target.max_epochs),
     .group = "Target and budget",
     .help = "Number of epochs after which wattune ends a training without its target"},
    {.name = "budget",
     .type = OPTION_READ,
     .form = "AMOUNT",
     .read = budget_option_read,
     .once = true,
     .to = TO(recur.job.spending.budget),
     .group = "Target and budget",
     .help = "Budget of all runs of this command together, such as 2kWh, 500gCO2e or 3h: energy of "
             "all measured devices, carbon as booked, or time; when it is used up, wattune ends "
             "the training with exit code 8"},
    {.name = "grace",
     .type = OPTION_NUMBER,
     .form = "SECONDS",
     .most = GRACE_MOST_S,
     .fallback = "10",
     .needs = "target|budget",
     .to = TO(recur.job.run_target.grace_s),
     .group = "Target and budget",
     .help = "Seconds to wait after SIGTERM before sending SIGKILL"},
    {.name = "recurrences",
     .type = OPTION_WHOLE,
     .form = "N",
     .least = 1,
     .most = RECURRENCES_MOST,
     .fallback = "1",
     .to = TO(recur.recurrences),
     .group = "Recurrences and batch sizes",
     .help = "Number of recurrences of the job to run"},
    {.name = "batch-sizes",
     .type = OPTION_READ,
     .form = "N,N,...",
     .read = read_sizes,
     .to = TO(recur.sizes),
     .group = "Recurrences and batch sizes",
     .help = "Batch sizes to choose among over the recurrences of the job; the command takes "
             "{batch_size} or WATTUNE_BATCH_SIZE"},
    {.name = "default-batch-size",
     .type = OPTION_WHOLE,
     .form = "N",
     .least = 1,
     .most = SIZE_MOST,
     .needs = "batch-sizes",
     .to = TO(recur.sizes.default_size),
     .group = "Recurrences and batch sizes",
     .help = "Batch size used without tuning; tried first"},
    {.name = "policy",
     .type = OPTION_WORD,
     .form = "zeus",
     .fallback = "zeus",
     .needs = "batch-sizes",
     .to = TO(policy),
     .group = "Recurrences and batch sizes",
     .help = "Policy that chooses the batch size"},
    {.name = "beta",
     .type = OPTION_NUMBER,
     .form = "B|inf",
     .most = 1e9,
     .above = true,
     .fallback = "2",
     .needs = "batch-sizes",
     .to = TO(recur.sizes.beta),
     .group = "Recurrences and batch sizes",
     .help = "Largest cost of a run, in multiples of the cheapest recurrence so far"},
    {.name = "window",
     .type = OPTION_WHOLE,
     .form = "N",
     .most = ARM_WINDOW_MOST,
     .fallback = "0",
     .needs = "batch-sizes",
     .to = TO(recur.sizes.thompson.window),
     .group = "Recurrences and batch sizes",
     .help = "Number of latest runs of a batch size that count, at most 64; 0 counts all"},
    {.name = "seed",
     .type = OPTION_WHOLE,
     .form = "S",
     .most = (double)INT64_MAX,
     .fallback = "1",
     .to = TO(recur.sizes.seed),
     .group = "Recurrences and batch sizes",
     .help = "Seed of all random draws; recurrence r gets S + r - 1 as {seed}"},
    {.name = "lr",
     .type = OPTION_NUMBER,
     .form = "RATE",
     .least = 1e-30,
     .most = 1e30,
     .to = TO(recur.learning_rate),
     .group = "Recurrences and batch sizes",
     .help = "Learning rate for the default batch size; {lr} is the rate for the size that runs"},
    {.name = "optimizer",
     .type = OPTION_TEXT,
     .form = "NAME",
     .most = OPTION_TEXT_MOST,
     .needs = "lr",
     .to = TO(recur.optimizer),
     .group = "Recurrences and batch sizes",
     .help =
         "Optimizer of the training, by which --lr follows the batch size: with its square root "
         "for adam, adamw, adadelta, adagrad, rmsprop and lamb, linearly for sgd, not at all "
         "for others"},
    {0}};

const struct option_row run_operands[] = {COMMAND_OPERAND(struct run_settings, recur.job.argv),
                                          {0}};

/* --- Rules --- */

static int check_carbon_aware(struct wt_error *err)
{
    const struct job_options *job = &run_settings.recur.job;
    if (!run_settings.carbon_aware)
        return 0;
    if (job->tuner.preference.selector != WT_SELECT_COST)
        return error_set(err, WT_E_INVALID,
                         "--carbon-aware goes with --eta: --max-slowdown and --min do not trade "
                         "energy for time");
    if (job->observe || job->tuner.profile_only)
        return error_set(err, WT_E_INVALID, "--carbon-aware sets power limits, and %s does not",
                         job->observe ? "--observe" : "--profile-only");
    return 0;
}

static int check_sizes(const struct given *given, struct wt_error *err)
{
    struct batch_size_options *sizes = &run_settings.recur.sizes;
    bool named = is_given(given, "default-batch-size"), among = false;
    if (!is_given(given, "target"))
        return error_set(err, WT_E_INVALID,
                         "batch sizes are compared by their cost to a target: --batch-sizes needs "
                         "--target");
    if (!named && sizes->count > 1)
        return error_set(err, WT_E_INVALID,
                         "--batch-sizes needs --default-batch-size, the size used without tuning");
    if (!named)
        sizes->default_size = sizes->sizes[0];
    for (unsigned i = 0; i < sizes->count; i++)
        among |= sizes->sizes[i] == sizes->default_size;
    return among ? 0
                 : error_set(err, WT_E_INVALID,
                             "the default batch size %u is not among --batch-sizes",
                             (unsigned)sizes->default_size);
}

int run_check(const struct given *given, const struct config *config, struct wt_error *err)
{
    struct recur_options *recur = &run_settings.recur;
    unsigned window = recur->sizes.thompson.window;
    struct wt_preference *preference = &recur->job.tuner.preference;
    (void)config;
    recur->hold_ms = HOLD_MS;
    recur->sizes.thompson = batch_size_usual();
    recur->sizes.thompson.window = window;
    recur->chooses = is_given(given, "batch-sizes");
    recur->job.replace = true;
    recur->job.values = (struct substitute_values){.has_seed = true, .seed = recur->sizes.seed};
    recur->job.run_target.has_target = is_given(given, "target");
    recur->job.run_target.bound_j = INFINITY;
    preference->selector = is_given(given, "max-slowdown") ? WT_SELECT_MAX_SLOWDOWN
                           : !is_given(given, "min")       ? WT_SELECT_COST
                           : run_settings.min == 0         ? WT_SELECT_ENERGY
                                                           : WT_SELECT_TIME;
    int rc = check_carbon_aware(err);
    return rc == 0 && recur->chooses ? check_sizes(given, err) : rc;
}
