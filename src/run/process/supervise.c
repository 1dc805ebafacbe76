/* SPDX-License-Identifier: Apache-2.0
 *
 * Supervising a command.  One thread beside its owner's, signals through a signalfd, output (when
 * it must be seen) through relays.
 */
#include "run/process/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/users.h"
#include "run/process/relay.h"

struct supervised {
    struct supervise_options options;
    pid_t pid, helper;
    int signals;       /* signalfd */
    bool has_terminal; /* we gave the terminal to the command's group */
    bool gone;         /* the command has ended; the thread's own */
    int status;
    int64_t ended_ns;
    struct relay relays[2]; /* of the output and the errors */
    atomic_int asked;       /* supervise_asked_to_end() */
    bool dropped;           /* a signal after the end: what waits for a slow reader is let go */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t
        lock; /* of what is below, and of `helper`; held while the command is being started */
    pthread_cond_t changed;
    atomic_bool ended; /* also read without the lock */
    bool helper_ended, stillborn;
};

/* The signal mask and what SIGPIPE did when we were started; the command gets both. */
static sigset_t old_mask;
static unsigned held; /* how often signals are held */
static void (*old_child)(int) = SIG_DFL;
static void (*old_pipe)(int) = SIG_DFL;

/* Passed on to the command; SIGCHLD, SIGWINCH and SIGCONT are for us. */
static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

/* Those that ask a program to end. */
static const int enders[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* How often to look whether our terminal has another size; nobody tells us (see follow_window). */
enum { WINDOW_EVERY_MS = 100 };

/* A reader that reads gets the command's last words before ours; limits do not wait longer than
 * this for one that does not. */
enum { USUAL_REST_MS = 200 };

/* In the child: gives root's rights back for good.  Failing is fatal: the command must not run as
 * root by accident. */
static int drop_privileges(void)
{
    uid_t uid;
    gid_t gid;
    char name[64], home[256];
    if (!users_sudo_caller(&uid, &gid, name, home))
        return 0;
    if (initgroups(name, gid) || setgid(gid) || setuid(uid) || setuid(0) == 0)
        return -1;
    setenv("HOME", home, 1);
    setenv("USER", name, 1);
    setenv("LOGNAME", name, 1);
    return 0;
}

static bool is_foreground(void)
{
    return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* --- Starting --- */

struct child_ends { /* what the child uses as its output; -1: ours */
    int out, err;
};

static void run_child(struct supervised *s, struct child_ends ends, int report_fd)
{
    setpgid(0, 0);
    if (s->has_terminal) {
        signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(STDIN_FILENO, getpid());
        signal(SIGTTOU, SIG_DFL);
    }
    if (ends.out >= 0)
        dup2(ends.out, STDOUT_FILENO);
    if (ends.err >= 0)
        dup2(ends.err, STDERR_FILENO);
    for (unsigned i = 0; s->options.env && s->options.env[i]; i++)
        putenv((char *)s->options.env[i]);
    signal(SIGPIPE, old_pipe);
    signal(SIGCHLD, old_child);
    sigprocmask(SIG_SETMASK, &old_mask, NULL);
    if (drop_privileges() == 0)
        execvp(s->options.argv[0], s->options.argv);
    int why = errno;
    ssize_t written = write(report_fd, &why, sizeof why);
    (void)written;
    _exit(127);
}

static sigset_t held_signals(void)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGWINCH);
    for (unsigned i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++)
        sigaddset(&mask, passed_on[i]);
    return mask;
}

void supervise_hold_signals(void)
{
    sigset_t mask = held_signals();
    if (held++ > 0)
        return;
    sigprocmask(SIG_BLOCK, &mask, &old_mask);
    old_child = signal(
        SIGCHLD, SIG_DFL); /* ignored, as a parent may have left it, no end would ever be told */
    /* Whoever reads what is printed may go away; the run goes on to its booking. */
    old_pipe = signal(SIGPIPE, SIG_IGN);
}

