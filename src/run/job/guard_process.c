/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard process.  It has a session of its own, so that neither Ctrl-C nor a closed terminal
 * ends it before its work; it ends on a word of the supervisor, or when the limits are back or
 * cannot be put back.
 */
#include "run/job/guard_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "tune/act/sensed.h"

/* One byte each way is the whole protocol. */
static const char READY = 'R', DONE = 'D';
/* The fd the guard process finds its socket at. */
enum { SOCKET_FD = 3 };
/* Loading a driver's library takes seconds when the driver has to start first. */
static const int READY_WAIT_MS = 20000;
/* A restore that fails (a driver that is busy, a reset under way) is tried again for this long. */
static const int64_t RETRY_FOR_NS = 120 * NS_PER_S, RETRY_EVERY_NS = 250 * NS_PER_MS;
/* A dying process's socket can close before its lock is released.  A lease that is held for longer
 * than this is another holder's, who has restored the limit on taking it. */
static const int64_t HELD_FOR_NS = 5 * NS_PER_S, HELD_EVERY_NS = 5 * NS_PER_MS;

static void ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTOU};
    for (unsigned i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
}

/* In the child: async-signal-safe calls only. */
static void exec_guard(int fd, char *const argv[])
{
    ignore_signals(); /* an ignored signal stays ignored across exec */
    setsid();
    if (fd == SOCKET_FD)
        fcntl(fd, F_SETFD, 0);
    else
        dup2(fd, SOCKET_FD);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", argv);
    _exit(127);
}

/* Waits for the READY byte. */
static int wait_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte = 0;
    int n;
    do
        n = poll(&p, 1, READY_WAIT_MS);
    while (n < 0 && errno == EINTR);
    return n == 1 && recv(fd, &byte, 1, 0) == 1 && byte == READY ? 0 : -1;
}

int guard_process_start(struct guard_process *process, const struct sense_options *options,
                        const char *folder, const unsigned devices[], unsigned count,
                        struct wt_error *err)
{
    int pair[2];
    char list[WT_MAX_DEVICES * 4] = "";
    size_t length = 0;
    for (unsigned i = 0; i < count; i++)
        length +=
            (size_t)snprintf(list + length, sizeof list - length, "%s%u", i ? "," : "", devices[i]);
    char *argv[] = {(char *)"wattune",
                    (char *)GUARD_PROCESS_COMMAND,
                    (char *)folder,
                    list,
                    (char *)options->nvml_path,
                    NULL};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return error_set(err, WT_E_IO, "start the guard process: %s", strerror(errno));
    pid_t pid = child_fork(&process->child);
    if (pid == 0)
        exec_guard(pair[1], argv);
    int why = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return error_set(err, WT_E_IO, "start the guard process: %s", strerror(why));
    }
    process->fd = pair[0];
    if (wait_ready(pair[0]) == 0)
        return 0;
    kill(pid, SIGKILL);
    guard_process_end(process);
    return error_set(err, WT_E_IO, "the guard process did not start");
}

void guard_process_end(struct guard_process *process)
{
    if (process->child.pid == 0)
        return;
    ssize_t sent = send(process->fd, &DONE, 1, MSG_NOSIGNAL);
    (void)sent; /* it may be gone already */
    close(process->fd);
    child_reap(&process->child);
}

void guard_process_leave(struct guard_process *process)
{
    if (process->child.pid == 0)
        return;
    close(process->fd);
    child_leave(&process->child);
}

/* True when the supervisor says that all is done; false when it has ended, or leaves the rest to
 * us. */
static bool wait_for_end(void)
{
    for (;;) {
        char byte;
        ssize_t n = recv(SOCKET_FD, &byte, 1, 0);
        if (n < 0 && errno == EINTR)
            continue;
        return n == 1 && byte == DONE;
    }
}

enum verdict { TRY_AGAIN, TRY_SOON, PUT_BACK, GIVEN_UP };

static void say_outcome(const char *knob, const struct wt_device *device,
                        enum guard_outcome outcome)
{
    if (outcome == GUARD_RESTORED)
        log_note("the run has ended; the %s of GPU %u is back at what was found", knob,
                 device->index);
    else if (outcome == GUARD_CHANGED_BY_OTHERS)
        log_warning("somebody else has changed the %s of GPU %u: wattune leaves it", knob,
                    device->index);
}

