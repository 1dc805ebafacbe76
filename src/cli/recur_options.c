/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of `wattune run` that are about recurrences, targets and batch sizes.
 */
#include "cli/recur_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "cli/budget_option.h"
#include "setup/form.h"

/* A claim is held for a minute and renewed every quarter of one: a slow disk or a stopped machine
 * costs no claim, and the size of a killed run is free again while its user still looks. */
static const int64_t HOLD_MS = 60 * 1000;

enum {
    SIZE_MOST = 1000000000,
    RECURRENCES_MOST = 1000000,
    EPOCHS_MOST = 1000000,
    GRACE_MOST_S = 86400
};
static const double BETA_MOST = 1e9;

/* What was given, to say what it does not go with. */
static bool given[KEY_BUDGET - KEY_BATCH_SIZES + 1];

static bool was_given(enum recur_key key)
{
    return given[key - KEY_BATCH_SIZES];
}

static const char *shown(const char *text)
{
    static char place[80];
    return text_escape_into(place, sizeof place, text);
}

static uint64_t whole(const char *option, const char *text, uint64_t least, uint64_t most)
{
    uint64_t value = 0;
    if (parse_u64(text, least, most, &value))
        command_usage_error("--%s is a whole number from %llu to %llu, not \"%s\"", option,
                            (unsigned long long)least, (unsigned long long)most, shown(text));
    return value;
}

static double real(const char *option, const char *text, double least, double most)
{
    double value = 0;
    if (parse_number(text, least, most, &value))
        command_usage_error("--%s is a number from %g to %g, not \"%s\"", option, least, most,
                            shown(text));
    return value;
}

