/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands as processes: their ends, their surroundings, and two at once in one process beside the
 * children of others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/process/child.h"
#include "run/process/descent.h"
#include "run/process/signals.h"
#include "run/process/supervise.h"

/* A kernel without pidfds: the whole group of tests runs a second time with it. */
static bool without_pidfd;

int __real_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags)
{
    if (!without_pidfd)
        return __real_pidfd_open(pid, flags);
    errno = ENOSYS;
    return -1;
}

static struct wt_error err;

/* --- Running a shell --- */

static const char *const no_env[] = {NULL};

static struct supervised *start_with(struct supervise_options options, const char *script)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
    struct supervised *command = NULL;
    int code;
    if (!options.argv)
        options.argv = argv;
    if (supervise_start(&options, &command, &code, &err))
        fail_msg("%s", err.text);
    return command;
}

static struct supervised *start(const char *script)
{
    return start_with((struct supervise_options){.env = no_env}, script);
}

/* Waits for the end, at most 20 s; returns the exit code and leaves the command to be freed. */
static int wait_end(struct supervised *command)
{
    int64_t until_ns = clock_monotonic_ns() + 20 * NS_PER_S;
    while (supervise_wait(command, until_ns))
        if (clock_monotonic_ns() >= until_ns)
            fail_msg("the command does not end");
    return supervise_exit_code(command);
}

static int run(const char *script)
{
    struct supervised *command = start(script);
    int code = wait_end(command);
    supervise_free(command);
    return code;
}

static void pause_ms(long ms)
{
    const struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};
    nanosleep(&nap, NULL);
}

/* Waits until a command has made the file, at most 10 s. */
static void wait_file(const char *path)
{
    for (unsigned i = 0; i < 1000 && access(path, F_OK); i++)
        pause_ms(10);
    assert_int_equal(access(path, F_OK), 0);
}

static char folder[] = "/tmp/wattune-supervise-XXXXXX";

static const char *in_folder(const char *name)
{
    static char paths[8][96];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, mode);
}

/* --- Ends --- */

static void exit_codes(void **state)
{
    (void)state;
    signals_hold();
    assert_int_equal(run("exit 0"), 0);
    assert_int_equal(run("exit 7"), 7);
    assert_int_equal(run("exit 255"), 255);
    assert_int_equal(run("kill -TERM $$"), 128 + SIGTERM);
    assert_int_equal(run("kill -KILL $$"), 128 + SIGKILL);
    signals_allow();
}

static int start_code(const char *program, const char *path_variable)
{
    char *argv[] = {(char *)program, NULL};
    const char *env[] = {path_variable, NULL};
    struct supervised *command = NULL;
    int code = -1;
    int rc = supervise_start(&(struct supervise_options){.argv = argv, .env = env}, &command, &code,
                             &err);
    if (rc == 0) {
        code = wait_end(command);
        supervise_free(command);
        return code;
    }
    assert_int_equal(rc, WT_E_NOT_FOUND);
    assert_null(command);
    return code;
}

/* As a shell finds programs: in the PATH that the command gets, past files that cannot be executed,
 * and scripts without "#!" by /bin/sh. */
static void programs_are_found(void **state)
{
    (void)state;
    char path[300];
    mkdir(in_folder("first"), 0755);
    mkdir(in_folder("second"), 0755);
    write_file(in_folder("first/both"), "exit 3\n", 0644);
    write_file(in_folder("second/both"), "exit 4\n", 0755);
    write_file(in_folder("first/forbidden"), "exit 5\n", 0644);
    write_file(in_folder("second/broken"), "#!/nowhere/interpreter\n", 0755);
    snprintf(path, sizeof path, "PATH=%s:/nowhere:%s:/dev/null", in_folder("first"),
             in_folder("second"));
    signals_hold();
    assert_int_equal(start_code("both", path), 4);
    assert_int_equal(start_code("forbidden", path), 126);
    assert_int_equal(start_code("nothing-of-the-sort", path), 127);
    assert_int_equal(start_code("broken", path), 127);
    assert_int_equal(start_code(in_folder("second/both"), path), 4);
    assert_int_equal(start_code(in_folder("first/both"), path), 126);
    assert_int_equal(start_code(folder, path), 126); /* a folder */
    assert_int_equal(start_code("", path), 127);
    assert_non_null(strstr(err.text, "there is no such command"));
    assert_int_equal(chdir(in_folder("second")), 0);
    assert_int_equal(start_code("both", "PATH="), 4); /* an empty folder is the current one */
    assert_int_equal(chdir("/"), 0);
    signals_allow();
}

