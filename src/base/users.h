/* SPDX-License-Identifier: Apache-2.0
 *
 * Users: on whose behalf root acts, and becoming that user.
 */
#ifndef WATTUNE_BASE_USERS_H
#define WATTUNE_BASE_USERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* The user who called root through sudo: true, with the ids, name and home directory; false when
 * this process is not root or nobody called it.  A user without an account gets the name
 * "#NUMBER", the home "/" and the group nogroup. */
bool users_sudo_caller(uid_t *uid, gid_t *gid, char name[64], char home[256]);

/* Everything that becoming a user needs, looked up beforehand: the look-up reads files and may ask
 * a directory server. */
struct users_identity {
    uid_t uid;
    gid_t gid;
    char name[64], home[256];
    gid_t *groups; /* all of the user's, gid included */
    int group_count;
};

/* Looks up the caller of users_sudo_caller(): 1 when there is one (free *who with
 * users_identity_clear()), 0 when there is none; WT_E_NO_MEMORY. */
int users_sudo_identity(struct users_identity *who, struct wt_error *err);
void users_identity_clear(struct users_identity *who);

/* Gives up root for good: this process, all of its threads, goes on as the user.  -1 with errno; a
 * caller that fails must not go on, since some of the ids may have changed. */
int users_become(const struct users_identity *who);

/* The same for the child of fork(), which has one thread: async-signal-safe. */
int users_become_in_child(const struct users_identity *who);

#endif
