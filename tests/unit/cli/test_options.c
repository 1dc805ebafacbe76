/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of every command: each is documented, has a target inside its struct, takes good values
 * and refuses bad ones with a sentence that names the option; and command lines as people type
 * them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/run_options.h"
#include "setup/form.h"

static struct config config;
static struct setup setup;
static struct given given;
static struct wt_error err;

static const struct command *find(const char *name)
{
    for (unsigned i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    fail_msg("no command %s", name);
    return commands[0];
}

static int load(void **state)
{
    const struct config_places nowhere = {0};
    (void)state;
    config_clear(&config);
    setup = (struct setup){.config = &config};
    return config_load(&config, &nowhere, &err);
}

/* The first word is the command; the settings begin as they are in a new process. */
static int parse(const char *first, ...)
{
    static char words[16][9000];
    static char *argv[17];
    int argc = 0;
    va_list args;
    va_start(args, first);
    const char *word = first;
    do {
        snprintf(words[argc], sizeof words[0], "%s", word);
        argv[argc] = words[argc];
        argc++;
    } while ((word = va_arg(args, const char *)));
    va_end(args);
    argv[argc] = NULL;
    const struct command *command = find(first);
    void *kept = malloc(command->settings_size + 1);
    assert_non_null(kept);
    memcpy(kept, command->settings, command->settings_size);
    load(NULL);
    err.text[0] = '\0';
    int rc = arguments_parse(command, argc, argv, &setup, &given, &err);
    if (rc < 0)
        memcpy(command->settings, kept, command->settings_size);
    free(kept);
    return rc;
}

static void assert_refused(int rc, const char *sentence)
{
    assert_true(rc < 0);
    if (!strstr(err.text, sentence))
        fail_msg("no \"%s\" in: %s", sentence, err.text);
    assert_null(strchr(err.text, '\n'));
}

/* --- Properties of all rows --- */

/* Size of the C type of a row's target; 0: the row's own. */
static size_t size_of(enum option_type type)
{
    switch (type) {
    case OPTION_FLAG:
    case OPTION_YES_NO:
        return sizeof(bool);
    case OPTION_TEXT:
    case OPTION_WORD:
    case OPTION_WATTS:
    case OPTION_COMMAND:
        return sizeof(char *);
    case OPTION_NUMBER:
    case OPTION_FRACTION:
        return sizeof(double);
    case OPTION_CHOICE:
        return sizeof(unsigned);
    case OPTION_TIME:
    case OPTION_MOMENT:
        return sizeof(int64_t);
    case OPTION_WHOLE:
    case OPTION_READ:
        break;
    }
    return 0;
}

static void check_target(const struct command *command, const struct option_row *row)
{
    size_t whole = row->to.target == OPTION_TO_SETTINGS ? command->settings_size
                   : row->to.target == OPTION_TO_SHARED ? sizeof(struct setup)
                                                        : 0;
    if (row->to.target == OPTION_TO_CONFIG) {
        assert_true(row->setting.id < CONFIG_COUNT);
        return;
    }
    if (row->to.target == OPTION_TO_NOTHING) {
        assert_true(strcmp(row->name, "help") == 0 || strcmp(row->name, "usage") == 0);
        return;
    }
    if (row->to.size == 0 || row->to.offset + row->to.size > whole)
        fail_msg("%s %s: its target lies outside the struct", command->name, row->name);
    if (size_of(row->type) && row->to.size != size_of(row->type))
        fail_msg("%s %s: its target has %zu bytes", command->name, row->name, row->to.size);
    if (row->type == OPTION_WHOLE)
        assert_true(row->to.size == 4 || row->to.size == 8);
}

static void check_row(const struct command *command, const struct option_row *row)
{
    struct buffer help = {0};
    option_put_help(&help, row);
    const char *text = buffer_text(&help);
    if (text[0] < 'A' || text[0] > 'Z' || text[help.length - 1] == '.')
        fail_msg("%s --%s: %s", command->name, row->name, text);
    if (row->type != OPTION_FLAG && !row->form)
        fail_msg("%s --%s has no form", command->name, row->name);
    if (row->type == OPTION_FLAG && row->form)
        fail_msg("%s --%s is a flag with a form", command->name, row->name);
    if (row->fallback && !row->otherwise) {
        char told[100];
        snprintf(told, sizeof told, "(default: %s)", row->fallback);
        if (!strstr(text, told))
            fail_msg("%s --%s: no %s", command->name, row->name, told);
    }
    assert_true((row->read != NULL) == (row->type == OPTION_READ));
    for (const char *c = row->name; *c; c++)
        assert_true(*c != '_');
    check_target(command, row);
    buffer_clear(&help);
}

/* Every name that a row needs or excludes is an option of the same command. */
static void check_names(const struct command *command, const char *names)
{
    char word[60];
    for (const char *at = names; at && *at;) {
        size_t length = strcspn(at, "|");
        bool found = false;
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        const struct option_row *row;
        for (unsigned i = 0; (row = command_option(command, i)); i++)
            found |= strcmp(row->name, word) == 0;
        if (!found)
            fail_msg("%s has no --%s", command->name, word);
        at += length + (at[length] == '|');
    }
}

static void every_row_is_whole(void **state)
{
    (void)state;
    unsigned rows = 0;
    for (unsigned c = 0; commands[c]; c++) {
        const struct option_row *row;
        for (unsigned i = 0; (row = command_option(commands[c], i)); i++, rows++) {
            check_row(commands[c], row);
            check_names(commands[c], row->needs);
            check_names(commands[c], row->excludes);
            const struct option_row *other;
            for (unsigned k = 0; k < i && (other = command_option(commands[c], k)); k++)
                if (strcmp(other->name, row->name) == 0)
                    fail_msg("%s has --%s twice", commands[c]->name, row->name);
        }
        for (row = commands[c]->operands; row && row->name; row++)
            check_row(commands[c], row);
        assert_int_equal(parse(commands[c]->name, "--usage", NULL),
                         ARGUMENTS_USAGE); /* the last row */
    }
    assert_true(rows > 150);
}

/* --- Values --- */

/* Values of rows with a reader of their own. */
static const struct {
    const char *form, *good, *bad;
} own[] = {
    {"NAME>=VALUE|NAME<=VALUE", "accuracy>=0.9", "accuracy"},
    {"AMOUNT", "2 kWh", "2 horses"},
    {"N,N,...", "16,32", "16,16"},
    {"A..B", "1..5", "5..1"},
    {"MODEL,...", "v100,a40", "v100,k80"},
    {"E:T:I", "1:2:3", "1:2"},
    {"CODE,...", "DEU,FRA", "DEU,"},
    {"KEY=VALUE,...", "pue=1.2", "pue=0"},
    {"KEY,...", "job,day", "job,job"},
    {"FILE", "/dev/null", "/nonexistent/x.json"},
};

static void values_of(const struct option_row *row, char good[400], char bad[400])
{
    bool open;
    *bad = '\0';
    snprintf(good, 400, "%s", "x");
    switch (row->type) {
    case OPTION_NUMBER:
    case OPTION_FRACTION:
        snprintf(good, 400, "%.17g", row->above ? (row->least + row->most) / 2 : row->least);
        snprintf(bad, 400, "%.17g", row->above ? row->least : row->most * 2 + 1);
        break;
    case OPTION_WHOLE:
        snprintf(good, 400, "%.0f", row->least);
        snprintf(bad, 400, "%s", "1.5");
        break;
    case OPTION_CHOICE:
    case OPTION_WORD:
    case OPTION_YES_NO:
        form_alternative(row->form, 0, good, 400, &open);
        snprintf(bad, 400, "%.*s", (int)strlen(good) - 1, good);
        break;
    case OPTION_WATTS:
        snprintf(good, 400, "%s", "100,200");
        snprintf(bad, 400, "%s", "100,100");
        break;
    case OPTION_TIME:
    case OPTION_MOMENT:
        snprintf(good, 400, "%s", "2025-03-01T12:00:00Z");
        snprintf(bad, 400, "%s", "soon");
        break;
    case OPTION_READ:
        for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++)
            if (strcmp(own[i].form, row->form) == 0) {
                snprintf(good, 400, "%s", own[i].good);
                snprintf(bad, 400, "%s", own[i].bad);
            }
        assert_true(*bad);
        break;
    case OPTION_TEXT: /* the bytes that are one too many may be too many for here */
        if (row->most < 399) {
            memset(bad, 'x', (size_t)row->most + 1);
            bad[(size_t)row->most + 1] = '\0';
        }
        break;
    case OPTION_FLAG:
    case OPTION_COMMAND:
        break;
    }
}

