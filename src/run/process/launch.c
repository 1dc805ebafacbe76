/* SPDX-License-Identifier: Apache-2.0
 *
 * From a command line to a running program, as execvp() would, in two halves: before fork() and
 * after it.
 */
#include "run/process/launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/process/terminal.h"

/* Where a shell looks when PATH is not set. */
static const char usual_path[] = "/bin:/usr/bin";

static size_t count_of(char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

/* --- The environment --- */

static size_t name_length(const char *variable)
{
    return strcspn(variable, "=");
}

/* Replaces the variable of that name, or adds it: the block has room. */
static void put_variable(char **env, const char *variable)
{
    size_t length = name_length(variable), i = 0;
    while (env[i] && (strncmp(env[i], variable, length) != 0 || env[i][length] != '='))
        i++;
    if (!env[i])
        env[i + 1] = NULL;
    env[i] = (char *)variable;
}

static const char *get_variable(char *const *env, const char *name)
{
    size_t length = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
            return *env + length + 1;
    return NULL;
}

/* HOME, USER and LOGNAME of another user, as strings in one block. */
enum { USER_VARIABLES = 3 };
struct user_variables {
    char text[USER_VARIABLES][sizeof "LOGNAME=" + 256];
};

/* One block: the pointers, and behind them the user's variables. */
static int make_env(struct launch *launch, const char *const changes[])
{
    size_t inherited = count_of(environ), changed = count_of((char *const *)changes);
    size_t pointers = inherited + changed + USER_VARIABLES + 1;
    char **env = malloc(pointers * sizeof *env + sizeof(struct user_variables));
    if (!env)
        return -1;
    memcpy(env, environ, inherited * sizeof *env);
    env[inherited] = NULL;
    for (size_t i = 0; i < changed; i++)
        put_variable(env, changes[i]);
    if (launch->drops_root) {
        struct user_variables *own = (struct user_variables *)(env + pointers);
        const char *const names[USER_VARIABLES] = {"HOME", "USER", "LOGNAME"};
        for (unsigned i = 0; i < USER_VARIABLES; i++) {
            snprintf(own->text[i], sizeof own->text[i], "%s=%s", names[i],
                     i == 0 ? launch->user.home : launch->user.name);
            put_variable(env, own->text[i]);
        }
    }
    launch->env = env;
    return 0;
}

/* --- The program --- */

/* "DIR/NAME" for each folder of PATH, in one block; an empty folder is the current one. */
static char **paths_in(const char *path, const char *name)
{
    size_t folders = 1, room = strlen(path) + 1;
    for (const char *at = path; *at; at++)
        folders += *at == ':';
    room += folders * (strlen(name) + 2);
    char **paths = malloc((folders + 1) * sizeof *paths + room);
    if (!paths)
        return NULL;
    char *text = (char *)(paths + folders + 1);
    for (size_t i = 0; i < folders; i++) {
        int length = (int)strcspn(path, ":");
        paths[i] = text;
        text += sprintf(text, "%.*s%s%s", length, path, length ? "/" : "", name) + 1;
        path += length + (path[length] == ':');
    }
    paths[folders] = NULL;
    return paths;
}

static int find_program(struct launch *launch)
{
    const char *path = get_variable(launch->env, "PATH"), *name = launch->argv[0];
    bool is_path = strchr(name, '/') || !*name; /* an empty name is nowhere */
    launch->searches = !is_path;
    launch->paths = is_path ? paths_in("", name) : paths_in(path ? path : usual_path, name);
    size_t words = count_of(launch->argv);
    launch->shell_argv = calloc(words + 2, sizeof *launch->shell_argv);
    if (!launch->paths || !launch->shell_argv)
        return -1;
    launch->shell_argv[0] = (char *)"/bin/sh";
    memcpy(launch->shell_argv + 2, launch->argv + 1, words * sizeof *launch->shell_argv);
    return 0;
}

int launch_prepare(struct launch *launch, char *const argv[], const char *const changes[],
                   struct wt_error *err)
{
    *launch = (struct launch){.argv = (char **)argv, .output = -1, .errors = -1, .report = -1};
    int rc = users_sudo_identity(&launch->user, err);
    if (rc < 0)
        return rc;
    launch->drops_root = rc > 0;
    signals_before(&launch->signals);
    if (make_env(launch, changes) || find_program(launch))
        return error_set(err, WT_E_NO_MEMORY, "start the command: out of memory");
    return 0;
}

void launch_clear(struct launch *launch)
{
    free(launch->env);
    free(launch->paths);
    free(launch->shell_argv);
    users_identity_clear(&launch->user);
    *launch = (struct launch){.output = -1, .errors = -1, .report = -1};
}

/* --- In the child: async-signal-safe calls only --- */

/* True for an errno after which execvp() looks in the next folder. */
static bool is_elsewhere(int why)
{
    return why == ENOENT || why == ENOTDIR || why == EACCES || why == ESTALE || why == ENODEV ||
           why == ETIMEDOUT;
}

/* Returns the errno: of the last place, or EACCES when a program was there and not ours to execute.
 * A folder of PATH that is none is no reason of its own. */
static int exec_first(const struct launch *launch)
{
    bool forbidden = false;
    int why = ENOENT;
    for (char **path = launch->paths; *path; path++) {
        execve(*path, launch->argv, launch->env);
        why = errno;
        if (why == ENOEXEC) {
            launch->shell_argv[1] = *path;
            execve(launch->shell_argv[0], launch->shell_argv, launch->env);
            why = errno;
        }
        forbidden |= why == EACCES;
        if (!is_elsewhere(why))
            return why;
    }
    if (launch->searches && why == ENOTDIR)
        why = ENOENT;
    return forbidden ? EACCES : why;
}

void launch_exec(const struct launch *launch)
{
    int why;
    setpgid(0, 0);
    if (launch->takes_terminal)
        terminal_take_in_child();
    if (launch->output >= 0)
        dup2(launch->output, STDOUT_FILENO);
    if (launch->errors >= 0)
        dup2(launch->errors, STDERR_FILENO);
    signals_give_back(&launch->signals);
    /* Failing is fatal: the command must not run as root by accident. */
    if (launch->drops_root && users_become_in_child(&launch->user))
        why = errno;
    else
        why = exec_first(launch);
    ssize_t written = write(launch->report, &why, sizeof why);
    (void)written;
    _exit(127);
}