/* One attempt at one device, `since_ns` after the supervisor's end. */
static enum verdict attempt(struct guard *guard, const struct wt_device *device, int64_t since_ns)
{
    enum guard_outcome outcomes[WT_KNOBS];
    struct wt_error err;
    bool held = false;
    int rc = guard_recover(guard, device, outcomes, &err);
    for (unsigned k = 0; k < WT_KNOBS; k++) {
        held |= outcomes[k] == GUARD_HELD;
        say_outcome(guard_knob_name(k), device, outcomes[k]);
    }
    if (rc == 0 && held)
        return since_ns > HELD_FOR_NS ? PUT_BACK : TRY_SOON;
    if (rc && guard_may_pass(rc) && since_ns <= RETRY_FOR_NS)
        return TRY_AGAIN;
    if (rc)
        log_error("%s; the next wattune on this machine tries again", err.text);
    return rc ? GIVEN_UP : PUT_BACK;
}

static bool is_pipe(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

/* In rounds over all of them: one that does not let itself be set must not hold up the others. */
static int restore(struct guard *guard, struct sense *sense, const unsigned devices[],
                   unsigned count)
{
    enum verdict verdicts[WT_MAX_DEVICES] = {TRY_AGAIN};
    int64_t begin_ns = clock_monotonic_ns();
    bool given_up = false, said = false;
    for (;;) {
        bool again = false, soon = false;
        for (unsigned i = 0; i < count; i++) {
            if (verdicts[i] <= TRY_SOON)
                verdicts[i] = attempt(guard, sense_device(sense, devices[i]),
                                      clock_monotonic_ns() - begin_ns);
            again |= verdicts[i] == TRY_AGAIN;
            soon |= verdicts[i] == TRY_SOON;
            given_up |= verdicts[i] == GIVEN_UP;
        }
        if (!again && !soon)
            return given_up ? 1 : 0;
        if (again && !said && is_pipe(STDERR_FILENO)) {
            log_warning("a power limit could not be restored yet; trying again for two minutes");
            dup2(STDIN_FILENO,
                 STDERR_FILENO); /* a reader of the pipe to its end must not wait for us */
            said = true;
        }
        struct timespec pause = {.tv_nsec = soon ? HELD_EVERY_NS : RETRY_EVERY_NS};
        nanosleep(&pause, NULL);
    }
}

static void become_quiet(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
}

static unsigned parse_devices(const char *list, unsigned present, unsigned devices[WT_MAX_DEVICES])
{
    unsigned count = 0;
    char part[16];
    uint64_t i;
    while (count < WT_MAX_DEVICES && parse_next_part(&list, ',', part, sizeof part) == 1)
        if (parse_u64(part, 0, WT_MAX_DEVICES - 1, &i) == 0 && i < present)
            devices[count++] = (unsigned)i;
    return count;
}

static int open_driver(const char *nvml_path, const char *folder, struct sense **sense,
                       struct guard **guard, struct wt_error *err)
{
    struct sense_options options = {.nvml_path = nvml_path};
    int rc = sense_open(&options, sense, err);
    if (rc == 0 &&
        !sensed_can_set(*sense)) /* the host's own sensors alone: there is nothing to set */
        rc = error_set(err, WT_E_NO_DEVICE, "there is no GPU");
    return rc ? rc : guard_new(sensed_finder(*sense), folder, "guard process", guard, err);
}

/* argv: wattune guard-process FOLDER INDEXES [NVML] */
int guard_process_main(int argc, char **argv)
{
    struct sense *sense = NULL;
    struct guard *guard = NULL;
    struct wt_error err;
    unsigned devices[WT_MAX_DEVICES];
    if (argc < 4)
        return 2;
    become_quiet();
    if (open_driver(argc > 4 ? argv[4] : NULL, argv[2], &sense, &guard, &err)) {
        log_error("the guard process cannot reach the devices: %s", err.text);
        sense_close(sense);
        return 1;
    }
    if (chdir("/")) /* only now: a machine file's path may be relative */
        log_detail("the guard process stays in its folder");
    unsigned count = parse_devices(argv[3], sense_device_count(sense), devices);
    int rc = 0;
    if (send(SOCKET_FD, &READY, 1, MSG_NOSIGNAL) != 1 || !wait_for_end())
        rc = restore(guard, sense, devices, count);
    guard_close(guard);
    sense_close(sense);
    return rc;
}
