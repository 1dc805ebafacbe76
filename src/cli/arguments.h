/* SPDX-License-Identifier: Apache-2.0
 *
 * From argv to settings, by the rows of a command.  The door to getopt_long.
 */
#ifndef WATTUNE_CLI_ARGUMENTS_H
#define WATTUNE_CLI_ARGUMENTS_H

#include <stdbool.h>

#include "base/error.h"
#include "setup/option.h"

struct command;
struct setup;

/* The options and positional arguments of one command line, in their order. */
enum { GIVEN_MOST = 256 };
struct given {
    unsigned count;
    const struct option_row *rows[GIVEN_MOST];
};

bool is_given(const struct given *given, const char *name);

enum arguments_result { ARGUMENTS_DONE, ARGUMENTS_HELP, ARGUMENTS_USAGE };

/* Sets the defaults of the command's rows, reads argv[1..argc) into its settings, into *setup and
 * into the configuration, and checks the result.  Options may follow positional arguments; "--" and
 * the first word of a COMMAND end them.  Returns an enum arguments_result, the last two for --help
 * and --usage.  WT_E_PARSE, WT_E_RANGE, WT_E_INVALID: a usage error; one sentence names the option,
 * the value and the values that it takes, or the name that was perhaps meant. */
int arguments_parse(const struct command *command, int argc, char **argv, struct setup *setup,
                    struct given *given, struct wt_error *err);

#endif