static void check_values(const struct option_row *row)
{
    char good[400], bad[400], name[80], target[4096];
    snprintf(name, sizeof name, "--%s", row->name);
    if (row->implied) {
        assert_int_equal(option_read(row, name, row->implied, NULL, &err), 0);
        return;
    }
    if (row->type == OPTION_FLAG || row->type == OPTION_COMMAND)
        return;
    values_of(row, good, bad);
    if (option_read(row, name, good, NULL, &err))
        fail_msg("refused \"%s\": %s", good, err.text);
    if (row->to.size && row->to.size <= sizeof target)
        assert_int_equal(option_read(row, name, good, target, &err), 0);
    if (!*bad)
        return;
    memset(target, 0x5a, sizeof target);
    if (option_read(row, name, bad, target, &err) == 0)
        fail_msg("%s took \"%s\"", name, bad);
    if (strncmp(err.text, name, strlen(name)) != 0)
        fail_msg("the sentence does not begin with %s: %s", name, err.text);
    for (size_t i = 0; i < sizeof target; i++)
        if (target[i] != 0x5a)
            fail_msg("%s: a refused value reached the target", name);
}

static void every_row_takes_and_refuses(void **state)
{
    (void)state;
    for (unsigned c = 0; commands[c]; c++) {
        const struct option_row *row;
        for (unsigned i = 0; (row = command_option(commands[c], i)); i++)
            if (row->to.target != OPTION_TO_NOTHING)
                check_values(row);
        for (row = commands[c]->operands; row && row->name; row++)
            check_values(row);
    }
}

