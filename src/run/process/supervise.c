/* SPDX-License-Identifier: Apache-2.0
 *
 * Supervising a command.  One thread beside its owner's waits for the command's pidfd, for signals
 * and, when output must be seen, for the relays.  The command stays a zombie until it is freed, so
 * that its number cannot become somebody else's.
 */
#include "run/process/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "run/process/child.h"
#include "run/process/descent.h"
#include "run/process/launch.h"
#include "run/process/relay.h"
#include "run/process/signals.h"
#include "run/process/terminal.h"

struct supervised {
    struct child child;
    struct supervise_options options; /* argv and env are the caller's, and forgotten */
    struct signals_ear ear;
    struct relay relays[2]; /* of the output and the errors */
    bool has_terminal;      /* we gave the terminal to the command's group */
    bool gone;              /* the command has ended; the thread's own */
    bool dropped;           /* a signal after the end: bytes for a slow reader are let go */
    struct child_end end;
    int64_t ended_ns;
    atomic_int asked; /* supervise_asked_to_end() */
    pthread_t thread;
    bool has_thread;
    /* Of the rest; held while the command is being started. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const struct child *helper;
    bool helper_ended, stillborn;
    atomic_bool ended; /* also read without the lock */
};

/* How often to look whether our terminal has another size; nobody tells us (follow_window()). */
enum { WINDOW_EVERY_MS = 100 };

/* A reader that reads gets the command's last words before ours; limits do not wait longer than
 * this for one that does not. */
enum { USUAL_REST_MS = 200 };

/* The exit code of a command whose end nobody can know. */
enum { LOST_CODE = 255 };

/* --- Starting --- */

static void *supervise_thread(void *supervised);

/* The thread waits at the lock, which the caller holds until the command runs: without a thread
 * there is no command. */
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
    if (why == 0)
        return 0;
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    errno = why;
    return -1;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Everything that may fail before there is a child; `report` gets the two ends of the pipe that
 * tells why a program cannot be executed. */
static int prepare(struct supervised *s, struct launch *launch, int report[2])
{
    if (start_thread(s) || signals_listen(&s->ear) || pipe2(report, O_CLOEXEC))
        return -1;
    for (unsigned i = 0; i < 2; i++)
        if ((report[i] = file_above_standard(report[i])) < 0)
            return -1;
    if (s->options.relay && (relay_open(&s->relays[0], STDOUT_FILENO, &launch->output) ||
                             relay_open(&s->relays[1], STDERR_FILENO, &launch->errors)))
        return -1;
    s->has_terminal = launch->takes_terminal = terminal_is_ours();
    launch->report = report[1];
    if (s->options.adopt)
        child_adopt_orphans();
    return 0;
}

/* The errno that the child reports; 0: the program runs. */
static int read_report(int fd)
{
    int why = 0;
    ssize_t n;
    do
        n = read(fd, &why, sizeof why);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof why ? why : 0;
}

/* Forks, and waits until the child has become the command or cannot. */
static int start_child(struct supervised *s, struct launch *launch, int report[2], int *exit_code,
                       struct wt_error *err)
{
    pid_t pid = child_fork(&s->child);
    if (pid == 0)
        launch_exec(launch);
    if (pid < 0)
        return error_set(err, WT_E_IO, "start the command: %s", strerror(errno));
    setpgid(pid, pid); /* in both processes: the first one counts */
    close_one(&report[1]);
    int why = read_report(report[0]);
    if (why == 0)
        return 0;
    child_reap(&s->child);
    if (s->has_terminal)
        terminal_give(getpgrp());
    *exit_code = why == ENOENT ? 127 : 126;
    return error_set(err, WT_E_NOT_FOUND, "%s: %s", launch->argv[0],
                     why == ENOENT ? "there is no such command" : strerror(why));
}

int supervise_start(const struct supervise_options *options, struct supervised **out,
                    int *exit_code, struct wt_error *err)
{
    struct supervised *s = calloc(1, sizeof *s);
    struct launch launch;
    int report[2] = {-1, -1};
    if (!s)
        return error_set(err, WT_E_NO_MEMORY, "start the command: out of memory");
    *s = (struct supervised){.child = {.fd = -1},
                             .options = *options,
                             .helper = options->helper,
                             .ear = {.fd = -1, .wake = -1},
                             .relays = {{.from = -1}, {.from = -1}}};
    int rc = launch_prepare(&launch, options->argv, options->env, err);
    if (rc == 0 && prepare(s, &launch, report))
        rc = error_set(err, WT_E_IO, "start the command: %s", strerror(errno));
    if (rc == 0)
        rc = start_child(s, &launch, report, exit_code, err);
    s->stillborn = rc != 0;
    if (s->has_thread)
        pthread_mutex_unlock(&s->lock);
    close_one(&report[0]);
    close_one(&report[1]);
    close_one(&launch.output);
    close_one(&launch.errors);
    launch_clear(&launch);
    if (rc)
        supervise_free(s);
    else
        *out = s;
    return rc;
}