static int rising(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void take_sizes(const char *text, struct batch_size_options *sizes)
{
    char part[32];
    const char *cursor = text;
    int rc;
    sizes->count = 0;
    while ((rc = parse_next_part(&cursor, ',', part, sizeof part)) > 0) {
        uint64_t size = 0;
        if (parse_u64(part, 1, SIZE_MOST, &size))
            rc = WT_E_PARSE;
        if (rc < 0)
            break;
        if (sizes->count == BATCH_SIZES_MOST)
            command_usage_error("--batch-sizes has at most %d sizes", BATCH_SIZES_MOST);
        sizes->sizes[sizes->count++] = (uint32_t)size;
    }
    if (rc < 0 || sizes->count == 0)
        command_usage_error(
            "--batch-sizes is a list of whole numbers from 1 to %d such as 16,32,64, not \"%s\"",
            SIZE_MOST, shown(text));
    qsort(sizes->sizes, sizes->count, sizeof sizes->sizes[0], rising);
    for (unsigned i = 1; i < sizes->count; i++)
        if (sizes->sizes[i] == sizes->sizes[i - 1])
            command_usage_error("--batch-sizes has %u twice", (unsigned)sizes->sizes[i]);
}

static double take_beta(const char *text)
{
    double beta = INFINITY;
    if (strcmp(text, "inf") != 0 && (parse_number(text, 0, BETA_MOST, &beta) || beta <= 0))
        command_usage_error("--beta is a number above 0 and at most %g, or inf, not \"%s\"",
                            BETA_MOST, shown(text));
    return beta;
}

static void take_policy(const char *text)
{
    char words[64];
    if (form_match(RECUR_POLICY_FORM, text) < 0)
        command_usage_error("--policy is %s, not \"%s\"",
                            form_sentence(RECUR_POLICY_FORM, words, sizeof words), shown(text));
}

static void take_target(const char *text, struct target *target)
{
    struct wt_error err;
    if (target_parse(text, target, &err))
        command_usage_error("--target: %s", err.text);
}

static void take_budget(const char *text, struct budget_amount *budget)
{
    struct wt_error err;
    if (budget_option_parse(text, budget, &err))
        command_usage_error("%s", err.text);
}

error_t recur_option(int key, const char *arg, struct recur_options *options)
{
    struct run_target_options *run_target = &options->job.run_target;
    if (key < KEY_BATCH_SIZES || key > KEY_BUDGET)
        return ARGP_ERR_UNKNOWN;
    if (key == KEY_BUDGET && was_given(KEY_BUDGET))
        command_usage_error("--budget is given once: a command has one budget");
    given[key - KEY_BATCH_SIZES] = true;
    switch ((enum recur_key)key) {
    case KEY_BATCH_SIZES:
        take_sizes(arg, &options->sizes);
        break;
    case KEY_DEFAULT_SIZE:
        options->sizes.default_size = (uint32_t)whole("default-batch-size", arg, 1, SIZE_MOST);
        break;
    case KEY_TARGET:
        take_target(arg, &run_target->target);
        break;
    case KEY_MAX_EPOCHS:
        run_target->max_epochs = (unsigned)whole("max-epochs", arg, 1, EPOCHS_MOST);
        break;
    case KEY_BETA:
        options->sizes.beta = take_beta(arg);
        break;
    case KEY_WINDOW:
        options->sizes.thompson.window = (unsigned)whole("window", arg, 0, ARM_WINDOW_MOST);
        break;
    case KEY_POLICY:
        take_policy(arg);
        break;
    case KEY_SEED:
        options->sizes.seed = options->job.values.seed = whole("seed", arg, 0, INT64_MAX);
        break;
    case KEY_LR:
        options->learning_rate = real("lr", arg, 1e-30, 1e30);
        break;
    case KEY_OPTIMIZER:
        options->optimizer = arg;
        break;
    case KEY_RECURRENCES:
        options->recurrences = (unsigned)whole("recurrences", arg, 1, RECURRENCES_MOST);
        break;
    case KEY_BUDGET:
        take_budget(arg, &options->job.spending.budget);
        break;
    case KEY_GRACE:
        run_target->grace_s = real("grace", arg, 0, GRACE_MOST_S);
        break;
    }
    return 0;
}

void recur_options_init(struct recur_options *options)
{
    *options = (struct recur_options){.recurrences = 1, .hold_ms = HOLD_MS};
    options->sizes =
        (struct batch_size_options){.beta = 2, .thompson = batch_size_usual(), .seed = 1};
    options->job.run_target =
        (struct run_target_options){.max_epochs = 100, .grace_s = 10, .bound_j = INFINITY};
    options->job.replace = true;
    options->job.values = (struct substitute_values){.has_seed = true, .seed = 1};
}

/* Rows of what makes no sense without something else. */
static void check_company(void)
{
    static const struct {
        enum recur_key key, needs;
        const char *words;
    } rows[] = {
        {KEY_DEFAULT_SIZE, KEY_BATCH_SIZES, "--default-batch-size goes with --batch-sizes"},
        {KEY_BETA, KEY_BATCH_SIZES, "--beta goes with --batch-sizes"},
        {KEY_WINDOW, KEY_BATCH_SIZES, "--window goes with --batch-sizes"},
        {KEY_POLICY, KEY_BATCH_SIZES, "--policy goes with --batch-sizes"},
        {KEY_BATCH_SIZES, KEY_TARGET,
         "batch sizes are compared by what it costs to reach a target: --batch-sizes needs "
         "--target"},
        {KEY_MAX_EPOCHS, KEY_TARGET, "--max-epochs goes with --target"},
        {KEY_OPTIMIZER, KEY_LR, "--optimizer goes with --lr"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (was_given(rows[i].key) && !was_given(rows[i].needs))
            command_usage_error("%s", rows[i].words);
    if (was_given(KEY_GRACE) && !was_given(KEY_TARGET) && !was_given(KEY_BUDGET))
        command_usage_error("--grace goes with --target or --budget");
}

static void check_default(struct batch_size_options *sizes)
{
    bool among = false;
    if (!was_given(KEY_DEFAULT_SIZE) && sizes->count > 1)
        command_usage_error("which of the batch sizes does the job have without tuning? Name it "
                            "with --default-batch-size");
    if (!was_given(KEY_DEFAULT_SIZE))
        sizes->default_size = sizes->sizes[0];
    for (unsigned i = 0; i < sizes->count; i++)
        among |= sizes->sizes[i] == sizes->default_size;
    if (!among)
        command_usage_error("the default batch size %u is not among --batch-sizes",
                            (unsigned)sizes->default_size);
}

void recur_options_finish(struct recur_options *options)
{
    check_company();
    options->chooses = was_given(KEY_BATCH_SIZES);
    options->job.run_target.has_target = was_given(KEY_TARGET);
    if (options->chooses)
        check_default(&options->sizes);
}
