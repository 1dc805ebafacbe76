/* SPDX-License-Identifier: Apache-2.0
 *
 * Completions for shells, from the rows of the table of commands: commands, options, and the
 * alternatives of an option's form.
 */
#ifndef WATTUNE_CLI_COMPLETION_H
#define WATTUNE_CLI_COMPLETION_H

#include "base/buffer.h"

/* Each appends one whole file. */
void completion_bash(struct buffer *out);
void completion_zsh(struct buffer *out);
void completion_fish(struct buffer *out);

#endif