struct supervised *supervise_free(struct supervised *s)
{
    if (!s)
        return NULL;
    if (s->has_thread) {
        pthread_join(s->thread, NULL);
        pthread_mutex_destroy(&s->lock);
        pthread_cond_destroy(&s->changed);
    }
    child_reap(&s->child);
    child_reap_orphans();
    signals_unlisten(&s->ear);
    for (unsigned i = 0; i < 2; i++)
        relay_close(&s->relays[i]);
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

/* `act` is relay_move or relay_read_rest. */
static void relay_both(struct supervised *s, void (*act)(struct relay *, relay_see, void *))
{
    for (unsigned i = 0; i < 2; i++) {
        struct seen_from from = {s, i};
        if (s->relays[i].bytes)
            act(&s->relays[i], see, &from);
    }
}

/* The size of our terminal changed.  The signal of that goes to the foreground group, which is the
 * command's: it has asked its own terminal before we changed that, so it is told again. */
static void follow_window(struct supervised *s)
{
    bool changed = relay_follow_size(&s->relays[0]);
    changed |= relay_follow_size(&s->relays[1]);
    if (changed && !s->gone)
        supervise_signal_group(s, SIGWINCH);
}

/* The command was stopped (Ctrl-Z, or it reads from the terminal in the background): stop as well,
 * and let it go on, with the terminal if we got it, when we go on. */
static void stop_together(struct supervised *s)
{
    if (s->has_terminal)
        terminal_give(getpgrp());
    if (!terminal_is_ours() || s->has_terminal)
        raise(SIGSTOP);
    s->has_terminal = terminal_is_ours();
    if (s->has_terminal)
        terminal_give(s->child.pid);
    supervise_signal_group(s, SIGCONT);
}

static void look_at_command(struct supervised *s)
{
    if (s->gone)
        return;
    if (child_was_stopped(&s->child) && terminal_is_there())
        stop_together(s);
    s->gone = child_has_ended(&s->child, &s->end);
    if (s->gone)
        s->ended_ns = clock_monotonic_ns();
}

static void look_at_helper(struct supervised *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->helper && child_has_ended(s->helper, NULL)) {
        s->helper = NULL;
        s->helper_ended = true;
        pthread_cond_signal(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
}

static void pass_on(struct supervised *s, int number)
{
    if (signals_ask_to_end(number))
        s->asked = number;
    if (s->gone)
        s->dropped = true;
    else
        supervise_signal_group(s, number);
}

/* SIGCHLD may be an orphan's; SIGWINCH is for follow_window(), which looks at every turn. */
static void take_signals(struct supervised *s)
{
    uint64_t signals = signals_take(&s->ear);
    for (int number = 1; signals >> number; number++) {
        if (!(signals >> number & 1))
            continue;
        if (number == SIGCHLD)
            child_reap_orphans();
        else if (number != SIGWINCH)
            pass_on(s, number);
    }
}

/* Fills in all that there is to wait for; *most_ms becomes less where an end is not told. */
static nfds_t list_events(struct supervised *s, struct pollfd fds[6], int *most_ms)
{
    nfds_t count = 0;
    fds[count++] = (struct pollfd){.fd = s->ear.fd, .events = POLLIN};
    fds[count++] = (struct pollfd){.fd = s->ear.wake, .events = POLLIN};
    pthread_mutex_lock(&s->lock);
    const struct child *watched[] = {s->gone ? NULL : &s->child, s->helper};
    for (unsigned i = 0; i < 2; i++) {
        if (!watched[i])
            continue;
        fds[count++] = (struct pollfd){.fd = watched[i]->fd, .events = POLLIN};
        int look_ms = child_look_ms(watched[i]);
        if (look_ms >= 0 && (*most_ms < 0 || look_ms < *most_ms))
            *most_ms = look_ms;
    }
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < 2; i++)
        if (s->relays[i].bytes && relay_wants(&s->relays[i], &fds[count]))
            count++;
    return count;
}

/* Waits for something to do, `most_ms` at most (-1: for ever), and does it. */
static void wait_and_serve(struct supervised *s, int most_ms)
{
    struct pollfd fds[6];
    nfds_t count = list_events(s, fds, &most_ms);
    poll(fds, count, most_ms);
    take_signals(s);
    look_at_command(s);
    look_at_helper(s);
    relay_both(s, relay_move);
    follow_window(s);
}

/* The command has ended, but the reader of its output may not have read all yet. */
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
    if (s->has_terminal)
        terminal_give(getpgrp());
    relay_rest(s, USUAL_REST_MS);
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    relay_rest(s, -1);
    signals_unlisten(&s->ear); /* later signals wait for the next command */
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

bool supervise_has_ended(const struct supervised *s)
{
    return s->ended;
}

int64_t supervise_ended_ns(const struct supervised *s)
{
    return s->ended_ns;
}

void supervise_set_helper(struct supervised *s, const struct child *helper)
{
    pthread_mutex_lock(&s->lock);
    s->helper = helper;
    pthread_mutex_unlock(&s->lock);
    signals_wake(&s->ear);
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
    return s->end.code == CHILD_LOST ? LOST_CODE : s->end.code;
}

bool supervise_was_interrupted(const struct supervised *s)
{
    return s->has_terminal && s->end.signal == SIGINT;
}

int supervise_asked_to_end(const struct supervised *s)
{
    return s->asked;
}

/* --- Ending it --- */

void supervise_signal_group(const struct supervised *s, int number)
{
    kill(-s->child.pid, number);
}

void supervise_end_group(const struct supervised *s, int64_t grace_ns)
{
    const struct timespec nap = {.tv_nsec = 20 * NS_PER_MS};
    int64_t until_ns = clock_monotonic_ns() + grace_ns;
    for (bool killed = false;;) {
        bool over = clock_monotonic_ns() >= until_ns;
        child_reap_orphans();
        if (descent_group_size(s->child.pid) == 0 || (over && killed))
            return;
        if (over) {
            killed = true;
            until_ns += NS_PER_S; /* to be gone: nothing else keeps a process after SIGKILL */
            supervise_signal_group(s, SIGKILL);
        }
        nanosleep(&nap, NULL);
    }
}

unsigned supervise_left_running(const struct supervised *s)
{
    return descent_left_running(s->child.pid);
}