void supervise_allow_signals(void)
{
    sigset_t mask = held_signals();
    struct timespec none = {0, 0};
    if (held == 0 || --held > 0)
        return;
    while (sigtimedwait(&mask, NULL, &none) > 0)
        ;
    sigprocmask(SIG_SETMASK, &old_mask, NULL);
}

static bool asks_to_end(int number)
{
    for (unsigned i = 0; i < sizeof enders / sizeof enders[0]; i++)
        if (number == enders[i])
            return true;
    return false;
}

int supervise_waiting_signal(void)
{
    sigset_t waiting;
    sigpending(&waiting);
    for (unsigned i = 0; i < sizeof enders / sizeof enders[0]; i++)
        if (sigismember(&waiting, enders[i]))
            return enders[i];
    return 0;
}

static void *supervise_thread(void *supervised);

/* The thread waits at the lock, which the caller holds until the command runs: there is nothing to
 * reap before. */
static int start_thread(struct supervised *s)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_lock(&s->lock);
    int why = pthread_create(&s->thread, NULL, supervise_thread, s);
    s->has_thread = why == 0;
    errno = why;
    return why ? -1 : 0;
}

static void take_terminal_back(struct supervised *s)
{
    if (!s->has_terminal)
        return;
    void (*old)(int) = signal(SIGTTOU, SIG_IGN); /* we are in the background now */
    tcsetpgrp(STDIN_FILENO, getpgrp());
    signal(SIGTTOU, old);
}

int supervise_start(const struct supervise_options *options, struct supervised **out,
                    int *exit_code, struct wt_error *err)
{
    struct supervised *s = calloc(1, sizeof *s);
    int report[2] = {-1, -1}, why = 0, rc = 0;
    struct child_ends ends = {-1, -1};
    if (!s)
        return error_set(err, WT_E_NO_MEMORY, "start the command: out of memory");
    *s = (struct supervised){.options = *options,
                             .helper = options->helper,
                             .signals = -1,
                             .relays = {{.from = -1}, {.from = -1}}};
    s->has_terminal = is_foreground();
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* what the command leaves behind stays ours to see */
    sigset_t mask = held_signals();
    s->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (start_thread(s) || pipe2(report, O_CLOEXEC) || s->signals < 0 ||
        (options->relay && (relay_open(&s->relays[0], STDOUT_FILENO, &ends.out) ||
                            relay_open(&s->relays[1], STDERR_FILENO, &ends.err)))) {
        rc = error_set(err, WT_E_IO, "start the command: %s", strerror(errno));
        goto fail;
    }
    s->pid = fork();
    if (s->pid == 0)
        run_child(s, ends, report[1]);
    if (s->pid < 0) {
        rc = error_set(err, WT_E_IO, "start the command: %s", strerror(errno));
        goto fail;
    }
    setpgid(s->pid, s->pid); /* in both processes: whoever comes first */
    close(report[1]);
    report[1] = -1;
    ssize_t n;
    do
        n = read(report[0], &why, sizeof why);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof why) {
        waitpid(s->pid, NULL, 0);
        take_terminal_back(s);
        *exit_code = why == ENOENT ? 127 : 126;
        rc = error_set(err, WT_E_NOT_FOUND, "%s: %s", options->argv[0],
                       why == ENOENT ? "there is no such command" : strerror(why));
        goto fail;
    }
    close(report[0]);
    if (ends.out >= 0)
        close(ends.out);
    if (ends.err >= 0)
        close(ends.err);
    pthread_mutex_unlock(&s->lock);
    *out = s;
    return 0;
fail:
    s->stillborn = true;
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < 2; i++)
        if (report[i] >= 0)
            close(report[i]);
    if (ends.out >= 0)
        close(ends.out);
    if (ends.err >= 0)
        close(ends.err);
    supervise_free(s);
    return rc;
}

struct supervised *supervise_free(struct supervised *s)
{
    if (!s)
        return NULL;
    if (s->has_thread)
        pthread_join(s->thread, NULL);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    for (unsigned i = 0; i < 2; i++)
        relay_close(&s->relays[i]);
    if (s->signals >= 0)
        close(s->signals);
    free(s);
    return NULL;
}

