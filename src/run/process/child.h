/* SPDX-License-Identifier: Apache-2.0
 *
 * A child process of ours, watched through its pidfd.  Its owner alone reaps it: children of other
 * parts of the same program are never waited for, and its number stays taken until it is reaped.
 *
 * A kernel or sandbox without pidfd_open() or waitid(P_PIDFD) (before Linux 5.4, some seccomp
 * filters) is asked for the pid instead.  That is as safe, since nobody else reaps the child; its
 * end is then noticed at the next look, CHILD_LOOK_MS later at most.
 */
#ifndef WATTUNE_RUN_PROCESS_CHILD_H
#define WATTUNE_RUN_PROCESS_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* 0: none, or reaped */
    int fd;    /* pidfd, readable once the child has ended; -1: none */
    struct child *next;
};

enum { CHILD_LOOK_MS = 20 };

/* Where the exit code is unknown, because another part of this program has waited for the child. */
enum { CHILD_LOST = -1 };

struct child_end {
    int code;   /* as a shell shows it: 128 + n for signal n; CHILD_LOST */
    int signal; /* that ended it; 0: none did */
};

/* fork(): 0 in the child, the pid in the parent, -1 with errno.  *child must stay where it is until
 * child_reap(). */
pid_t child_fork(struct child *child);

/* How long to wait in poll() before the next look at the child: -1 when its fd tells. */
int child_look_ms(const struct child *child);

/* True, with *end (may be NULL), once the child has ended; it is not reaped. */
bool child_has_ended(const struct child *child, struct child_end *end);

/* True once for each time that a signal has stopped the child. */
bool child_was_stopped(const struct child *child);

/* Waits for the end, reaps the child and closes the fd.  Does nothing without a child. */
void child_reap(struct child *child);

/* Gives the child up, to be reaped by its heir: closes the fd. */
void child_leave(struct child *child);

/* True for a child of child_fork() that is not reaped yet. */
bool child_is_known(pid_t pid);

/* Makes this process the subreaper of its descendants, for good: it adopts those whose parent
 * ends. */
void child_adopt_orphans(void);

/* Reaps adopted orphans that have ended: children that are not of child_fork() and are not in our
 * process group.  A child that another part of the program has started is in our group unless it
 * took another one.  Does nothing before child_adopt_orphans(). */
void child_reap_orphans(void);

/* False when this process has adopted no orphan that is still there; true also when it cannot know.
 */
bool child_may_have_orphans(void);

#endif
