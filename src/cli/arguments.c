/* SPDX-License-Identifier: Apache-2.0
 *
 * From argv to settings.  getopt_long() takes the words apart and knows abbreviations; its messages
 * are silenced, because ours name the nearest option.
 */
#include "cli/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/nearest.h"
#include "base/text.h"
#include "cli/command.h"

enum { ROWS_MOST = 100, SHOWN = 80, SENTENCE = 400, LONG = 1000 };

/* One parse.  The getopt code of a row is its letter, or LONG and its number. */
struct parse {
    const struct command *command;
    struct setup *setup;
    struct given *given;
    char **argv;
    int argc;
    unsigned operand_count;
    unsigned row_count;
    const struct option_row *rows[ROWS_MOST];
    struct option longs[ROWS_MOST + 1];
    char shorts[ROWS_MOST + 3];
};

bool is_given(const struct given *given, const char *name)
{
    for (unsigned i = 0; i < given->count; i++)
        if (strcmp(given->rows[i]->name, name) == 0)
            return true;
    return false;
}

static void list_rows(struct parse *parse)
{
    size_t letters = 0;
    /* In the order of argv, and a missing value told apart from an unknown option. */
    parse->shorts[letters++] = '-';
    parse->shorts[letters++] = ':';
    for (unsigned i = 0; i < ROWS_MOST && (parse->rows[i] = command_option(parse->command, i));
         i++) {
        const struct option_row *row = parse->rows[i];
        parse->longs[i] = (struct option){
            row->name,
            !option_takes_value(row) ? no_argument
            : row->optional          ? optional_argument
                                     : required_argument,
            NULL, row->letter && row->letter != '?' ? row->letter : (int)LONG + (int)i};
        if (row->letter && row->letter != '?') /* getopt's own code for an error */
            parse->shorts[letters++] = row->letter;
        parse->row_count = i + 1;
    }
    parse->longs[parse->row_count] = (struct option){NULL, 0, NULL, 0};
    parse->shorts[letters] = '\0';
}

static const struct option_row *row_of(const struct parse *parse, int code)
{
    for (unsigned i = 0; i < parse->row_count; i++)
        if (parse->longs[i].val == code)
            return parse->rows[i];
    return NULL;
}

/* --- One value --- */

static void *target_of(const struct parse *parse, const struct option_row *row)
{
    char *base = row->to.target == OPTION_TO_SETTINGS ? parse->command->settings
                 : row->to.target == OPTION_TO_SHARED ? (char *)parse->setup
                                                      : NULL;
    return base ? base + row->to.offset : NULL;
}

/* Notes that the row was given. */
static int note(struct parse *parse, const struct option_row *row, const char *name,
                struct wt_error *err)
{
    if (row->once && is_given(parse->given, row->name))
        return error_set(err, WT_E_INVALID, "%s may be given once only", name);
    if (parse->given->count < GIVEN_MOST)
        parse->given->rows[parse->given->count++] = row;
    else if (!is_given(parse->given, row->name))
        return error_set(err, WT_E_INVALID, "there are more than %d options", GIVEN_MOST);
    return 0;
}

static int take(struct parse *parse, const struct option_row *row, const char *name,
                const char *value, struct wt_error *err)
{
    int rc = note(parse, row, name, err);
    if (rc || (!value && row->optional))
        return rc;
    if (row->to.target == OPTION_TO_CONFIG)
        return config_put(parse->setup->config, (enum config_id)row->setting.id, CONFIG_FROM_FLAG,
                          0, name, value ? value : row->implied, err);
    return option_read(row, name, value ? value : row->implied, target_of(parse, row), err);
}

static int take_defaults(struct parse *parse, struct wt_error *err)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < parse->row_count; i++) {
        const struct option_row *row = parse->rows[i];
        if (row->fallback && row->to.target != OPTION_TO_CONFIG)
            rc = option_read(row, row->name, row->fallback, target_of(parse, row), err);
    }
    return rc;
}

/* --- Errors of getopt --- */

static const char *nearest_option(const struct parse *parse, const char *word)
{
    struct nearest search = {.word = word};
    for (unsigned i = 0; i < parse->row_count; i++)
        nearest_offer(&search, parse->rows[i]->name);
    return nearest_name(&search);
}

/* The names that begin with the word, "--nvml or --no-color"; how many there are. */
static unsigned list_beginnings(const struct parse *parse, const char *word, char *text,
                                size_t size)
{
    unsigned count = 0;
    size_t used = 0;
    for (unsigned i = 0; i < parse->row_count && used < size; i++)
        if (strncmp(parse->rows[i]->name, word, strlen(word)) == 0)
            used += (size_t)snprintf(text + used, size - used, "%s--%s", count++ ? " or " : "",
                                     parse->rows[i]->name);
    return count;
}

static int unknown_long(const struct parse *parse, const char *word, struct wt_error *err)
{
    char name[SHOWN], shown[SHOWN], names[SENTENCE - 200];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    text_escape_into(shown, sizeof shown, name);
    if (list_beginnings(parse, name, names, sizeof names) > 1)
        return error_set(err, WT_E_INVALID, "there is no option --%s; did you mean %s?", shown,
                         names);
    const char *meant = nearest_option(parse, name);
    if (meant)
        return error_set(err, WT_E_INVALID, "there is no option --%s; did you mean --%s?", shown,
                         meant);
    return error_set(err, WT_E_INVALID,
                     "there is no option --%s; `wattune %s --help` lists the options", shown,
                     parse->command->name);
}