/* --- While it runs --- */

struct seen_from {
    struct supervised *s;
    unsigned stream;
};

static void see(void *ctx, const char *bytes, size_t length)
{
    struct seen_from *from = ctx;
    from->s->options.on_output(from->s->options.ctx, from->stream, bytes, length);
}

/* For both streams: relay_move, or relay_read_rest. */
static void relay_both(struct supervised *s, void (*what)(struct relay *, relay_see, void *))
{
    for (unsigned i = 0; i < 2; i++) {
        struct seen_from from = {s, i};
        if (s->relays[i].bytes)
            what(&s->relays[i], see, &from);
    }
}

/* The size of our terminal changed.  The signal of that goes to the foreground group, which is the
 * command's: it has asked its own terminal before we changed that, so it is told again. */
static void follow_window(struct supervised *s)
{
    bool changed = relay_follow_size(&s->relays[0]);
    changed |= relay_follow_size(&s->relays[1]);
    if (changed && !s->gone)
        kill(-s->pid, SIGWINCH);
}

/* The command was stopped (Ctrl-Z, or it reads from the terminal in the background): stop as well,
 * and let it go on, with the terminal if we got it, when we go on. */
static void stop_together(struct supervised *s)
{
    take_terminal_back(s);
    if (!is_foreground() || s->has_terminal)
        raise(SIGSTOP);
    s->has_terminal = is_foreground();
    if (s->has_terminal) {
        void (*old)(int) = signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(STDIN_FILENO, s->pid);
        signal(SIGTTOU, old);
    }
    kill(-s->pid, SIGCONT);
}

static void reap(struct supervised *s)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (pid == s->pid && WIFSTOPPED(status)) {
            if (isatty(STDIN_FILENO))
                stop_together(s);
        } else if (pid == s->pid) {
            s->gone = true;
            s->status = status;
            s->ended_ns = clock_monotonic_ns();
        } else {
            pthread_mutex_lock(&s->lock);
            s->helper_ended |= pid == s->helper;
            pthread_cond_signal(&s->changed);
            pthread_mutex_unlock(&s->lock);
        }
    }
}

static void take_signals(struct supervised *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGCHLD) {
            reap(s);
            continue;
        }
        if (number == SIGWINCH)
            continue; /* follow_window() looks at every turn */
        if (asks_to_end(number))
            s->asked = number;
        if (s->gone) {
            s->dropped = true;
        } else {
            kill(-s->pid, number);
        }
    }
}

/* Waits for something to do, `most_ms` at most (-1: for ever), and does it. */
static void wait_and_serve(struct supervised *s, int most_ms)
{
    struct pollfd fds[3] = {{.fd = s->signals, .events = POLLIN}};
    nfds_t count = 1;
    for (unsigned i = 0; i < 2; i++)
        if (s->relays[i].bytes && relay_wants(&s->relays[i], &fds[count]))
            count++;
    poll(fds, count, most_ms);
    take_signals(s);
    relay_both(s, relay_move);
    follow_window(s);
}

/* The command has ended, but whoever reads its output may not have read all yet. */
static void relay_rest(struct supervised *s, int most_ms)
{
    int64_t until_ns = clock_monotonic_ns() + most_ms * NS_PER_MS;
    while (!s->dropped && (relay_has_rest(&s->relays[0]) || relay_has_rest(&s->relays[1])) &&
           (most_ms < 0 || clock_monotonic_ns() < until_ns))
        wait_and_serve(s, most_ms);
}

static void *supervise_thread(void *supervised)
{
    struct supervised *s = supervised;
    pthread_mutex_lock(&s->lock); /* the command is being started */
    s->gone = s->stillborn;
    pthread_mutex_unlock(&s->lock);
    if (s->gone)
        return NULL;
    bool terminal = s->relays[0].size.ws_row || s->relays[1].size.ws_row;
    while (!s->gone)
        wait_and_serve(s, terminal ? WINDOW_EVERY_MS : -1);
    relay_both(s, relay_read_rest);
    take_terminal_back(s);
    relay_rest(s, USUAL_REST_MS);
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    relay_rest(s, -1);
    return NULL;
}

