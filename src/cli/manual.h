/* SPDX-License-Identifier: Apache-2.0
 *
 * The manual: rows of the table of commands as man pages (macros of man(7)).  --help prints the
 * same rows.
 */
#ifndef WATTUNE_CLI_MANUAL_H
#define WATTUNE_CLI_MANUAL_H

#include "base/buffer.h"
#include "cli/command.h"

/* Appends wattune(1): the table of commands, environment, files and exit codes. */
void manual_overview(struct buffer *page);

/* Appends wattune-COMMAND(1). */
void manual_command(struct buffer *page, const struct command *command);

/* Appends the public error codes as a list, for libwattune(3). */
void manual_error_codes(struct buffer *page);

/* Appends the faults of the row's documentation, and of its options', one sentence a line; returns
 * their number. */
unsigned manual_complaints(struct buffer *complaints, const struct command *command);

#endif
