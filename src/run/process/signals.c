/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals of the process and the commands that hear them.
 */
#include "run/process/signals.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

/* Passed on to commands; SIGCHLD, SIGWINCH only tell us to look. */
static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD, SIGWINCH};

/* Those that ask a program to end. */
static const int enders[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* Of everything below but the thread's own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned holds;
static struct sigaction old_child, old_pipe, old_size;
static bool ignores_pipe, ignores_size; /* we do; old_pipe, old_size: the dispositions before */
static struct signals_ear *ears;

static _Thread_local unsigned thread_holds;
static _Thread_local sigset_t old_mask;

static sigset_t taken_signals(void)
{
    sigset_t mask;
    sigemptyset(&mask);
    for (unsigned i = 0; i < sizeof taken / sizeof taken[0]; i++)
        sigaddset(&mask, taken[i]);
    return mask;
}

/* SIGCHLD ignored, as a parent may have left it, would keep every exit code from us. */
static void change_dispositions(void)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    sigaction(SIGCHLD, &usual, &old_child);
    sigaction(SIGPIPE, &ignore, &before);
    if (!ignores_pipe || before.sa_handler != SIG_IGN)
        old_pipe = before;
    ignores_pipe = true;
}

void signals_ignore_size(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    pthread_mutex_lock(&lock);
    if (!ignores_size)
        sigaction(SIGXFSZ, &ignore, &old_size);
    ignores_size = true;
    pthread_mutex_unlock(&lock);
}

void signals_hold(void)
{
    sigset_t mask = taken_signals();
    if (thread_holds++ == 0)
        pthread_sigmask(SIG_BLOCK, &mask, &old_mask);
    pthread_mutex_lock(&lock);
    if (holds++ == 0)
        change_dispositions();
    pthread_mutex_unlock(&lock);
}

void signals_allow(void)
{
    sigset_t mask = taken_signals();
    const struct timespec none = {0, 0};
    if (thread_holds == 0)
        return;
    pthread_mutex_lock(&lock);
    if (--holds == 0) {
        while (sigtimedwait(&mask, NULL, &none) > 0)
            ;
        sigaction(SIGCHLD, &old_child, NULL);
    }
    pthread_mutex_unlock(&lock);
    if (--thread_holds == 0)
        pthread_sigmask(SIG_SETMASK, &old_mask, NULL);
}

bool signals_ask_to_end(int number)
{
    for (unsigned i = 0; i < sizeof enders / sizeof enders[0]; i++)
        if (number == enders[i])
            return true;
    return false;
}

int signals_waiting(void)
{
    sigset_t waiting;
    sigpending(&waiting);
    for (unsigned i = 0; i < sizeof enders / sizeof enders[0]; i++)
        if (sigismember(&waiting, enders[i]))
            return enders[i];
    return 0;
}

/* --- The command's --- */

void signals_before(struct signals_before *before)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    pthread_mutex_lock(&lock);
    *before = (struct signals_before){.child = holds ? old_child : usual,
                                      .pipe = ignores_pipe ? old_pipe : usual};
    if (ignores_size)
        before->size = old_size;
    else
        sigaction(SIGXFSZ, NULL, &before->size);
    pthread_mutex_unlock(&lock);
    if (thread_holds)
        before->mask = old_mask;
    else
        pthread_sigmask(SIG_SETMASK, NULL, &before->mask);
}

void signals_give_back(const struct signals_before *before)
{
    sigaction(SIGPIPE, &before->pipe, NULL);
    sigaction(SIGXFSZ, &before->size, NULL);
    sigaction(SIGCHLD, &before->child, NULL);
    sigprocmask(SIG_SETMASK, &before->mask, NULL);
}

/* --- Ears --- */

int signals_listen(struct signals_ear *ear)
{
    sigset_t mask = taken_signals();
    ear->fd = file_above_standard(signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
    ear->wake = file_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    atomic_init(&ear->heard, 0);
    ear->next = NULL;
    if (ear->fd < 0 || ear->wake < 0) {
        int why = errno;
        if (ear->fd >= 0)
            close(ear->fd);
        if (ear->wake >= 0)
            close(ear->wake);
        ear->fd = ear->wake = -1;
        errno = why;
        return -1;
    }
    pthread_mutex_lock(&lock);
    ear->next = ears;
    ears = ear;
    pthread_mutex_unlock(&lock);
    return 0;
}

void signals_unlisten(struct signals_ear *ear)
{
    pthread_mutex_lock(&lock);
    for (struct signals_ear **at = &ears; *at; at = &(*at)->next)
        if (*at == ear) {
            *at = ear->next;
            break;
        }
    if (ear->fd >= 0) {
        close(ear->fd);
        close(ear->wake);
    }
    ear->fd = ear->wake = -1;
    pthread_mutex_unlock(&lock);
}

/* With the lock. */
static void wake(const struct signals_ear *ear)
{
    const uint64_t one = 1;
    if (ear->wake >= 0) {
        ssize_t written = write(ear->wake, &one, sizeof one);
        (void)written; /* full: it wakes all the same */
    }
}

void signals_wake(struct signals_ear *ear)
{
    pthread_mutex_lock(&lock);
    wake(ear);
    pthread_mutex_unlock(&lock);
}

uint64_t signals_take(struct signals_ear *ear)
{
    struct signalfd_siginfo info;
    uint64_t count;
    ssize_t drained = read(ear->wake, &count, sizeof count);
    (void)drained; /* nobody need have woken us */
    pthread_mutex_lock(&lock);
    while (read(ear->fd, &info, sizeof info) == (ssize_t)sizeof info)
        for (struct signals_ear *each = ears; each; each = each->next) {
            atomic_fetch_or(&each->heard, UINT64_C(1) << info.ssi_signo);
            if (each != ear)
                wake(each);
        }
    pthread_mutex_unlock(&lock);
    return atomic_exchange(&ear->heard, 0);
}