static void environment(void **state)
{
    (void)state;
    const char *env[] = {"SUPERVISE_OLD=new", "SUPERVISE_ADDED=yes", "SUPERVISE_ADDED=again", NULL};
    setenv("SUPERVISE_OLD", "old", 1);
    setenv("SUPERVISE_OLDER", "kept", 1);
    signals_hold();
    struct supervised *command = start_with(
        (struct supervise_options){.env = env},
        "test \"$SUPERVISE_OLD $SUPERVISE_ADDED $SUPERVISE_OLDER\" = 'new again kept' && "
        "test $(env | grep -c ^SUPERVISE_) = 3");
    assert_int_equal(wait_end(command), 0);
    supervise_free(command);
    assert_string_equal(getenv("SUPERVISE_OLD"), "old");
    assert_null(getenv("SUPERVISE_ADDED"));
    signals_allow();
}

/* --- Signals --- */

static void kill_soon(int number, pid_t pid)
{
    static const struct timespec soon = {.tv_nsec = 100 * NS_PER_MS};
    nanosleep(&soon, NULL);
    kill(pid, number);
}

static void signals_reach_all_commands(void **state)
{
    (void)state;
    char script[256];
    signals_hold();
    snprintf(script, sizeof script, "trap 'exit 11' USR1; echo >%s; while :; do sleep 0.02; done",
             in_folder("one"));
    struct supervised *one = start(script);
    snprintf(script, sizeof script, "trap 'exit 12' USR1; echo >%s; while :; do sleep 0.02; done",
             in_folder("two"));
    struct supervised *two = start(script);
    wait_file(in_folder("one"));
    wait_file(in_folder("two"));
    kill_soon(SIGUSR1, getpid());
    assert_int_equal(wait_end(one), 11);
    assert_int_equal(wait_end(two), 12);
    assert_int_equal(supervise_asked_to_end(one), 0); /* not that kind of signal */
    supervise_free(one);
    supervise_free(two);
    signals_allow();
}

static void a_signal_asks_to_end(void **state)
{
    (void)state;
    char script[256];
    signals_hold();
    snprintf(script, sizeof script, "trap 'exit 0' TERM; echo >%s; while :; do sleep 0.02; done",
             in_folder("ready"));
    struct supervised *command = start(script);
    wait_file(in_folder("ready"));
    kill_soon(SIGTERM, getpid());
    assert_int_equal(wait_end(command), 0);
    assert_int_equal(supervise_asked_to_end(command), SIGTERM);
    assert_false(supervise_was_interrupted(command));
    supervise_free(command);
    /* Between two commands it waits, and the outermost end drops it. */
    kill(getpid(), SIGHUP);
    assert_int_equal(signals_waiting(), SIGHUP);
    signals_hold();
    signals_allow();
    assert_int_equal(signals_waiting(), SIGHUP);
    signals_allow();
    assert_int_equal(signals_waiting(), 0);
}

/* A program, and no shell, which changes both: 0 when a line of its status matches. */
static int status_has(const char *pattern)
{
    char *argv[] = {(char *)"grep", (char *)"-q", (char *)pattern, (char *)"/proc/self/status",
                    NULL};
    struct supervised *command =
        start_with((struct supervise_options){.argv = argv, .env = no_env}, NULL);
    int code = wait_end(command);
    supervise_free(command);
    return code;
}