/* --- Help --- */

static void help_has_every_option(void **state)
{
    (void)state;
    for (unsigned c = 0; commands[c]; c++) {
        struct buffer page = {0}, usage = {0};
        char name[80];
        const struct option_row *row;
        assert_int_equal(parse(commands[c]->name, "--help", NULL), ARGUMENTS_HELP);
        assert_int_equal(parse(commands[c]->name, "-?", NULL), ARGUMENTS_HELP);
        assert_int_equal(parse(commands[c]->name, "--usage", NULL), ARGUMENTS_USAGE);
        help_page(&page, commands[c], 80);
        help_usage(&usage, commands[c], 80);
        for (unsigned i = 0; (row = command_option(commands[c], i)); i++) {
            snprintf(name, sizeof name, "--%s", row->name);
            if (!strstr(buffer_text(&page), name) || !strstr(buffer_text(&usage), name))
                fail_msg("%s --help or --usage lacks %s", commands[c]->name, name);
        }
        const char *examples = strstr(buffer_text(&page), "\nExamples:\n");
        assert_non_null(examples);
        for (const char *line = buffer_text(&page); line < examples;
             line += strcspn(line, "\n") + 1)
            if (strcspn(line, "\n") > 79)
                fail_msg("longer than 79: %.*s", (int)strcspn(line, "\n"), line);
        buffer_clear(&page);
        buffer_clear(&usage);
    }
}

/* --- Command lines --- */

static void lines_that_work(void **state)
{
    (void)state;
    const struct recur_options *recur = &run_settings.recur;
    assert_int_equal(
        parse("run", "--eta", "0.3", "--observe", "--job=a", "--", "prog", "--eta", NULL), 0);
    assert_true(config_number(&config, CONFIG_ETA) == 0.3 && recur->job.observe);
    assert_string_equal(recur->job.job, "a");
    assert_string_equal(recur->job.argv[0], "prog");
    assert_string_equal(recur->job.argv[1], "--eta");
    assert_true(recur->sizes.beta == 2 && recur->job.run_target.max_epochs == 100);
    assert_true(recur->job.run_target.grace_s == 10 && recur->recurrences == 1);
    /* The command's own options are not ours, even without --; abbreviations are. */
    assert_int_equal(parse("run", "--obs", "-q", "prog", "--help", "--bogus", NULL), 0);
    assert_string_equal(recur->job.argv[1], "--help");
    assert_int_equal(setup.level, LOG_ERROR);
    assert_int_equal(parse("run", "--batch-sizes", "64,16,32", "--default-batch-size", "32",
                           "--target", "f1>=0.9", "--beta", "inf", "prog", NULL),
                     0);
    assert_true(recur->chooses && recur->sizes.count == 3 && recur->sizes.sizes[0] == 16);
    assert_true(isinf(recur->sizes.beta) && recur->sizes.thompson.explorations > 0);
    /* Options may stand behind a job. */
    assert_int_equal(parse("show", "mlp", "--json", "--no-color", NULL), 0);
    assert_true(config_is(&config, CONFIG_COLOR, "no") && is_given(&given, "json"));
    assert_int_equal(parse("show", "--", "--json", NULL), 0);
    assert_false(is_given(&given, "json"));
    assert_int_equal(parse("measure", "--json=out", "--", "prog", NULL), 0);
    assert_int_equal(parse("measure", "--json", "prog", NULL), 0);
    assert_int_equal(parse("limit", "set", "200", "--gpus", "0", NULL), 0);
    assert_string_equal(config_text(&config, CONFIG_GPUS), "0");
    assert_int_equal(parse("run", "--eta=0.1", "--eta=0.2", "prog", NULL), 0); /* the last counts */
    assert_true(config_number(&config, CONFIG_ETA) == 0.2);
}

