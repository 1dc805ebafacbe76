/* SPDX-License-Identifier: Apache-2.0
 *
 * Users: on whose behalf root acts.
 */
#ifndef WATTUNE_BASE_USERS_H
#define WATTUNE_BASE_USERS_H

#include <stdbool.h>
#include <sys/types.h>

/* The user who called root through sudo: true, with the ids, name and home directory; false when
 * this process is not root or nobody called it.  A user without an account gets the name
 * "#NUMBER", the home "/" and the group nogroup. */
bool users_sudo_caller(uid_t *uid, gid_t *gid, char name[64], char home[256]);

#endif
