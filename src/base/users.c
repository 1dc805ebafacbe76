/* SPDX-License-Identifier: Apache-2.0
 *
 * The caller under sudo, from the variables that sudo sets; they count only while this is root.
 */
#include "base/users.h"

#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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