static void slips_name_the_nearest(void **state)
{
    (void)state;
    assert_refused(parse("run", "--obsrve", "x", NULL),
                   "there is no option --obsrve; did you mean --observe?");
    assert_refused(parse("run", "--Eta=1", "x", NULL), "did you mean --eta?");
    assert_refused(parse("run", "--phase", "trainning", "x", NULL), "did you mean training?");
    assert_refused(parse("run", "--search", "adaptve", "x", NULL), "did you mean adaptive?");
    assert_refused(parse("run", "--budget", "2kwh", "x", NULL), "did you mean kWh?");
    assert_refused(parse("run", "--budget", "5 gco2", "x", NULL), "did you mean gCO2e?");
    assert_refused(parse("report", "--by", "projct", NULL), "did you mean project?");
    assert_refused(parse("fleet", "--what-if", "utilization=1", NULL), "did you mean utilisation?");
    assert_refused(parse("limit", "rest", NULL), "did you mean reset?");
    assert_refused(parse("run", "--frobnicate", "x", NULL),
                   "there is no option --frobnicate; `wattune run --help` lists the options");
    assert_refused(parse("run", "--phase", "sleeping", "x", NULL), "not \"sleeping\"");
    assert_null(strstr(err.text, "did you mean"));
    assert_refused(parse("jobs", "--ver\x1b[2J", NULL), "--ver\\x1b[2J");
}

static void lines_that_are_wrong(void **state)
{
    (void)state;
    char job[600];
    assert_refused(parse("run", "--eta", NULL), "the option --eta needs a value");
    assert_refused(parse("run", "--observe=1", "x", NULL), "the option --observe takes no value");
    assert_refused(parse("run", "--quiet=1", "x", NULL), "the option --quiet takes no value");
    assert_refused(parse("run", "-qx", "y", NULL), "there is no option -x");
    assert_refused(parse("run", NULL), "COMMAND is missing: wattune run [OPTION...] -- COMMAND");
    assert_refused(parse("run", "--", NULL), "COMMAND is missing");
    assert_refused(parse("show", NULL), "JOB is missing");
    assert_refused(parse("show", "a", "b", NULL), "\"b\" is one word too many");
    assert_refused(parse("jobs", "a", NULL), "jobs takes no argument (\"a\")");
    assert_refused(parse("run", "--in", "x", "y", NULL),
                   "--in"); /* --intensity only: needs a number */
    assert_refused(
        parse("run", "--pro", "x", "y", NULL),
        "there is no option --pro; did you mean --project or --profile-only or --progress?");
    assert_refused(parse("run", "--eta", "1", "--min", "time", "x", NULL),
                   "--min and --eta exclude each other");
    assert_refused(parse("run", "--min", "time", "--min", "energy", "x", NULL), "given once");
    assert_refused(parse("run", "--beta", "3", "x", NULL), "--beta goes with --batch-sizes");
    assert_refused(parse("run", "--grace", "3", "x", NULL),
                   "--grace goes with --target or --budget");
    assert_refused(parse("monitor", "--csv", "--json", NULL), "exclude each other");
    assert_refused(parse("run", "--eta=nan", "x", NULL),
                   "--eta is a number from 0 to 1, not \"nan\"");
    assert_refused(parse("simulate", "--days", "3", NULL), "--days goes with --fleet");
    memset(job, 'j', sizeof job - 1);
    job[sizeof job - 1] = '\0';
    assert_refused(parse("run", "--job", job, "x", NULL), "--job has 1 to 255 bytes, not 599");
    assert_refused(parse("run", "--job", "", "x", NULL), "--job needs a name");
    assert_refused(parse("run", "--min=e", "x", NULL), "--min is energy or time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_row_is_whole, load),
        cmocka_unit_test_setup(every_row_takes_and_refuses, load),
        cmocka_unit_test_setup(help_has_every_option, load),
        cmocka_unit_test_setup(lines_that_work, load),
        cmocka_unit_test_setup(slips_name_the_nearest, load),
        cmocka_unit_test_setup(lines_that_are_wrong, load),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    config_clear(&config);
    return failed;
}