/* The command gets mask and dispositions from before we held signals, the second one too. */
static void mask_and_dispositions(void **state)
{
    (void)state;
    struct sigaction now;
    for (unsigned i = 0; i < 2; i++) {
        signals_hold();
        assert_int_equal(status_has("^SigBlk:.0*$"), 0);
        assert_int_equal(status_has("^SigIgn:.*[02468ace][02468ace]...$"), 0); /* CHLD, PIPE */
        signals_allow();
    }
    signal(SIGCHLD, SIG_IGN); /* as a parent may leave it: the exit code is known all the same */
    signals_hold();
    assert_int_equal(run("exit 9"), 9);
    assert_int_equal(status_has("^SigIgn:.*[13579bdf]....$"), 0);
    signals_allow();
    sigaction(SIGCHLD, NULL, &now);
    assert_true(now.sa_handler == SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
}

/* --- Others' children, and several commands --- */

static pid_t start_stranger(int code)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(code);
    return pid;
}

static void strangers_are_not_reaped(void **state)
{
    (void)state;
    int status;
    signals_hold();
    pid_t before = start_stranger(21);
    struct supervised *command =
        start_with((struct supervise_options){.env = no_env, .adopt = true}, "sleep 0.3; exit 5");
    pid_t during = start_stranger(22);
    assert_int_equal(wait_end(command), 5);
    supervise_free(command);
    assert_int_equal(waitpid(before, &status, 0), before);
    assert_int_equal(WEXITSTATUS(status), 21);
    assert_int_equal(waitpid(during, &status, 0), during);
    assert_int_equal(WEXITSTATUS(status), 22);
    signals_allow();
}

/* Another part of the program reaps all there is: the command ends, its code is unknown. */
static void a_thief(void **state)
{
    (void)state;
    signals_hold();
    struct supervised *command = start("exit 5");
    pause_ms(200);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    int code = wait_end(command); /* the thief or the owner came first */
    assert_true(code == 5 || code == 255);
    supervise_free(command);
    signals_allow();
}

struct seen {
    pthread_mutex_t lock;
    char text[2][64];
};

static void on_output(void *ctx, unsigned stream, const char *bytes, size_t length)
{
    struct seen *seen = ctx;
    pthread_mutex_lock(&seen->lock);
    strncat(seen->text[stream], bytes, length < 40 ? length : 40);
    pthread_mutex_unlock(&seen->lock);
}

/* Our own two streams, for a while: relayed bytes lie in a file. */
static int saved[2];
static void redirect(const char *path)
{
    fflush(NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (int i = 0; i < 2; i++) {
        saved[i] = fcntl(i + 1, F_DUPFD_CLOEXEC, 10);
        dup2(fd, i + 1);
    }
    close(fd);
}

static void redirect_back(void)
{
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
}

static void two_relays_at_once(void **state)
{
    (void)state;
    struct seen one = {.lock = PTHREAD_MUTEX_INITIALIZER},
                two = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct supervise_options options = {
        .env = no_env, .relay = true, .on_output = on_output, .ctx = &one};
    signals_hold();
    redirect(in_folder("relayed"));
    struct supervised *first = start_with(options, "echo a; sleep 0.2; echo b >&2; exit 1");
    options.ctx = &two;
    struct supervised *second = start_with(options, "echo c; echo d >&2; exit 2");
    int code_two = wait_end(second), code_one = wait_end(first);
    supervise_free(first);
    supervise_free(second);
    redirect_back();
    signals_allow();
    assert_int_equal(code_one, 1);
    assert_int_equal(code_two, 2);
    assert_string_equal(one.text[0], "a\n");
    assert_string_equal(one.text[1], "b\n");
    assert_string_equal(two.text[0], "c\n");
    assert_string_equal(two.text[1], "d\n");
    struct stat st;
    assert_int_equal(stat(in_folder("relayed"), &st), 0);
    assert_int_equal(st.st_size, 8);
}

static void *run_ten(void *codes)
{
    char script[32];
    signals_hold();
    for (int i = 0; i < 10; i++) {
        snprintf(script, sizeof script, "exit %d", i);
        ((int *)codes)[i] = run(script);
    }
    signals_allow();
    return NULL;
}

static void from_several_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int codes[THREADS][10];
    signals_hold(); /* so that no thread is left to take a signal */
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_ten, codes[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (int k = 0; k < 10; k++)
            assert_int_equal(codes[i][k], k);
    }
    signals_allow();
}