bool supervise_wait(struct supervised *s, int64_t until_ns)
{
    struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(&s->lock);
    int why = 0;
    while (!s->ended && !s->helper_ended && why == 0)
        why = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    bool runs = !s->ended;
    pthread_mutex_unlock(&s->lock);
    return runs;
}

bool supervise_has_ended(struct supervised *s)
{
    return s->ended;
}

int64_t supervise_ended_ns(const struct supervised *s)
{
    return s->ended_ns;
}

pid_t supervise_pid(const struct supervised *s)
{
    return s->pid;
}

void supervise_set_helper(struct supervised *s, pid_t helper)
{
    pthread_mutex_lock(&s->lock);
    s->helper = helper;
    s->helper_ended |=
        helper && kill(helper, 0) && errno == ESRCH; /* and reaped before it was known to be one */
    pthread_mutex_unlock(&s->lock);
}

bool supervise_helper_ended(struct supervised *s)
{
    pthread_mutex_lock(&s->lock);
    bool ended = s->helper_ended;
    s->helper_ended = false;
    pthread_mutex_unlock(&s->lock);
    return ended;
}

int supervise_exit_code(const struct supervised *s)
{
    return WIFSIGNALED(s->status) ? 128 + WTERMSIG(s->status) : WEXITSTATUS(s->status);
}

bool supervise_was_interrupted(const struct supervised *s)
{
    return s->has_terminal && WIFSIGNALED(s->status) && WTERMSIG(s->status) == SIGINT;
}

int supervise_asked_to_end(const struct supervised *s)
{
    return s->asked;
}

/* --- Ending it --- */

bool supervise_signal_group(struct supervised *s, int number)
{
    return kill(-s->pid, number) ==
           0; /* a group keeps its number for as long as it has a member, reaped or not */
}

void supervise_end_group(struct supervised *s, int64_t grace_ns)
{
    const struct timespec nap = {.tv_nsec = 20 * NS_PER_MS};
    int64_t until_ns = clock_monotonic_ns() + grace_ns;
    for (bool killed = false;;) {
        while (waitpid(-s->pid, NULL, WNOHANG) > 0) /* orphans of the group are ours to reap */
            ;
        bool over = clock_monotonic_ns() >= until_ns;
        if (!supervise_signal_group(s, 0) || (over && killed))
            return;
        if (over) {
            killed = true;
            until_ns += NS_PER_S; /* to be reaped: nothing else keeps what got SIGKILL */
            supervise_signal_group(s, SIGKILL);
        }
        nanosleep(&nap, NULL);
    }
}

/* --- Whose process is it --- */

static pid_t parent_of(pid_t pid)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    /* "pid (name) state ppid ...": the name may hold anything, so look from its last bracket. */
    char *after = strrchr(text, ')');
    int parent;
    return after && sscanf(after + 1, " %*c %d", &parent) == 1 ? (pid_t)parent : -1;
}

bool supervise_is_ours(pid_t pid)
{
    pid_t self = getpid();
    for (unsigned steps = 0; pid > 1 && steps < 1000; steps++) {
        if (pid == self)
            return true;
        pid = parent_of(pid);
    }
    return false;
}

unsigned supervise_left_running(const struct supervised *s)
{
    unsigned count = 0;
    DIR *proc = opendir("/proc");
    if (!proc)
        return 0;
    struct dirent *entry;
    while ((entry = readdir(proc))) {
        uint64_t pid;
        if (parse_u64(entry->d_name, 2, INT_MAX, &pid) || (pid_t)pid == getpid() ||
            (pid_t)pid == s->helper)
            continue;
        count += supervise_is_ours((pid_t)pid);
    }
    closedir(proc);
    return count;
}
