/* SPDX-License-Identifier: Apache-2.0
 *
 * --help and --usage of a command, from its rows.
 */
#ifndef WATTUNE_CLI_HELP_H
#define WATTUNE_CLI_HELP_H

#include "base/buffer.h"
#include "cli/command.h"

/* Columns of the terminal on standard output, within 40 and 120; 80 when it is none. */
unsigned help_width(void);

/* Appends the synopsis, the summary, the options by group, the description and the examples, with
 * prose broken at `width` columns. */
void help_page(struct buffer *page, const struct command *command, unsigned width);

/* Appends the synopsis with every option. */
void help_usage(struct buffer *page, const struct command *command, unsigned width);

#endif