/* --- Locks of other threads --- */

static atomic_bool busy;

static void *hold_locks(void *unused)
{
    (void)unused;
    while (busy) {
        void *blocks[64];
        for (unsigned i = 0; i < 64; i++)
            blocks[i] = malloc(100 + 997 * i);
        locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        if (locale)
            freelocale(locale);
        for (unsigned i = 0; i < 64; i++)
            free(blocks[i]);
    }
    return NULL;
}

static void locks_held_at_the_fork(void **state)
{
    (void)state;
    pthread_t threads[2];
    signals_hold();
    busy = true;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_locks, NULL), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(run("exit 3"), 3);
    busy = false;
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    signals_allow();
}

/* --- Groups and leftovers --- */

/* All orphans end, and are reaped: we have no child any more. */
static void assert_no_child(void)
{
    siginfo_t info;
    int rc = 0;
    for (unsigned i = 0; i < 300 && rc == 0; i++, pause_ms(10)) {
        child_reap_orphans();
        rc = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
    }
    assert_int_equal(rc, -1);
    assert_int_equal(errno, ECHILD);
}

static void group_is_ended(void **state)
{
    (void)state;
    char script[256];
    signals_hold();
    snprintf(script, sizeof script,
             "(trap '' TERM; echo >%s; exec sleep 60) & while [ ! -e %s ]; do sleep 0.01; done",
             in_folder("stubborn"), in_folder("stubborn"));
    struct supervised *command =
        start_with((struct supervise_options){.env = no_env, .adopt = true}, script);
    assert_int_equal(wait_end(command), 0);
    assert_int_equal(supervise_left_running(command), 1);
    supervise_signal_group(command, SIGTERM); /* ignored */
    int64_t begin_ns = clock_monotonic_ns();
    supervise_end_group(command, 100 * NS_PER_MS);
    int64_t took_ns = clock_monotonic_ns() - begin_ns;
    assert_true(took_ns >= 100 * NS_PER_MS && took_ns < 1000 * NS_PER_MS);
    assert_int_equal(supervise_left_running(command), 0);
    supervise_end_group(command, 10 * NS_PER_S); /* nothing: no wait */
    supervise_free(command);
    assert_no_child(); /* the orphan is reaped as well */
    signals_allow();
}

/* Orphans that left the group are seen, adopted and reaped; another command's tree is not counted.
 */
static void leftovers(void **state)
{
    (void)state;
    signals_hold();
    struct supervised *other = start("sleep 60 & wait");
    struct supervised *command = start_with(
        (struct supervise_options){.env = no_env, .adopt = true}, "setsid sleep 0.6 & exit 0");
    pid_t stranger = fork();
    if (stranger == 0) {
        pause();
        _exit(0);
    }
    assert_int_equal(wait_end(command), 0);
    pause_ms(100);
    assert_int_equal(supervise_left_running(command), 1);
    for (unsigned i = 0; i < 300 && supervise_left_running(command); i++)
        pause_ms(10);
    assert_int_equal(supervise_left_running(command), 0);
    supervise_free(command);
    supervise_signal_group(other, SIGKILL);
    assert_int_equal(wait_end(other), 128 + SIGKILL);
    supervise_free(other);
    kill(stranger, SIGKILL);
    assert_int_equal(waitpid(stranger, NULL, 0), stranger);
    assert_no_child();
    signals_allow();
}

