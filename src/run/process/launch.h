/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that a child needs to become a command, made before fork(): the user, the environment,
 * the places where the program may be.  Between fork() and exec only the calls of launch_exec()
 * happen, all of them async-signal-safe: another thread may hold any lock at the fork.
 */
#ifndef WATTUNE_RUN_PROCESS_LAUNCH_H
#define WATTUNE_RUN_PROCESS_LAUNCH_H

#include <stdbool.h>

#include "base/users.h"
#include "run/process/signals.h"

struct launch {
    char **env;    /* the whole environment */
    char **paths;  /* the program is the first of these that can be executed */
    bool searches; /* they are folders of PATH, with the name */
    char **argv;
    char **shell_argv; /* for a script without "#!": shell, [1] its path, its arguments */
    bool drops_root;
    struct users_identity user; /* whom to become then */
    struct signals_before signals;
    bool takes_terminal;
    int output, errors; /* to become its output and errors; -1: ours */
    int report;         /* where an errno goes when it cannot start */
};

/* For the NULL-terminated argv, whose first word is looked up in the PATH of the new environment;
 * `changes` are "NAME=value" to add or replace, NULL-terminated (NULL: none).  Under sudo the user
 * is the caller.  argv and changes are borrowed until launch_clear(), which is for failures as
 * well. */
int launch_prepare(struct launch *launch, char *const argv[], const char *const changes[],
                   struct wt_error *err);
void launch_clear(struct launch *launch);

/* In the child: becomes the command in a process group of its own, or writes an errno to the report
 * and ends with 127. */
_Noreturn void launch_exec(const struct launch *launch);

#endif
