/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal on standard input, which has one foreground process group: the command's while it
 * runs, when it was ours before.
 */
#ifndef WATTUNE_RUN_PROCESS_TERMINAL_H
#define WATTUNE_RUN_PROCESS_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

bool terminal_is_there(void);

/* True when our process group is in the foreground. */
bool terminal_is_ours(void);

/* Gives the foreground to a process group, from the background as well. */
void terminal_give(pid_t group);

/* The same, by the child of fork(), for its own group; async-signal-safe. */
void terminal_take_in_child(void);

#endif
