/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals to this process while it runs commands: they wait from signals_hold() on, and each goes
 * to all commands that run, as a terminal sends one to all of its foreground group.
 *
 * Signals belong to the process, so this holds the state of the process: how often they are held,
 * and the dispositions of SIGCHLD, SIGPIPE and SIGXFSZ before.
 */
#ifndef WATTUNE_RUN_PROCESS_SIGNALS_H
#define WATTUNE_RUN_PROCESS_SIGNALS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* From here on signals to us wait, to be passed on to commands; call it first, before anything is
 * made that a signal would leave behind, and before other threads start, which inherit the mask of
 * the caller.  Ignores SIGPIPE from here on, and for good: a reader of ours may go away, and the
 * run goes on to its booking.  Calls nest, per thread and over threads. */
void signals_hold(void);

/* Ignores SIGXFSZ in this process, for good: a file that may grow no further is an error of its
 * write (EFBIG), which has a sentence.  Commands get the disposition from before. */
void signals_ignore_size(void);

/* The end of the innermost signals_hold() of this thread; the last one drops the signals that still
 * wait. */
void signals_allow(void);

/* A signal that asks us to end and waits while no command runs; 0: none. */
int signals_waiting(void);

/* True for the signals that ask a program to end. */
bool signals_ask_to_end(int number);

/* The signal mask and dispositions that a command gets: those from before signals_hold().
 * signals_give_back() is async-signal-safe, for the child. */
struct signals_before {
    sigset_t mask;
    struct sigaction child, pipe, size;
};
void signals_before(struct signals_before *before);
void signals_give_back(const struct signals_before *before);

/* One command's share of the signals. */
struct signals_ear {
    int fd;   /* readable when signals_take() or signals_heard() has something */
    int wake; /* readable after signals_wake(), also for a signal that another ear has read */
    atomic_uint_least64_t heard; /* bit n: signal n */
    struct signals_ear *next;
};

/* -1 with errno.  The ear hears until signals_unlisten(), and must stay where it is. */
int signals_listen(struct signals_ear *ear);
void signals_unlisten(struct signals_ear *ear); /* also twice */

/* Takes the signals that have come to the process, tells all ears, and returns those that this one
 * has not been given yet: bit n for signal n. */
uint64_t signals_take(struct signals_ear *ear);

/* Makes the thread that waits for the ear look; nothing after signals_unlisten(). */
void signals_wake(struct signals_ear *ear);

#endif
