/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: bounded reads, atomic writes, private folders.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(struct wt_error *err, const char *what, const char *path)
{
    int code = errno == ENOENT                     ? WT_E_NOT_FOUND
               : errno == EACCES || errno == EPERM ? WT_E_NO_PERMISSION
                                                   : WT_E_IO;
    return error_set(err, code, "%s %s: %s", what, path, strerror(errno));
}

int file_read(const char *path, size_t most, struct buffer *out, struct wt_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return failed(err, "open", path);
    int rc = 0;
    for (;;) {
        char chunk[4096];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = failed(err, "read", path);
        if (n <= 0)
            break;
        if (out->length + (size_t)n > most) {
            rc = error_set(err, WT_E_RANGE, "%s is larger than %zu bytes", path, most);
            break;
        }
        buffer_append(out, chunk, (size_t)n);
    }
    close(fd);
    return rc == 0 && out->failed ? error_set(err, WT_E_NO_MEMORY, "read %s: out of memory", path)
                                  : rc;
}

static int write_all(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

static void parent_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(folder, PATH_MAX, ".");
    else
        snprintf(folder, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static int sync_parent(const char *path)
{
    char folder[PATH_MAX];
    parent_of(path, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    close(fd);
    return rc;
}

int file_write_atomic(const char *path, const char *bytes, size_t length, unsigned mode,
                      struct wt_error *err)
{
    char fresh[PATH_MAX];
    if ((size_t)snprintf(fresh, sizeof fresh, "%s.%ld.new", path, (long)getpid()) >= sizeof fresh)
        return error_set(err, WT_E_RANGE, "the path %.200s... is too long", path);
    unlink(fresh); /* left by a killed process of the same number */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return failed(err, "create", path);
    if (write_all(fd, bytes, length) || fsync(fd)) {
        int rc = failed(err, "write", path);
        close(fd);
        unlink(fresh);
        return rc;
    }
    close(fd);
    if (rename(fresh, path) || sync_parent(path)) {
        int rc = failed(err, "replace", path);
        unlink(fresh);
        return rc;
    }
    return 0;
}

int file_write(const char *path, const char *bytes, size_t length, unsigned mode,
               struct wt_error *err)
{
    struct stat st;
    if (stat(path, &st) || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return file_write_atomic(path, bytes, length, mode, err);
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return failed(err, "open", path);
    int rc = write_all(fd, bytes, length) ? failed(err, "write", path) : 0;
    close(fd);
    return rc;
}

int file_check_writable(const char *path, struct wt_error *err)
{
    char folder[PATH_MAX];
    struct stat st;
    if (!*path)
        return error_set(err, WT_E_INVALID, "the path of the file is empty");
    bool there = stat(path, &st) == 0;
    if (there && S_ISDIR(st.st_mode))
        return error_set(err, WT_E_INVALID, "%s is a folder", path);
    if (there && !S_ISREG(st.st_mode))
        return 0; /* a terminal or a pipe: opening it tells */
    parent_of(path, folder);
    if (stat(folder, &st) && errno == ENOENT)
        return error_set(err, WT_E_NOT_FOUND, "%s cannot be written: the folder %s does not exist",
                         path, folder);
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS))
        return error_set(err, WT_E_NO_PERMISSION, "%s cannot be written: %s", path,
                         strerror(errno));
    return 0;
}

static int make_parents(const char *path)
{
    char part[PATH_MAX];
    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
        return -1;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0700) && errno != EEXIST)
            return -1;
        *slash = '/';
    }
    return 0;
}

int file_private_folder(const char *path, int parents, struct wt_error *err)
{
    if (parents && make_parents(path))
        return failed(err, "make the folders above", path);
    if (mkdir(path, 0700) && errno != EEXIST)
        return failed(err, "make the folder", path);
    struct stat st;
    if (lstat(path, &st))
        return failed(err, "look at", path);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
        return error_set(err, WT_E_NO_PERMISSION,
                         "%s must be a folder of your own that others cannot write to", path);
    return 0;
}

int file_above_standard(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), why = errno;
    close(fd);
    errno = why;
    return moved;
}
