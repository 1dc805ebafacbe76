/* SPDX-License-Identifier: Apache-2.0
 *
 * Children and their pidfds.  Holds the list of this process's children of child_fork().
 */
#include "run/process/child.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse.h"

/* Of the list; held from before fork(), so that no child is taken for an orphan in between.  The
 * child's copy stays locked and is never used: it only executes a program. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct child *children;

/* waitid() for this child; 0 and info->si_pid 0 when there is no such news. */
static int wait_for(const struct child *child, siginfo_t *info, int options)
{
    int rc;
    info->si_pid = 0;
    do
        rc = child->fd >= 0 ? waitid(P_PIDFD, (id_t)child->fd, info, options)
                            : waitid(P_PID, (id_t)child->pid, info, options);
    while (rc && errno == EINTR);
    return rc;
}

/* -1 where the fd would be of no use. */
static int open_fd(pid_t pid)
{
    siginfo_t info;
    int fd = pidfd_open(pid, 0);
    if (fd >= 0 && waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG | WNOWAIT)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

pid_t child_fork(struct child *child)
{
    pthread_mutex_lock(&lock);
    pid_t pid = fork();
    if (pid == 0)
        return 0;
    int why = errno;
    if (pid > 0) {
        *child = (struct child){pid, open_fd(pid), children};
        children = child;
    }
    pthread_mutex_unlock(&lock);
    errno = why;
    return pid;
}

int child_look_ms(const struct child *child)
{
    return child->fd >= 0 ? -1 : CHILD_LOOK_MS;
}

bool child_has_ended(const struct child *child, struct child_end *end)
{
    siginfo_t info;
    struct child_end found = {.code = CHILD_LOST};
    if (wait_for(child, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
        if (info.si_pid == 0)
            return false;
        bool exited = info.si_code == CLD_EXITED;
        found.signal = exited ? 0 : info.si_status;
        found.code = exited ? info.si_status : 128 + info.si_status;
    }
    if (end)
        *end = found;
    return true;
}

bool child_was_stopped(const struct child *child)
{
    siginfo_t info;
    return wait_for(child, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid != 0;
}

static void forget(struct child *child)
{
    for (struct child **at = &children; *at; at = &(*at)->next)
        if (*at == child) {
            *at = child->next;
            break;
        }
    if (child->fd >= 0)
        close(child->fd);
    *child = (struct child){.fd = -1};
}

void child_reap(struct child *child)
{
    siginfo_t info;
    if (!child->pid)
        return;
    /* Waiting takes time and happens without the lock; a reaped pid is off the list before another
     * fork can get its number, since that needs the lock. */
    wait_for(child, &info, WEXITED | WNOWAIT);
    pthread_mutex_lock(&lock);
    wait_for(child, &info, WEXITED | WNOHANG);
    forget(child);
    pthread_mutex_unlock(&lock);
}

void child_leave(struct child *child)
{
    if (!child->pid)
        return;
    pthread_mutex_lock(&lock);
    forget(child);
    pthread_mutex_unlock(&lock);
}

static bool is_listed(pid_t pid)
{
    for (const struct child *child = children; child; child = child->next)
        if (child->pid == pid)
            return true;
    return false;
}

bool child_is_known(pid_t pid)
{
    pthread_mutex_lock(&lock);
    bool known = is_listed(pid);
    pthread_mutex_unlock(&lock);
    return known;
}

/* --- Orphans --- */

static atomic_bool adopts;

void child_adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    adopts = true;
}

static bool is_orphan(pid_t pid)
{
    pid_t group = getpgid(pid);
    return group > 0 && group != getpgrp() && !is_listed(pid);
}

static bool reap_orphan(pid_t pid)
{
    siginfo_t info;
    if (is_orphan(pid))
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG);
    return false;
}

enum listing { LIST_MISSING, LIST_ENDED, LIST_FOUND };

/* Looks at the children of one thread of ours, as the kernel lists them, until `is_it` is true. */
static enum listing look_at_thread(const char *thread, bool (*is_it)(pid_t pid))
{
    char path[64];
    enum listing found = LIST_ENDED;
    int pid;
    snprintf(path, sizeof path, "/proc/self/task/%.20s/children", thread);
    FILE *list = fopen(path, "re");
    if (!list)
        return LIST_MISSING;
    while (found == LIST_ENDED && fscanf(list, "%d", &pid) == 1)
        if (is_it((pid_t)pid))
            found = LIST_FOUND;
    fclose(list);
    return found;
}

/* The same over all threads.  LIST_MISSING: this kernel does not list children. */
static enum listing look_at_children(bool (*is_it)(pid_t pid))
{
    DIR *threads = opendir("/proc/self/task");
    enum listing found = LIST_MISSING;
    struct dirent *entry;
    uint64_t number;
    while (threads && found != LIST_FOUND && (entry = readdir(threads)))
        if (parse_u64(entry->d_name, 1, INT_MAX, &number) == 0) {
            enum listing one = look_at_thread(entry->d_name, is_it);
            found = one > found ? one : found;
        }
    if (threads)
        closedir(threads);
    return found;
}

/* Without the list: one after the other, as far as the first that is not an orphan. */
static void reap_first_orphans(void)
{
    siginfo_t info = {0};
    pid_t before = 0;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid &&
           info.si_pid != before) {
        before = info.si_pid;
        reap_orphan(before);
        info.si_pid = 0;
    }
}

void child_reap_orphans(void)
{
    if (!adopts)
        return;
    pthread_mutex_lock(&lock);
    if (look_at_children(reap_orphan) == LIST_MISSING)
        reap_first_orphans();
    pthread_mutex_unlock(&lock);
}

bool child_may_have_orphans(void)
{
    pthread_mutex_lock(&lock);
    enum listing found = look_at_children(is_orphan);
    pthread_mutex_unlock(&lock);
    return !adopts || found != LIST_ENDED;
}
