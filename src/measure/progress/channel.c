/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor's end of the channel: the file, and copying slots out of it while they are being
 * written. Their meaning is up to channel_merge.c.
 */
#include "measure/progress/channel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "measure/progress/channel_layout.h"
#include "measure/progress/channel_merge.h"

#define NAME_PREFIX "wattune-"
enum { NAME_DIGITS = 16 };

struct channel {
    int fd;
    char path[PATH_MAX];
    int64_t created_ns; /* CLOCK_MONOTONIC */
    struct channel_merged merged;
    struct wt_progress progress;             /* the last answer */
    struct channel_slot kept[CHANNEL_SLOTS]; /* the last whole copy of each slot */
    struct channel_slot before[CHANNEL_SLOTS], after[CHANNEL_SLOTS];
};

/* A file that a killed supervisor left: nobody holds its lock. */
static bool is_left(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           st.st_size == sizeof(struct channel_file) && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Removes files that killed supervisors left in the folder, as far as we may. */
static void sweep(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (strncmp(entry->d_name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0 ||
            strspn(entry->d_name + strlen(NAME_PREFIX), "0123456789abcdef") != NAME_DIGITS ||
            strlen(entry->d_name) != strlen(NAME_PREFIX) + NAME_DIGITS)
            continue;
        int fd = openat(dirfd(dir), entry->d_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (is_left(fd))
            unlinkat(dirfd(dir), entry->d_name, 0);
        close(fd);
    }
    closedir(dir);
}

static int try_folder(struct channel *channel, const char *folder)
{
    uint64_t name;
    sweep(folder);
    if (getrandom(&name, sizeof name, 0) != sizeof name)
        return -1;
    if ((size_t)snprintf(channel->path, sizeof channel->path, "%s/" NAME_PREFIX "%016" PRIx64,
                         folder, name) >= sizeof channel->path)
        return -1;
    /* Locked before it has its name, and for as long as we live: who finds it unlocked knows that
     * we were killed. */
    char fresh[PATH_MAX + 8];
    snprintf(fresh, sizeof fresh, "%s.new", channel->path);
    channel->fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (channel->fd < 0)
        return -1;
    if (flock(channel->fd, LOCK_SH) == 0 && rename(fresh, channel->path) == 0)
        return 0;
    unlink(fresh);
    close(channel->fd);
    channel->fd = -1;
    return -1;
}

/* Our own runtime folder is closed to the user that training may run as. */
static int open_somewhere(struct channel *channel, uid_t owner)
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    if (runtime && runtime[0] == '/' && owner == geteuid() && try_folder(channel, runtime) == 0)
        return 0;
    return try_folder(channel, "/dev/shm") == 0 ? 0 : try_folder(channel, "/tmp");
}

/* Space is taken now: on a full tmpfs a write through a mapping would kill the training. */
static int prepare(const struct channel *channel, uid_t owner)
{
    const struct channel_header header = {
        .magic = CHANNEL_MAGIC, .version = CHANNEL_VERSION, .slot_count = CHANNEL_SLOTS};
    int rc = posix_fallocate(channel->fd, 0, sizeof(struct channel_file));
    if (rc) {
        errno = rc;
        return -1;
    }
    if (pwrite(channel->fd, &header, sizeof header, 0) != sizeof header ||
        fchmod(channel->fd, 0600))
        return -1;
    return owner == geteuid() ? 0 : fchown(channel->fd, owner, (gid_t)-1);
}

int channel_create(struct channel **made, uid_t owner, struct wt_error *err)
{
    struct channel *channel = calloc(1, sizeof *channel);
    if (!channel)
        return error_set(err, WT_E_NO_MEMORY, "make the progress channel: out of memory");
    channel->fd = -1;
    channel->created_ns = clock_monotonic_ns();
    channel->progress.metric = NAN;
    channel->merged.metric = NAN;
    if (open_somewhere(channel, owner) || prepare(channel, owner)) {
        error_set(err, WT_E_IO, "make the progress channel %s: %s", channel->path, strerror(errno));
        channel_close(channel);
        return WT_E_IO;
    }
    *made = channel;
    return 0;
}

const char *channel_path(const struct channel *channel)
{
    return channel->path;
}

struct channel *channel_close(struct channel *channel)
{
    if (!channel)
        return NULL;
    if (channel->fd >= 0) {
        unlink(channel->path);
        close(channel->fd);
    }
    free(channel);
    return NULL;
}

int channel_request_stop(struct channel *channel, struct wt_error *err)
{
    const uint32_t stop = 1;
    off_t at = offsetof(struct channel_file, header.stop);
    if (pwrite(channel->fd, &stop, sizeof stop, at) != sizeof stop)
        return error_set(err, WT_E_IO, "ask the training to stop: %s", strerror(errno));
    return 0;
}

static int read_exactly(const struct channel *channel, void *bytes, size_t size, off_t at,
                        struct wt_error *err)
{
    ssize_t n = pread(channel->fd, bytes, size, at);
    if (n < 0)
        return error_set(err, WT_E_IO, "read the progress channel: %s", strerror(errno));
    if ((size_t)n != size)
        return error_set(err, WT_E_IO, "the training command cut its progress channel short");
    return 0;
}

/* Takes the parts of a slot that are whole.  A sequence that is even and the same in two reads, one
 * after the other, frames values that nobody changed in between.  One that stays odd is a writer
 * that was stopped halfway: its last whole values stay.  One that still moves after several reads
 * steps faster than we read; then a count and a time that are one such step apart do no harm. */
static void keep_whole(struct channel_slot *kept, const struct channel_slot *before,
                       const struct channel_slot *after)
{
    enum { EPOCH = offsetof(struct channel_slot, epoch_sequence) };
    if (before->sequence != after->sequence || !(before->sequence & 1))
        memcpy(kept, before, EPOCH);
    if (before->epoch_sequence != after->epoch_sequence || !(before->epoch_sequence & 1))
        memcpy((char *)kept + EPOCH, (const char *)before + EPOCH, sizeof *kept - EPOCH);
}

static bool all_still(const struct channel *channel, unsigned used)
{
    for (unsigned i = 0; i < used; i++)
        if (channel->before[i].sequence != channel->after[i].sequence ||
            channel->before[i].epoch_sequence != channel->after[i].epoch_sequence)
            return false;
    return true;
}

static int copy_slots(struct channel *channel, unsigned used, struct wt_error *err)
{
    enum { TRIES = 4 };
    size_t size = used * sizeof channel->before[0];
    off_t at = offsetof(struct channel_file, slots);
    int rc = read_exactly(channel, channel->after, size, at, err);
    for (int i = 0; rc == 0 && i < TRIES; i++) {
        memcpy(channel->before, channel->after, size);
        rc = read_exactly(channel, channel->after, size, at, err);
        if (rc == 0 && all_still(channel, used))
            break;
    }
    if (rc)
        return rc;
    for (unsigned i = 0; i < used; i++)
        keep_whole(&channel->kept[i], &channel->before[i], &channel->after[i]);
    return 0;
}

/* Turns the merged slots into a struct wt_progress; a moment is converted once, so that it stays
 * the same. */
static void answer(struct channel *channel, const struct channel_merged *now)
{
    struct channel_merged *last = &channel->merged;
    struct wt_progress *progress = &channel->progress;
    if (now->steps >= last->steps && now->last_ns > last->last_ns) {
        last->last_ns = now->last_ns;
        progress->t_ns = clock_from_monotonic_ns(now->last_ns);
    }
    if (now->steps > last->steps)
        last->steps = progress->steps = now->steps;
    if (now->epochs > last->epochs) {
        last->epochs = progress->epochs = now->epochs;
        if (now->epoch_ns > last->epoch_ns) {
            last->epoch_ns = now->epoch_ns;
            progress->epoch_t_ns = clock_from_monotonic_ns(now->epoch_ns);
        }
        progress->metric = now->metric;
        memcpy(progress->metric_name, now->metric_name, sizeof progress->metric_name);
    }
}

int channel_read(struct channel *channel, struct wt_progress *progress, struct wt_error *err)
{
    struct channel_header header;
    int rc = read_exactly(channel, &header, sizeof header, 0, err);
    if (rc)
        return rc;
    if (header.magic != CHANNEL_MAGIC || header.version != CHANNEL_VERSION)
        return error_set(err, WT_E_PARSE, "the training command overwrote its progress channel");
    unsigned used = header.claimed < CHANNEL_SLOTS ? header.claimed : CHANNEL_SLOTS;
    rc = copy_slots(channel, used, err);
    if (rc)
        return rc;
    struct channel_merged now;
    channel_merge(channel->kept, used, channel->created_ns, clock_monotonic_ns(), &now);
    answer(channel, &now);
    *progress = channel->progress;
    return 0;
}
