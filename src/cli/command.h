/* SPDX-License-Identifier: Apache-2.0
 *
 * Subcommands as rows of one table: each row, with its rows of options, is the parser, the --help,
 * the manual page and the completion of its command at once.
 */
#ifndef WATTUNE_CLI_COMMAND_H
#define WATTUNE_CLI_COMMAND_H

#include <stdbool.h>

#include "base/error.h"
#include "base/exit_code.h"
#include "cli/arguments.h"
#include "setup/setup.h"
#include "setup/config.h"
#include "setup/option.h"

/* The shared options of a command. */
enum common_group {
    COMMON_DEVICES = 1 << 0,
    COMMON_REPLAY = 1 << 1,
    COMMON_LEDGER = 1 << 2,
    COMMON_CARBON = 1 << 3
};

struct command {
    const char *name;
    const char *synopsis;              /* its lines behind the options; NULL: as the operands say */
    const char *summary;               /* one line without a full stop */
    const char *description;           /* paragraphs, an empty line between */
    const char *examples;              /* lines; each begins with a command or is a remark */
    const struct option_row *options;  /* its own; a row without a name ends them */
    const struct option_row *operands; /* positional arguments, in their order; NULL: none */
    unsigned groups;                   /* enum common_group */
    bool any_config; /* continues with the defaults when the configuration is wrong, and reports
                        that itself */
    /* Checks the settings for rules that involve several options, and completes them; NULL: no such
     * rule. */
    int (*check)(const struct given *given, const struct config *config, struct wt_error *err);
    int (*run)(struct setup *setup, void *settings);
    void *settings; /* the struct that the rows' targets lie in */
    size_t settings_size;
};

/* All commands, in the order of --help; ends with NULL. */
extern const struct command *const commands[];
extern const struct command command_run, command_measure, command_monitor, command_limit,
    command_jobs, command_show, command_explain, command_forget, command_config, command_doctor,
    command_top, command_simulate, command_pareto, command_carbon, command_report, command_fleet;

/* Rows that several commands have. */
#define JSON_ROW(type_, member)                                                                    \
    {                                                                                              \
        .name = "json", .to = OPTION_TO(type_, member),                                            \
        .help = "Print one JSON object on standard output"                                         \
    }
#define FILE_ROW(option, type_, member, text)                                                      \
    {                                                                                              \
        .name = option, .type = OPTION_TEXT, .form = "FILE", .most = OPTION_TEXT_MOST,             \
        .to = OPTION_TO(type_, member), .help = text                                               \
    }
/* A file that the command writes: its folder is checked before the work. */
#define OUTPUT_ROW(option, type_, member, text)                                                    \
    {                                                                                              \
        .name = option, .type = OPTION_READ, .form = "FILE", .read = command_read_output,          \
        .to = OPTION_TO(type_, member), .help = text                                               \
    }
#define JOB_ROW(type_, member)                                                                     \
    {                                                                                              \
        .name = "JOB", .type = OPTION_TEXT, .form = "JOB", .most = OPTION_TEXT_MOST,               \
        .to = OPTION_TO(type_, member), .help = "Name of a job; `wattune jobs` lists the jobs"     \
    }
#define COMMAND_OPERAND(type_, member)                                                             \
    {                                                                                              \
        .name = "COMMAND", .type = OPTION_COMMAND, .form = "COMMAND",                              \
        .to = OPTION_TO(type_, member), .help = "Command to start, with its arguments"             \
    }

/* A hidden command for completions: prints the names of the jobs in the ledger, one a line; nothing
 * without a ledger. */
#define JOB_NAMES_COMMAND "job-names"
int job_names_main(struct setup *setup);

/* Row i of the command's options: its own, the shared ones, --help; NULL behind the last. */
const struct option_row *command_option(const struct command *command, unsigned i);

/* Line i of the synopsis, "[OPTION...] JOB", into text[0..size); false behind the last. */
bool command_synopsis(const struct command *command, unsigned i, char *text, size_t size);

/* Parses argv by the command's row over the configuration in setup->config, and takes devices and
 * ledger from it.  Ends the process on
 * --help and on usage errors (exit code 2). */
void command_parse(const struct command *command, int argc, char **argv, struct setup *setup);

/* Reads the path of a file that will be written (target: const char *, borrowed): the error tells
 * that file_write() could not begin. */
int command_read_output(const char *name, const char *text, void *target, struct wt_error *err);

/* True when standard output gets colours: by --color, on a terminal, without NO_COLOR. */
bool command_colour(const struct setup *setup);

/* Prints a usage error, one sentence, and ends the process with exit code 2. */
void command_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Prints the error; returns the exit code of its WT_E_* code. */
int command_failed(const struct wt_error *err);

/* Prints a page to standard output: the exit code (1 when it cannot be written). */
struct buffer;
int command_print(struct buffer *page);

#endif
