/* SPDX-License-Identifier: Apache-2.0
 *
 * Descent: whose process is it, by the parents that /proc tells.
 */
#ifndef WATTUNE_RUN_PROCESS_DESCENT_H
#define WATTUNE_RUN_PROCESS_DESCENT_H

#include <stdbool.h>
#include <sys/types.h>

/* True when `pid` is this process or descends from it; false for strangers and for processes that
 * have ended. */
bool descent_is_ours(pid_t pid);

/* Running processes that an ended command of ours has left behind: its descendants, and orphans
 * that this process has adopted.  Orphans do not tell whose they were, so those of another command
 * that has ended are counted as well.  `command` is a child of child_fork(). */
unsigned descent_left_running(pid_t command);

/* Running processes in the process group, its leader left out. */
unsigned descent_group_size(pid_t group);

#endif
