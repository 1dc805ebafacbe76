/* SPDX-License-Identifier: Apache-2.0
 *
 * Relaying.
 */
#include "run/process/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"

/* CAPACITY: the largest pipe that a user may make, so that a command's last words have room. */
enum { CAPACITY = 1 << 20, ONE_READ = 16384, ONE_TURN = 65536 };

int relay_open(struct relay *relay, int ours, int *theirs)
{
    int pair[2];
    struct winsize size = {0};
    char *bytes = malloc(CAPACITY);
    if (!bytes)
        return -1;
    if (isatty(ours)) {
        if (openpty(&pair[0], &pair[1], NULL, NULL, NULL)) {
            free(bytes);
            return -1;
        }
        if (ioctl(ours, TIOCGWINSZ, &size) == 0)
            ioctl(pair[1], TIOCSWINSZ, &size);
        fcntl(pair[0], F_SETFD, FD_CLOEXEC);
        fcntl(pair[1], F_SETFD, FD_CLOEXEC);
        /* The terminal behind ours turns a newline into two characters already. */
        struct termios mode;
        if (tcgetattr(pair[1], &mode) == 0) {
            mode.c_oflag &= ~(tcflag_t)OPOST;
            tcsetattr(pair[1], TCSANOW, &mode);
        }
    } else if (pipe2(pair, O_CLOEXEC)) {
        free(bytes);
        return -1;
    }
    for (unsigned i = 0; i < 2; i++)
        pair[i] = file_above_standard(pair[i]);
    if (pair[0] < 0 || pair[1] < 0) {
        int why = errno;
        for (unsigned i = 0; i < 2; i++)
            if (pair[i] >= 0)
                close(pair[i]);
        free(bytes);
        errno = why;
        return -1;
    }
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    *relay = (struct relay){.from = pair[0], .to = ours, .size = size, .bytes = bytes};
    *theirs = pair[1];
    return 0;
}

static void end_reading(struct relay *relay)
{
    if (relay->from >= 0)
        close(relay->from);
    relay->from = -1;
}

void relay_close(struct relay *relay)
{
    end_reading(relay);
    free(relay->bytes);
    relay->bytes = NULL;
    relay->begin = relay->end = 0;
}

bool relay_has_rest(const struct relay *relay)
{
    return relay->begin < relay->end;
}

bool relay_wants(const struct relay *relay, struct pollfd *fd)
{
    if (relay_has_rest(relay))
        *fd = (struct pollfd){.fd = relay->to, .events = POLLOUT};
    else
        *fd = (struct pollfd){.fd = relay->from, .events = POLLIN};
    return fd->fd >= 0;
}

/* False when there is nothing to read now. */
static bool read_some(struct relay *relay, size_t most, relay_see see, void *ctx)
{
    ssize_t n = read(relay->from, relay->bytes + relay->end, most);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n <= 0) { /* a pseudo-terminal ends with EIO */
        end_reading(relay);
        return false;
    }
    see(ctx, relay->bytes + relay->end, (size_t)n);
    relay->end += (size_t)n;
    return true;
}

/* Our streams are shared with others, so they cannot be made non-blocking; a pipe that is ready
 * takes PIPE_BUF bytes without waiting.  False when the reader has to be waited for. */
static bool write_some(struct relay *relay)
{
    struct pollfd ready = {.fd = relay->to, .events = POLLOUT};
    size_t length = relay->end - relay->begin;
    if (poll(&ready, 1, 0) == 0)
        return false;
    ssize_t n =
        write(relay->to, relay->bytes + relay->begin, length < PIPE_BUF ? length : PIPE_BUF);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n < 0 && errno == EPIPE) /* our reader is gone: let the command see the same */
        end_reading(relay);
    if (n < 0) /* also a full disk below a log: these bytes are lost, the training is not */
        relay->begin = relay->end = 0;
    else
        relay->begin += (size_t)n;
    return true;
}

void relay_move(struct relay *relay, relay_see see, void *ctx)
{
    for (size_t turn = 0; turn < ONE_TURN; turn += PIPE_BUF) {
        if (relay->begin == relay->end) {
            relay->begin = relay->end = 0;
            if (relay->from < 0 || !read_some(relay, ONE_READ, see, ctx))
                return;
        }
        if (!write_some(relay))
            return;
    }
}

void relay_read_rest(struct relay *relay, relay_see see, void *ctx)
{
    if (relay->begin)
        memmove(relay->bytes, relay->bytes + relay->begin, relay->end - relay->begin);
    relay->end -= relay->begin;
    relay->begin = 0;
    while (relay->from >= 0 && relay->end < CAPACITY &&
           read_some(relay, CAPACITY - relay->end, see, ctx))
        ;
    end_reading(relay);
}

bool relay_follow_size(struct relay *relay)
{
    struct winsize size;
    if (relay->from < 0 || ioctl(relay->to, TIOCGWINSZ, &size) ||
        memcmp(&size, &relay->size, sizeof size) == 0)
        return false;
    relay->size = size;
    return ioctl(relay->from, TIOCSWINSZ, &size) == 0;
}
