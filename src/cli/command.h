/* SPDX-License-Identifier: Apache-2.0
 *
 * Subcommands as rows of one table: each row is the parser, the --help and the manual page of its
 * command at once.
 */
#ifndef WATTUNE_CLI_COMMAND_H
#define WATTUNE_CLI_COMMAND_H

#include <argp.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/exit_code.h"
#include "setup/common.h"

/* Which of the shared options a command has. */
enum common_group {
    COMMON_DEVICES = 1 << 0,
    COMMON_REPLAY = 1 << 1,
    COMMON_LEDGER = 1 << 2,
    COMMON_CARBON = 1 << 3
};

struct command {
    const char *name, *arguments;      /* "[options] -- COMMAND [ARGUMENT...]" */
    const char *summary;               /* one line without a full stop */
    const char *description;           /* paragraphs, an empty line between */
    const char *examples;              /* lines; each begins with a command or is a remark */
    const struct argp_option *options; /* its own; ends with {0} */
    unsigned groups;                   /* enum common_group */
    bool any_config;     /* goes on with the defaults when the configuration is wrong, and says so
                            itself */
    argp_parser_t parse; /* its own options and arguments, keys of the configuration apart;
                          * state->input is struct invocation */
    int (*run)(struct common *common, void *settings);
    void *settings; /* what parse fills */
};

struct invocation {
    const struct command *command;
    struct common *common;
    void *settings;
    unsigned child_count;
};

/* All commands, in the order of --help; ends with NULL. */
extern const struct command *const commands[];
extern const struct command command_run, command_measure, command_monitor, command_limit,
    command_jobs, command_show, command_explain, command_forget, command_config, command_doctor,
    command_top, command_simulate, command_pareto, command_carbon, command_report, command_fleet;

/* A hidden word, for completions: the names of the jobs in the ledger, one a line; nothing when
 * there is none. */
#define JOB_NAMES_COMMAND "job-names"
int job_names_main(struct common *common);

/* The shared options of a group, for --help and the manual. */
const struct argp_option *common_options(enum common_group group);
const char *common_title(enum common_group group);

/* Parses argv by the command's row over the configuration in common->config.  Ends the process on
 * --help and on usage errors (exit code 2). */
void command_parse(const struct command *command, int argc, char **argv, struct common *common);

/* A usage error: one sentence (argp_error() would add a second one), exit code 2. */
void command_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Says the error and gives the exit code that its WT_E_* code has. */
int command_failed(const struct wt_error *err);

/* Prints a page to standard output: the exit code (1 when it cannot be written). */
struct buffer;
int command_print(struct buffer *page);

#endif
