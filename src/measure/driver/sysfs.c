/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files of /sys.  Each read opens the file anew: a zone that went and came back has a new
 * file behind the name.
 */
#include "measure/driver/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"

static int code_of(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return WT_E_NO_PERMISSION;
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ENXIO:
        return WT_E_DEVICE_LOST;
    default:
        return WT_E_IO;
    }
}

int sysfs_read_line(const char *path, char text[], size_t size, struct wt_error *err)
{
    char bytes[256];
    /* A pipe in a tree that somebody made must not hold us up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, code_of(errno), "read %s: %s", path, strerror(errno));
    ssize_t n;
    do
        n = read(fd, bytes, sizeof bytes - 1);
    while (n < 0 && errno == EINTR);
    int error = errno;
    close(fd);
    if (n < 0)
        return error_set(err, code_of(error), "read %s: %s", path, strerror(error));
    bytes[n] = '\0';
    size_t length = strcspn(bytes, "\n");
    if (length >= size || length == sizeof bytes - 1)
        return error_set(err, WT_E_RANGE, "read %s: its line is too long", path);
    memcpy(text, bytes, length);
    text[length] = '\0';
    return 0;
}

int sysfs_read_u64(const char *path, uint64_t *value, struct wt_error *err)
{
    char text[32];
    int rc = sysfs_read_line(path, text, sizeof text, err);
    if (rc)
        return rc;
    if (parse_u64(text, 0, UINT64_MAX, value))
        return error_set(err, WT_E_PARSE, "read %s: \"%.31s\" is not a whole number", path, text);
    return 0;
}
