/* SPDX-License-Identifier: Apache-2.0
 *
 * Words for the person at the terminal.  A line is written with one write(), so that lines of
 * several processes do not mix, and control characters of names we were given are shown as '?'.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum log_level shown = LOG_NOTE;

void log_set_level(enum log_level most)
{
    shown = most;
}

bool log_shows(enum log_level level)
{
    return level <= shown;
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > shown)
        return;
    static const char *const prefixes[] = {
        "wattune: error: ", "wattune: warning: ", "wattune: ", "wattune: "};
    char line[1024];
    size_t n = strlen(prefixes[level]);
    memcpy(line, prefixes[level], n);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + n, sizeof line - n - 1, format, args);
    va_end(args);
    size_t end = more < 0 ? n : n + (size_t)more;
    if (end > sizeof line - 2)
        end = sizeof line - 2;
    for (size_t i = n; i < end; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[end++] = '\n';
    int kept = errno;
    ssize_t written = write(STDERR_FILENO, line, end);
    (void)written; /* nobody to tell when standard error is gone */
    errno = kept;
}
