/* SPDX-License-Identifier: Apache-2.0
 *
 * Supervising a command.  One thread beside its owner's, signals through a signalfd, output (when it must be seen)
 * through pipes, or through pseudo-terminals where ours are terminals, so that programs go on showing progress bars
 * and colours.
 */
#include "run/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"

struct stream {                      /* one output stream of the command, relayed to ours */
    int from;                        /* -1: not relayed or ended */
    int to;
    struct winsize size;             /* as the command was told it; all 0 when ours is no terminal */
};

struct supervised {
    struct supervise_options options;
    pid_t pid, helper;
    int signals;                     /* signalfd */
    bool has_terminal;               /* we gave the terminal to the command's group */
    bool gone;                       /* the command has ended; the thread's own */
    int status;
    int64_t ended_ns;
    struct stream streams[2];
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;            /* of the three below, and of `helper`; held while the command is being started */
    pthread_cond_t changed;
    bool ended, helper_ended, stillborn;
};

/* The signal mask and what SIGPIPE did when we were started; the command gets both. */
static sigset_t old_mask;
static void (*old_child)(int) = SIG_DFL;
static void (*old_pipe)(int) = SIG_DFL;

/* Passed on to the command; SIGCHLD, SIGWINCH and SIGCONT are for us. */
static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

/* How often to look whether our terminal has another size; nobody tells us (see follow_window). */
enum { WINDOW_EVERY_MS = 100 };

/* The group "nogroup": it owns nothing. */
enum { NO_GROUP = 65534 };

bool supervise_sudo_user(uid_t *uid, gid_t *gid, char name[64], char home[256])
{
    uint64_t number;
    if (geteuid() != 0 || parse_u64(getenv("SUDO_UID"), 1, UINT32_MAX - 1, &number))
        return false;
    struct passwd *user = getpwuid((uid_t)number);
    if (user) {
        *uid = user->pw_uid;
        *gid = user->pw_gid;
        snprintf(name, 64, "%s", user->pw_name);
        snprintf(home, 256, "%s", user->pw_dir);
        return true;
    }
    /* A user without an account here (a directory that does not answer) is still not root. */
    uint64_t group;
    *uid = (uid_t)number;
    *gid = parse_u64(getenv("SUDO_GID"), 1, UINT32_MAX - 1, &group) ? NO_GROUP : (gid_t)group;
    snprintf(name, 64, "#%u", (unsigned)number);
    snprintf(home, 256, "/");
    return true;
}

/* In the child: gives root's rights back for good.  Failing is fatal: the command must not run as root by accident. */
static int drop_privileges(void)
{
    uid_t uid;
    gid_t gid;
    char name[64], home[256];
    if (!supervise_sudo_user(&uid, &gid, name, home))
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

/* --- Starting ---------------------------------------------------------------------------------------------------- */

struct child_ends {                  /* what the child uses as its output; -1: ours */
    int out, err;
};

static int open_stream(struct stream *stream, int ours, int *theirs)
{
    int pair[2];
    struct winsize size = {0};
    if (isatty(ours)) {
        if (openpty(&pair[0], &pair[1], NULL, NULL, NULL))
            return -1;
        if (ioctl(ours, TIOCGWINSZ, &size) == 0)
            ioctl(pair[1], TIOCSWINSZ, &size);
        fcntl(pair[0], F_SETFD, FD_CLOEXEC);
        fcntl(pair[1], F_SETFD, FD_CLOEXEC);
        /* The terminal behind ours turns a newline into two characters already. */
        struct termios mode;
        if (tcgetattr(pair[1], &mode) == 0) {
            mode.c_oflag &= ~(tcflag_t)OPOST;
            tcsetattr(pair[1], TCSANOW, &mode);
        }
    } else if (pipe2(pair, O_CLOEXEC)) {
        return -1;
    }
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    *stream = (struct stream){pair[0], ours, size};
    *theirs = pair[1];
    return 0;
}

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
    sigprocmask(SIG_BLOCK, &mask, &old_mask);
    old_child = signal(SIGCHLD, SIG_DFL); /* ignored, as a parent may have left it, no end would ever be told */
    /* Whoever reads what is printed may go away; the run goes on to its booking. */
    old_pipe = signal(SIGPIPE, SIG_IGN);
}

void supervise_allow_signals(void)
{
    sigset_t mask = held_signals();
    struct timespec none = {0, 0};
    while (sigtimedwait(&mask, NULL, &none) > 0)
        ;
    sigprocmask(SIG_SETMASK, &old_mask, NULL);
}

static void *supervise_thread(void *supervised);

/* The thread waits at the lock, which the caller holds until the command runs: there is nothing to reap before. */
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

