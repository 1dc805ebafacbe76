/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal's foreground.
 */
#include "run/process/terminal.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

bool terminal_is_there(void)
{
    return isatty(STDIN_FILENO);
}

bool terminal_is_ours(void)
{
    return terminal_is_there() && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* A process in the background that changes the foreground gets SIGTTOU, unless it has blocked it.
 */
static sigset_t background_signal(void)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTTOU);
    return mask;
}

void terminal_give(pid_t group)
{
    sigset_t mask = background_signal(), before;
    pthread_sigmask(SIG_BLOCK, &mask, &before);
    tcsetpgrp(STDIN_FILENO, group);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void terminal_take_in_child(void)
{
    sigset_t mask = background_signal(), before;
    sigprocmask(SIG_BLOCK, &mask, &before);
    tcsetpgrp(STDIN_FILENO, getpid());
    sigprocmask(SIG_SETMASK, &before, NULL);
}
