/* SPDX-License-Identifier: Apache-2.0
 *
 * The path of the ledger, and the fault of a path, found before SQLite says "unable to open
 * database file".
 */
#include "account/ledger/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define BELOW_HOME ".local/share"

/* The home that the system knows of this user, whatever the environment says. */
static int system_home(char *home, size_t size, struct wt_error *err)
{
    char names[16384]; /* getpwuid_r's strings; entries are some hundred bytes */
    struct passwd entry, *found = NULL;
    if (getpwuid_r(geteuid(), &entry, names, sizeof names, &found) || !found ||
        found->pw_dir[0] != '/')
        return error_set(err, WT_E_LEDGER,
                         "no home folder is known for the ledger: name a file with --ledger");
    if ((size_t)snprintf(home, size, "%s", found->pw_dir) >= size)
        return error_set(err, WT_E_RANGE, "the home folder's path is too long");
    return 0;
}

/* Root through sudo: HOME and XDG_DATA_HOME may be the caller's, and a ledger that root makes there
 * would be his to swap for a link. */
static bool root_for_another(void)
{
    const char *uid = getenv("SUDO_UID");
    return geteuid() == 0 && uid && strcmp(uid, "0") != 0;
}

int ledger_default_path(char *path, size_t size, struct wt_error *err)
{
    char home[PATH_MAX] = "";
    const char *xdg = getenv("XDG_DATA_HOME"), *env = getenv("HOME"), *below = BELOW_HOME "/";
    bool environment = !root_for_another();
    if (environment && xdg &&
        xdg[0] == '/') { /* relative ones are to be ignored, says the XDG specification */
        snprintf(home, sizeof home, "%s", xdg);
        below = "";
    } else if (environment && env && env[0] == '/') {
        snprintf(home, sizeof home, "%s", env);
    } else {
        int rc = system_home(home, sizeof home, err);
        if (rc)
            return rc;
    }
    char whole[PATH_MAX + 64];
    int n = snprintf(whole, sizeof whole, "%s/%swattune/ledger.db", home, below);
    if ((size_t)n >= size)
        return error_set(err, WT_E_RANGE,
                         "the path of the ledger is too long: name a file with --ledger");
    memcpy(path, whole, (size_t)n + 1);
    return 0;
}

static int cannot(const char *what, const char *path, struct wt_error *err)
{
    return error_set(err, WT_E_LEDGER,
                     "the ledger %s cannot be %s: %s: name another file with --ledger", path, what,
                     strerror(errno));
}

static void folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(folder, PATH_MAX, ".");
    else
        snprintf(folder, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

bool ledger_at_rest(const char *path)
{
    char folder[PATH_MAX], log[PATH_MAX + 8];
    folder_of(path, folder);
    snprintf(log, sizeof log, "%s-wal", path);
    struct stat st;
    return faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS) && stat(log, &st) && errno == ENOENT;
}

/* There is no file yet: is there a folder to make it in? */
static int check_parent(const char *path, unsigned flags, struct wt_error *err)
{
    char folder[PATH_MAX];
    folder_of(path, folder);
    struct stat st;
    if (stat(folder, &st) == 0) {
        if (!S_ISDIR(st.st_mode))
            return error_set(err, WT_E_LEDGER, "the ledger %s cannot be made: %s is not a folder",
                             path, folder);
        return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) ? cannot("made", path, err) : 0;
    }
    if (errno == ENOENT && (flags & LEDGER_MAKE_PARENT)) {
        int rc = file_private_folder(folder, 1, err);
        if (rc == 0)
            return 0;
        error_prefix(err, "the ledger %s cannot be made", path);
        if (err)
            err->code = WT_E_LEDGER;
        return WT_E_LEDGER;
    }
    if (errno == ENOENT)
        return error_set(err, WT_E_LEDGER,
                         "the ledger %s cannot be made: the folder %s does not exist: make it, or "
                         "name another file with --ledger",
                         path, folder);
    return cannot("reached", path, err);
}

int ledger_check_path(const char *path, unsigned flags, struct wt_error *err)
{
    if (!path || !path[0])
        return error_set(err, WT_E_LEDGER,
                         "the path of the ledger is empty: name a file with --ledger");
    if (!strncmp(path, "postgresql://", 13) ||
        !strncmp(path, "postgres://", 11)) /* not repeated: may hold a password */
        return error_set(
            err, WT_E_LEDGER,
            "this wattune keeps its ledger in a file, not on a PostgreSQL server: name "
            "a file with --ledger");
    if (strlen(path) + 16 >= PATH_MAX)
        return error_set(err, WT_E_LEDGER, "the path of the ledger, %.200s..., is too long", path);
    struct stat st;
    if (stat(path, &st)) {
        if (errno != ENOENT)
            return cannot("reached", path, err);
        if (flags & LEDGER_READ_ONLY)
            return error_set(err, WT_E_NOT_FOUND,
                             "there is no ledger %s yet: the first wattune run makes it", path);
        return check_parent(path, flags, err);
    }
    if (S_ISDIR(st.st_mode))
        return error_set(err, WT_E_LEDGER, "%s is a folder: name a file in it with --ledger", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, WT_E_LEDGER,
                         "%s is not a regular file: name another one with --ledger", path);
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS))
        return cannot("read", path, err);
    if (!(flags & LEDGER_READ_ONLY) && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS))
        return cannot("written", path, err);
    return 0;
}