static void descent(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_true(descent_is_ours(getpid()) && descent_is_ours(child));
    assert_false(descent_is_ours(getppid()));
    assert_false(descent_is_ours(1));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_false(descent_is_ours(child));
}

/* --- A helper --- */

static void helper_end_is_told(void **state)
{
    (void)state;
    struct child helper = {.fd = -1}, next = {.fd = -1};
    signals_hold();
    if (child_fork(&helper) == 0) {
        pause_ms(150);
        _exit(0);
    }
    struct supervised *command =
        start_with((struct supervise_options){.env = no_env, .helper = &helper}, "sleep 0.8");
    assert_false(supervise_helper_ended(command));
    assert_true(supervise_wait(command, clock_monotonic_ns() + 10 * NS_PER_S));
    assert_true(supervise_helper_ended(command)); /* once */
    assert_false(supervise_helper_ended(command));
    supervise_set_helper(command, NULL);
    child_reap(&helper);
    if (child_fork(&next) == 0)
        _exit(0);
    supervise_set_helper(command, &next); /* perhaps it has ended before it is known */
    assert_true(supervise_wait(command, clock_monotonic_ns() + 10 * NS_PER_S));
    assert_true(supervise_helper_ended(command));
    assert_int_equal(wait_end(command), 0);
    supervise_free(command);
    child_reap(&next);
    signals_allow();
}

/* --- Odd surroundings, each in a process of its own --- */

/* Runs `body` in a child; its result is the child's exit code. */
static int in_child(int (*body)(void))
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(body());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* cmocka's assertions do not work here: numbers tell where it failed. */
static int try_code(bool relay, const char *script, int *code)
{
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER};
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
    struct supervise_options options = {
        .argv = argv, .env = no_env, .relay = relay, .on_output = on_output, .ctx = &seen};
    struct supervised *command = NULL;
    int rc = supervise_start(&options, &command, code, &err);
    if (rc)
        return rc;
    while (supervise_wait(command, clock_monotonic_ns() + 20 * NS_PER_S))
        ;
    *code = supervise_exit_code(command);
    supervise_free(command);
    return relay && strcmp(seen.text[0], "x\n") != 0 ? 1 : 0;
}

static int without_streams(void)
{
    int code = -1;
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    signals_hold();
    for (unsigned relay = 0; relay < 2; relay++)
        if (try_code(relay, relay ? "echo x; exit 6" : "exit 6", &code) || code != 6)
            return 1 + (int)relay;
    signals_allow();
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return 10 + fd; /* something of ours is left there */
    return 0;
}

static void closed_streams(void **state)
{
    (void)state;
    assert_int_equal(in_child(without_streams), 0);
}

static int without_processes(void)
{
    int code = -1, before = 0, after = 0;
    const struct rlimit none = {0, 0};
    if (getuid() == 0 && (setgid(65534) || setuid(65534))) /* root is above this limit */
        return 1;
    for (int fd = 0; fd < 64; fd++)
        before += fcntl(fd, F_GETFD) >= 0;
    if (setrlimit(RLIMIT_NPROC, &none))
        return 2;
    signals_hold();
    if (try_code(true, "exit 0", &code) != WT_E_IO || !strstr(err.text, "start the command: "))
        return 3;
    signals_allow();
    for (int fd = 0; fd < 64; fd++)
        after += fcntl(fd, F_GETFD) >= 0;
    return before == after ? 0 : 4;
}

static void no_process_to_be_had(void **state)
{
    (void)state;
    assert_int_equal(in_child(without_processes), 0);
}

