/* SPDX-License-Identifier: Apache-2.0
 *
 * The caller under sudo, from the variables that sudo sets; they count only while this is root.
 */
#include "base/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/parse.h"

/* The group "nogroup": it owns nothing. */
enum { NO_GROUP = 65534 };

bool users_sudo_caller(uid_t *uid, gid_t *gid, char name[64], char home[256])
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

/* Most users are in a few groups; getgrouplist() tells when there are more. */
enum { USUAL_GROUPS = 32 };

/* Since Linux 2.6.4 a process has at most this many (NGROUPS_MAX). */
enum { MOST_GROUPS = 65536 };

int users_sudo_identity(struct users_identity *who, struct wt_error *err)
{
    struct users_identity found = {0};
    if (!users_sudo_caller(&found.uid, &found.gid, found.name, found.home))
        return 0;
    for (int room = USUAL_GROUPS; room <= MOST_GROUPS; room *= 2) {
        gid_t *more = reallocarray(found.groups, (size_t)room, sizeof *more);
        if (!more)
            break;
        found.groups = more;
        found.group_count = room;
        if (getgrouplist(found.name, found.gid, found.groups, &found.group_count) >= 0) {
            *who = found;
            return 1;
        }
    }
    free(found.groups);
    return error_set(err, WT_E_NO_MEMORY, "look up the groups of user %s: out of memory",
                     found.name);
}

void users_identity_clear(struct users_identity *who)
{
    free(who->groups);
    *who = (struct users_identity){0};
}

int users_become(const struct users_identity *who)
{
    if (setgroups((size_t)who->group_count, who->groups) || setgid(who->gid) || setuid(who->uid))
        return -1;
    errno = EPERM;
    return setuid(0) == 0 ? -1 : 0; /* root that can come back has not been given up */
}

/* glibc's functions change all threads of a process and take locks for that; the calls of the
 * kernel change the one thread that a child has.  On 32-bit machines the plain numbers mean ids of
 * 16 bits. */
#ifdef SYS_setuid32
enum { CALL_SETGROUPS = SYS_setgroups32, CALL_SETGID = SYS_setgid32, CALL_SETUID = SYS_setuid32 };
#else
enum { CALL_SETGROUPS = SYS_setgroups, CALL_SETGID = SYS_setgid, CALL_SETUID = SYS_setuid };
#endif

int users_become_in_child(const struct users_identity *who)
{
    if (syscall(CALL_SETGROUPS, (size_t)who->group_count, who->groups) ||
        syscall(CALL_SETGID, who->gid) || syscall(CALL_SETUID, who->uid))
        return -1;
    errno = EPERM;
    return syscall(CALL_SETUID, 0) == 0 ? -1 : 0;
}
