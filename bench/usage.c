/* SPDX-License-Identifier: Apache-2.0
 *
 * `bench_usage COMMAND [ARGUMENT...]`: processor seconds, peak KiB and exit code of a command on
 * the last line of standard error.  A child inherits the peak memory of the process that it was
 * forked from, so a bench in Python cannot see a command of a few MiB; this program is small
 * enough.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    pid_t pid = vfork();
    if (pid == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
        return 1;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fprintf(stderr, "\n%.6f %ld %d\n", seconds(used.ru_utime) + seconds(used.ru_stime),
            used.ru_maxrss, code);
    return 0;
}