/* Under sudo: ids, groups and variables are the caller's, and root does not come back. */
static int under_sudo(void)
{
    int code = -1;
    setenv("SUDO_UID", "65534", 1);
    setenv("SUDO_GID", "65534", 1);
    signals_hold();
    if (try_code(false,
                 "test $(id -u) = 65534 && test \"$(id -G)\" = 65534 && "
                 "test \"$USER $LOGNAME\" = \"$(id -un) $(id -un)\" && test \"$HOME\" != /root && "
                 "grep -qE '^Uid:.65534.65534.65534.65534$' /proc/self/status",
                 &code) ||
        code != 0)
        return 1;
    signals_allow();
    return getuid() == 0 && geteuid() == 0 ? 0 : 2; /* ourselves we stay */
}

static void caller_under_sudo(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    assert_int_equal(in_child(under_sudo), 0);
}

/* On a terminal: the command is in the foreground, a stop of it stops us, Ctrl-C is its own. */
static int on_terminal(void)
{
    int code = -1;
    signals_hold();
    if (!isatty(0) || tcgetpgrp(0) != getpgrp())
        return 1;
    if (try_code(false, "test $(ps -o tpgid= -p $$) = $(ps -o pgid= -p $$)", &code) || code != 0)
        return 2;
    if (tcgetpgrp(0) != getpgrp())
        return 3;
    if (try_code(false, "kill -INT $$", &code) || code != 128 + SIGINT)
        return 4;
    if (try_code(false, "exit 8", &code) || code != 8 || tcgetpgrp(0) != getpgrp())
        return 5;
    char *argv[] = {(char *)"nothing-of-the-sort", NULL};
    struct supervised *command = NULL;
    if (supervise_start(&(struct supervise_options){.argv = argv, .env = no_env}, &command, &code,
                        &err) != WT_E_NOT_FOUND ||
        code != 127 || tcgetpgrp(0) != getpgrp())
        return 6;
    signals_allow();
    return 0;
}

static void foreground(void **state)
{
    (void)state;
    int master, status = 0;
    char bytes[256];
    pid_t pid = forkpty(&master, NULL, NULL, NULL);
    if (pid == 0)
        _exit(on_terminal());
    while (read(master, bytes, sizeof bytes) > 0) /* until the last one closes it */
        ;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(master);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int stopped_and_continued(void)
{
    int code = -1;
    signals_hold();
    return try_code(false, "kill -STOP $$; exit 4", &code) || code != 4;
}

/* The whole job stops and goes on. */
static void stop_together(void **state)
{
    (void)state;
    int master, status = 0;
    pid_t pid = forkpty(&master, NULL, NULL, NULL);
    if (pid == 0)
        _exit(stopped_and_continued());
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    kill(pid, SIGCONT);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(master);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(strrchr(folder, '-') + 1, "XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    signal(SIGPIPE, SIG_DFL); /* our parent may ignore it */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(programs_are_found),
        cmocka_unit_test(environment),
        cmocka_unit_test(signals_reach_all_commands),
        cmocka_unit_test(a_signal_asks_to_end),
        cmocka_unit_test(mask_and_dispositions),
        cmocka_unit_test(strangers_are_not_reaped),
        cmocka_unit_test(a_thief),
        cmocka_unit_test(two_relays_at_once),
        cmocka_unit_test(from_several_threads),
        cmocka_unit_test(locks_held_at_the_fork),
        cmocka_unit_test(group_is_ended),
        cmocka_unit_test(leftovers),
        cmocka_unit_test(descent),
        cmocka_unit_test(helper_end_is_told),
        cmocka_unit_test(closed_streams),
        cmocka_unit_test(no_process_to_be_had),
        cmocka_unit_test(caller_under_sudo),
        cmocka_unit_test(foreground),
        cmocka_unit_test(stop_together),
    };
    int failed = cmocka_run_group_tests_name("run_process", tests, make_folder, drop_folder);
    without_pidfd = true;
    return failed + cmocka_run_group_tests_name("run_process without pidfd", tests, make_folder,
                                                drop_folder);
}