/* getopt_long() has put its place behind the word, but for a letter in a group of letters. */
static int refuse(const struct parse *parse, int code, struct wt_error *err)
{
    const struct option_row *row = optopt ? row_of(parse, optopt) : NULL;
    char letter[2] = {(char)optopt, '\0'}, shown[SHOWN];
    if (row)
        return error_set(err, WT_E_INVALID,
                         code == ':' ? "the option --%s needs a value"
                                     : "the option --%s takes no value",
                         row->name);
    if (!optopt)
        return unknown_long(parse, parse->argv[optind - 1], err);
    return error_set(err, WT_E_INVALID,
                     "there is no option -%s; `wattune %s --help` lists the options",
                     text_escape_into(shown, sizeof shown, letter), parse->command->name);
}

/* --- Positional arguments --- */

static int take_operand(struct parse *parse, char *word, struct wt_error *err)
{
    const struct option_row *row = parse->command->operands;
    char shown[SHOWN], line[SENTENCE - 200];
    text_escape_into(shown, sizeof shown, word);
    if (!row)
        return error_set(err, WT_E_INVALID, "%s takes no argument (\"%s\")", parse->command->name,
                         shown);
    for (unsigned i = 0; i < parse->operand_count && row->name; i++)
        row++;
    if (!row->name) {
        command_synopsis(parse->command, 0, line, sizeof line);
        return error_set(err, WT_E_INVALID, "\"%s\" is one word too many: wattune %s %s", shown,
                         parse->command->name, line);
    }
    parse->operand_count++;
    return take(parse, row, row->name, word, err);
}

/* The command and its arguments: all the rest. */
static int take_command(struct parse *parse, const struct option_row *row, int first,
                        struct wt_error *err)
{
    char **argv = parse->argv + first;
    memcpy(target_of(parse, row), &argv, sizeof(char **));
    parse->operand_count++;
    return note(parse, row, row->name, err);
}

static int check_operands(const struct parse *parse, struct wt_error *err)
{
    const struct option_row *row = parse->command->operands;
    char line[SENTENCE - 200];
    struct buffer lines = {0};
    for (unsigned i = 0; row && i < parse->operand_count; i++)
        row++;
    if (!row || !row->name || row->optional)
        return 0;
    for (unsigned i = 0; command_synopsis(parse->command, i, line, sizeof line); i++)
        buffer_print(&lines, "%swattune %s %s", i ? ", " : "", parse->command->name, line);
    int rc = error_set(err, WT_E_INVALID, "%s is missing: %s", row->name, buffer_text(&lines));
    buffer_clear(&lines);
    return rc;
}

/* --- Rules between options --- */

/* "job|project" as "--job or --project". */
static const char *put_names(const char *names, char *text, size_t size)
{
    size_t used = 0;
    *text = '\0';
    for (const char *at = names; *at && used < size;) {
        size_t length = strcspn(at, "|");
        used += (size_t)snprintf(text + used, size - used, "%s--%.*s", at == names ? "" : " or ",
                                 (int)length, at);
        at += length + (at[length] == '|');
    }
    return text;
}

static int check_rules(const struct given *given, struct wt_error *err)
{
    char names[SENTENCE - 200];
    for (unsigned i = 0; i < given->count; i++) {
        const struct option_row *row = given->rows[i];
        bool company = !row->needs;
        for (unsigned k = 0; k < given->count; k++) {
            company |= option_is_among(row->needs, given->rows[k]->name);
            if (option_is_among(row->excludes, given->rows[k]->name))
                return error_set(err, WT_E_INVALID, "--%s and --%s exclude each other", row->name,
                                 given->rows[k]->name);
        }
        if (!company)
            return error_set(err, WT_E_INVALID, "--%s goes with %s", row->name,
                             put_names(row->needs, names, sizeof names));
    }
    return 0;
}

/* --- All of it --- */

static bool takes_command(const struct command *command)
{
    return command->operands && command->operands[0].type == OPTION_COMMAND;
}

static int take_option(struct parse *parse, int code, struct wt_error *err)
{
    const struct option_row *row = row_of(parse, code);
    char name[SHOWN];
    if (row->to.target == OPTION_TO_NOTHING)
        return row->letter == '?' ? ARGUMENTS_HELP : ARGUMENTS_USAGE;
    snprintf(name, sizeof name, "--%s", row->name);
    return take(parse, row, name, optarg, err);
}

static int take_words(struct parse *parse, struct wt_error *err)
{
    int code, rc = 0;
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    while (rc == 0 && (code = getopt_long(parse->argc, parse->argv, parse->shorts, parse->longs,
                                          NULL)) != -1) {
        if (code == '?' && optopt == '?')
            rc = ARGUMENTS_HELP;
        else if (code == '?' || code == ':')
            rc = refuse(parse, code, err);
        else if (code == 1 && takes_command(parse->command))
            return take_command(parse, parse->command->operands, optind - 1, err);
        else if (code == 1)
            rc = take_operand(parse, optarg, err);
        else
            rc = take_option(parse, code, err);
    }
    if (rc == 0 && optind < parse->argc && takes_command(parse->command))
        return take_command(parse, parse->command->operands, optind, err);
    for (; rc == 0 && optind < parse->argc; optind++)
        rc = take_operand(parse, parse->argv[optind], err);
    return rc;
}

int arguments_parse(const struct command *command, int argc, char **argv, struct setup *setup,
                    struct given *given, struct wt_error *err)
{
    struct parse parse = {
        .command = command, .setup = setup, .given = given, .argv = argv, .argc = argc};
    *given = (struct given){0};
    list_rows(&parse);
    int rc = take_defaults(&parse, err);
    if (rc == 0)
        rc = take_words(&parse, err);
    if (rc)
        return rc;
    rc = check_operands(&parse, err);
    if (rc == 0)
        rc = check_rules(given, err);
    if (rc == 0 && command->check)
        rc = command->check(given, setup->config, err);
    return rc;
}
