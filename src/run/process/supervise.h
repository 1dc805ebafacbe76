/* SPDX-License-Identifier: Apache-2.0
 *
 * Supervising a command: start it, pass signals on, relay its output where somebody must see it,
 * tell how it ended. It must not know energy.  The command is never slowed, and never killed, by
 * what we do here.
 *
 * All of that happens in a thread of its own: whoever owns the command may sit in a driver's call
 * for seconds, and a Ctrl-C, a line of output and the moment of the end do not wait for it.
 */
#ifndef WATTUNE_RUN_PROCESS_SUPERVISE_H
#define WATTUNE_RUN_PROCESS_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct supervise_options {
    char *const *argv;      /* NULL-terminated; argv[0] is looked up in PATH */
    const char *const *env; /* "NAME=value" to add or replace, NULL-terminated; may be NULL */
    bool relay;             /* see the two output streams: on_output gets what is written */
    /* As bytes arrive, from the supervising thread; stream 0 is the output, 1 the errors. */
    void (*on_output)(void *ctx, unsigned stream, const char *bytes, size_t length);
    void *ctx;
    pid_t helper; /* a process of ours whose end is to be told apart; 0: none */
};

struct supervised;

/* From here on signals to us wait, to be passed on to the command; call first, before anything is
 * made that a signal would leave behind.  supervise_allow_signals() drops those that still wait.
 * SIGPIPE is ignored from here on.  Calls nest: who runs several commands holds signals around all
 * of them. */
void supervise_hold_signals(void);
void supervise_allow_signals(void);

/* A signal that asks us to end and waits while no command runs; 0: none. */
int supervise_waiting_signal(void);

/* Starts the command in a process group of its own (the terminal's foreground one when we are it).
 * Under sudo it runs as the user who called.  When the command does not exist or cannot be
 * executed, *exit_code is 127 or 126 and the return WT_E_NOT_FOUND.  The caller frees *out with
 * supervise_free(). */
int supervise_start(const struct supervise_options *options, struct supervised **out,
                    int *exit_code, struct wt_error *err);
/* Only after the command has ended; takes NULL, returns NULL. */
struct supervised *supervise_free(struct supervised *supervised);

/* Waits until the command or the helper has ended or CLOCK_MONOTONIC reaches until_ns.  Returns
 * true while the command runs. */
bool supervise_wait(struct supervised *supervised, int64_t until_ns);

/* True once the command has ended; does not wait. */
bool supervise_has_ended(struct supervised *supervised);

/* After the end: when it was seen, on CLOCK_MONOTONIC. */
int64_t supervise_ended_ns(const struct supervised *supervised);

pid_t supervise_pid(const struct supervised *supervised);

void supervise_set_helper(struct supervised *supervised, pid_t helper);

/* True once when the helper process was seen to end. */
bool supervise_helper_ended(struct supervised *supervised);

/* After the end: the code a shell would show (128 + n for signal n). */
int supervise_exit_code(const struct supervised *supervised);

/* True when the command was ended by the SIGINT of the terminal that we share with it. */
bool supervise_was_interrupted(const struct supervised *supervised);

/* The last signal to us that asks a program to end and was passed on to the command; 0: none. */
int supervise_asked_to_end(const struct supervised *supervised);

/* A signal to the command's process group, whether the command itself has ended or not; 0 asks only
 * whether there still is one.  True when there was. */
bool supervise_signal_group(struct supervised *supervised, int number);

/* After the end of a command that was not to go on: what it left in its process group has grace_ns
 * to end as well, then gets SIGKILL. */
void supervise_end_group(struct supervised *supervised, int64_t grace_ns);

/* Processes of the command that still run (it has forked and left them). */
unsigned supervise_left_running(const struct supervised *supervised);

/* True when `pid` is this process or descends from it; false for strangers and for what is gone. */
bool supervise_is_ours(pid_t pid);

#endif
