/* SPDX-License-Identifier: Apache-2.0
 *
 * Supervising a command: start it, pass signals on, relay its output where somebody must see it,
 * tell how it ended.  It must not know energy.  The command is never slowed, and never killed, by
 * our doings.
 *
 * All of that happens in a thread of its own: the command's owner may sit in a driver's call for
 * seconds, and a Ctrl-C, a line of output and the moment of the end do not wait for it.
 *
 * Several commands may run at once, also from several threads.  Each signal to this process goes to
 * all of them (run/process/signals.h).  The first that starts in the foreground gets the terminal.
 */
#ifndef WATTUNE_RUN_PROCESS_SUPERVISE_H
#define WATTUNE_RUN_PROCESS_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct child;

struct supervise_options {
    char *const *argv;      /* NULL-terminated; argv[0] is looked up in PATH */
    const char *const *env; /* "NAME=value" to add or replace, NULL-terminated; may be NULL */
    bool relay;             /* see the two output streams: on_output gets their bytes */
    /* As bytes arrive, from the supervising thread; stream 0 is the output, 1 the errors. */
    void (*on_output)(void *ctx, unsigned stream, const char *bytes, size_t length);
    void *ctx;
    /* Adopt the processes that the command leaves behind, and reap them when they end
     * (child_adopt_orphans(), for good and for all commands). */
    bool adopt;
    const struct child *helper; /* watched beside the command; NULL: none */
};

struct supervised;

/* Starts the command in a process group of its own (the terminal's foreground one when we are it);
 * the calling thread holds signals.  Under sudo the command runs as the user who called.  When it
 * does not exist or cannot be executed, *exit_code is 127 or 126 and the return WT_E_NOT_FOUND.
 * argv, env and the helper are borrowed until the return, and the helper until
 * supervise_set_helper() or the end.  The caller frees *out with supervise_free(). */
int supervise_start(const struct supervise_options *options, struct supervised **out,
                    int *exit_code, struct wt_error *err);

/* Only after the command has ended: reaps it.  Takes NULL, returns NULL. */
struct supervised *supervise_free(struct supervised *supervised);

/* Waits until the command or the helper has ended or CLOCK_MONOTONIC reaches until_ns.  Returns
 * true while the command runs. */
bool supervise_wait(struct supervised *supervised, int64_t until_ns);

/* True once the command has ended; does not wait. */
bool supervise_has_ended(const struct supervised *supervised);

/* After the end: when it was seen, on CLOCK_MONOTONIC. */
int64_t supervise_ended_ns(const struct supervised *supervised);

/* Another helper to watch, or NULL: returns once the last one is not looked at any more, so that
 * its owner may reap it. */
void supervise_set_helper(struct supervised *supervised, const struct child *helper);

/* True once when the helper was seen to end. */
bool supervise_helper_ended(struct supervised *supervised);

/* After the end: the code a shell would show (128 + n for signal n).  255 when another part of the
 * program has reaped the command, so that nobody can know. */
int supervise_exit_code(const struct supervised *supervised);

/* True when the command was ended by the SIGINT of the terminal that we share with it. */
bool supervise_was_interrupted(const struct supervised *supervised);

/* The last signal to us that asks a program to end and was passed on to the command; 0: none. */
int supervise_asked_to_end(const struct supervised *supervised);

/* A signal to the command's process group, whose number stays its own until supervise_free(). */
void supervise_signal_group(const struct supervised *supervised, int number);

/* After the end of a command that was not to go on: the rest of its process group has grace_ns to
 * end as well, then gets SIGKILL. */
void supervise_end_group(const struct supervised *supervised, int64_t grace_ns);

/* Running processes that the command has left behind. */
unsigned supervise_left_running(const struct supervised *supervised);

#endif
