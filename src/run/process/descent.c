/* SPDX-License-Identifier: Apache-2.0
 *
 * Descent, read from /proc.
 */
#include "run/process/descent.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "run/process/child.h"

/* Parents up to init; processes that end meanwhile could send a walk in circles. */
enum { GENERATIONS_MOST = 1000 };

struct kin {
    char state;
    pid_t parent, group;
};

static bool read_kin(pid_t pid, struct kin *kin)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    /* "pid (name) state ppid pgrp ...": the name may hold anything, so look from its last bracket.
     */
    char *after = strrchr(text, ')');
    int parent, group;
    if (!after || sscanf(after + 1, " %c %d %d", &kin->state, &parent, &group) != 3)
        return false;
    kin->parent = (pid_t)parent;
    kin->group = (pid_t)group;
    return true;
}

/* The child of ours that `pid`, whose kin is known, is or descends from; 0: none. */
static pid_t ancestor_below_us(pid_t pid, struct kin kin)
{
    pid_t self = getpid();
    for (unsigned n = 0; n < GENERATIONS_MOST; n++) {
        if (kin.parent == self)
            return pid;
        pid = kin.parent;
        if (pid <= 1 || !read_kin(pid, &kin))
            break;
    }
    return 0;
}

bool descent_is_ours(pid_t pid)
{
    struct kin kin;
    return pid == getpid() || (pid > 1 && read_kin(pid, &kin) && ancestor_below_us(pid, kin) != 0);
}

static bool is_left_by(pid_t command, pid_t pid)
{
    struct kin kin;
    if (!read_kin(pid, &kin) || kin.state == 'Z' || kin.state == 'X')
        return false;
    if (kin.group == command)
        return true;
    pid_t child = ancestor_below_us(pid, kin);
    if (child == 0 || child == command)
        return child != 0;
    /* Another command, a process that others have started beside it (in our group), or an orphan.
     */
    return !child_is_known(child) && getpgid(child) != getpgrp();
}

static bool is_in_group(pid_t group, pid_t pid)
{
    struct kin kin;
    return pid != group && read_kin(pid, &kin) && kin.group == group && kin.state != 'Z' &&
           kin.state != 'X';
}

static unsigned count(bool (*counts)(pid_t command, pid_t pid), pid_t command)
{
    unsigned n = 0;
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    uint64_t pid;
    if (!proc)
        return 0;
    while ((entry = readdir(proc)))
        if (parse_u64(entry->d_name, 2, INT_MAX, &pid) == 0)
            n += counts(command, (pid_t)pid);
    closedir(proc);
    return n;
}

unsigned descent_left_running(pid_t command)
{
    /* The command has ended, so that its descendants are orphans; looking through /proc takes a
     * millisecond. */
    return child_may_have_orphans() ? count(is_left_by, command) : 0;
}

unsigned descent_group_size(pid_t group)
{
    return count(is_in_group, group);
}