int supervise_start(const struct supervise_options *options, struct supervised **out, int *exit_code,
                    struct wt_error *err)
{
    struct supervised *s = calloc(1, sizeof *s);
    int report[2] = {-1, -1}, why = 0, rc = 0;
    struct child_ends ends = {-1, -1};
    if (!s)
        return error_set(err, WT_E_NO_MEMORY, "start the command: out of memory");
    *s = (struct supervised){.options = *options, .helper = options->helper, .signals = -1,
                             .streams = {{-1, -1}, {-1, -1}}};
    s->has_terminal = is_foreground();
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* what the command leaves behind stays ours to see */
    sigset_t mask = held_signals();
    s->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (start_thread(s) || pipe2(report, O_CLOEXEC) || s->signals < 0 ||
        (options->relay && (open_stream(&s->streams[0], STDOUT_FILENO, &ends.out) ||
                            open_stream(&s->streams[1], STDERR_FILENO, &ends.err)))) {
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
        if (s->streams[i].from >= 0)
            close(s->streams[i].from);
    if (s->signals >= 0)
        close(s->signals);
    free(s);
    return NULL;
}

/* --- While it runs ----------------------------------------------------------------------------------------------- */

static void pass_bytes_on(struct stream *stream, const char *bytes, size_t length)
{
    while (length) {
        ssize_t n = write(stream->to, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = stream->to, .events = POLLOUT};
            poll(&p, 1, 100);
            continue;
        }
        if (n < 0 && errno == EPIPE) { /* our reader is gone: let the command see the same */
            close(stream->from);
            stream->from = -1;
            return;
        }
        if (n < 0) /* a full disk below a log: these bytes are lost, the training is not */
            return;
        bytes += n;
        length -= (size_t)n;
    }
}

/* Moves what is there; at most some 64 KiB, so that a chatty command does not keep us from passing signals on. */
static void relay(struct supervised *s, struct stream *stream)
{
    char bytes[16384];
    for (unsigned i = 0; i < 4 && stream->from >= 0; i++) {
        ssize_t n = read(stream->from, bytes, sizeof bytes);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            return;
        if (n <= 0) { /* a pseudo-terminal ends with EIO */
            close(stream->from);
            stream->from = -1;
            return;
        }
        s->options.on_output(s->options.ctx, (unsigned)(stream - s->streams), bytes, (size_t)n);
        pass_bytes_on(stream, bytes, (size_t)n);
    }
}

/* The size of our terminal changed.  The signal of that goes to the foreground group, which is the command's: it has
 * asked its own terminal before we changed that, so it is told again. */
static void follow_window(struct supervised *s)
{
    bool changed = false;
    struct winsize size;
    for (unsigned i = 0; i < 2; i++) {
        struct stream *stream = &s->streams[i];
        if (stream->from < 0 || ioctl(stream->to, TIOCGWINSZ, &size) || memcmp(&size, &stream->size, sizeof size) == 0)
            continue;
        stream->size = size;
        changed |= ioctl(stream->from, TIOCSWINSZ, &size) == 0;
    }
    if (changed && !s->gone)
        kill(-s->pid, SIGWINCH);
}

/* The command has ended: what it wrote is still on its way.  As much as a pipe can hold, or somebody whom it left behind
 * could keep us here by writing on. */
static void relay_rest(struct supervised *s)
{
    enum { MOST = 1 << 20, ONE_RELAY = 4 * 4096 }; /* a terminal may give as little as 4 KiB a read */
    for (unsigned n = 0; n < MOST / ONE_RELAY; n++)
        for (unsigned i = 0; i < 2; i++)
            if (s->streams[i].from >= 0)
                relay(s, &s->streams[i]);
}

/* The command was stopped (Ctrl-Z, or it reads from the terminal in the background): stop as well, and let it go on, with
 * the terminal if we got it, when we go on. */
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
        } else if (number == SIGWINCH) {
            continue; /* follow_window() looks at every turn */
        } else if (!s->gone) {
            kill(-s->pid, number);
        }
    }
}

static void wait_and_serve(struct supervised *s)
{
    struct pollfd fds[3];
    nfds_t count = 0;
    fds[count++] = (struct pollfd){.fd = s->signals, .events = POLLIN};
    for (unsigned i = 0; i < 2; i++)
        if (s->streams[i].from >= 0)
            fds[count++] = (struct pollfd){.fd = s->streams[i].from, .events = POLLIN};
    bool terminal = s->streams[0].size.ws_row || s->streams[1].size.ws_row;
    poll(fds, count, terminal ? WINDOW_EVERY_MS : -1);
    take_signals(s);
    for (unsigned i = 0; i < 2; i++)
        if (s->streams[i].from >= 0)
            relay(s, &s->streams[i]);
    follow_window(s);
}

static void *supervise_thread(void *supervised)
{
    struct supervised *s = supervised;
    pthread_mutex_lock(&s->lock); /* the command is being started */
    s->gone = s->stillborn;
    pthread_mutex_unlock(&s->lock);
    if (s->gone)
        return NULL;
    while (!s->gone)
        wait_and_serve(s);
    relay_rest(s);
    take_terminal_back(s);
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
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
    pthread_mutex_lock(&s->lock);
    bool ended = s->ended;
    pthread_mutex_unlock(&s->lock);
    return ended;
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
    s->helper_ended |= helper && kill(helper, 0) && errno == ESRCH; /* and reaped before it was known to be one */
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

/* --- Whose process is it ----------------------------------------------------------------------------------------- */

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
        if (parse_u64(entry->d_name, 2, INT_MAX, &pid) || (pid_t)pid == getpid() || (pid_t)pid == s->helper)
            continue;
        count += supervise_is_ours((pid_t)pid);
    }
    closedir(proc);
    return count;
}
