/* SPDX-License-Identifier: Apache-2.0
 *
 * Relaying one output stream of a command to ours, seeing every byte on the way: through a pipe, or
 * through a pseudo-terminal where ours is a terminal, so that programs go on showing progress bars
 * and colours.
 *
 * Nothing here waits: the reader of our output may stop reading, and signals and the command's end
 * are still served. The command then waits, as it would without us.
 */
#ifndef WATTUNE_RUN_PROCESS_RELAY_H
#define WATTUNE_RUN_PROCESS_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>

struct relay {
    int from;            /* our end of the command's pipe; -1: not relayed, or ended */
    int to;              /* our own stream */
    struct winsize size; /* as the command was told it; all 0 when ours is no terminal */
    char *bytes;         /* read, and not all passed on yet: bytes[begin..end) */
    size_t begin, end;
};

typedef void (*relay_see)(void *ctx, const char *bytes, size_t length);

/* *theirs is the end for the command; the caller closes it once the command has it.  -1 with errno.
 */
int relay_open(struct relay *relay, int ours, int *theirs);
void relay_close(struct relay *relay);

/* Fills in the event to wait for; false when there is none any more. */
bool relay_wants(const struct relay *relay, struct pollfd *fd);

/* True while bytes that were read wait for our reader. */
bool relay_has_rest(const struct relay *relay);

/* Moves what can be moved now, at most some 64 KiB; `see` gets the bytes read. */
void relay_move(struct relay *relay, relay_see see, void *ctx);

/* The command has ended: reads its bytes that are still on their way, at most a megabyte, since a
 * process that it left behind may write on.  They remain to be moved; nothing more is read. */
void relay_read_rest(struct relay *relay, relay_see see, void *ctx);

/* Tells the command's terminal when ours has got another size: true then. */
bool relay_follow_size(struct relay *relay);

#endif
