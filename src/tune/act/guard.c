/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard.  The order of steps is the point of this file: at every instant either the device has
 * the limit it was found with, or the journal on disk says which one that was and which ones may
 * have been written since.  Killed between any two lines, the next guard_recover() puts the right
 * value back.
 */
#include "tune/act/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tune/act/journal.h"

struct lease {
    char uuid[WT_UUID_LEN];
    int lock_fd;
    bool journaled;
    struct journal_entry entry;
};

struct guard {
    const struct guard_device_ops *ops;
    void *driver;
    char folder[512];
    char holder[80];
    unsigned lease_count;
    struct lease leases[WT_MAX_DEVICES];
};

int guard_new(const struct guard_device_ops *ops, void *driver, const char *folder,
              const char *holder, struct guard **out, struct wt_error *err)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (!guard)
        return error_set(err, WT_E_NO_MEMORY, "make a guard: out of memory");
    guard->ops = ops;
    guard->driver = driver;
    if ((size_t)snprintf(guard->folder, sizeof guard->folder, "%s", folder) >=
        sizeof guard->folder) {
        free(guard);
        return error_set(err, WT_E_RANGE, "the path %.100s... is too long", folder);
    }
    snprintf(guard->holder, sizeof guard->holder, "%s", holder);
    for (char *c = guard->holder; *c; c++) /* a line of the journal, and words on a terminal */
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    *out = guard;
    return 0;
}

struct guard *guard_close(struct guard *guard)
{
    if (guard) {
        for (unsigned i = 0; i < guard->lease_count; i++)
            close(guard->leases[i].lock_fd);
        free(guard);
    }
    return NULL;
}

static struct lease *find(struct guard *guard, const struct wt_device *device)
{
    for (unsigned i = 0; i < guard->lease_count; i++)
        if (strcmp(guard->leases[i].uuid, device->uuid) == 0)
            return &guard->leases[i];
    return NULL;
}

/* Puts back what `entry` says, if the limit in force is one that its holder wrote; removes the
 * entry when all is well. */
static int put_back(struct guard *guard, const struct wt_device *device,
                    const struct journal_entry *entry, enum guard_outcome *outcome,
                    struct wt_error *err)
{
    uint32_t now_mw;
    int rc = guard->ops->get_limit_mw(guard->driver, device->index, &now_mw, err);
    if (rc)
        return rc;
    enum guard_outcome done = GUARD_RESTORED;
    if (now_mw != entry->found_mw) {
        done = GUARD_CHANGED_BY_OTHERS;
        if (now_mw == entry->written_mw[0] || now_mw == entry->written_mw[1]) {
            rc = guard->ops->set_limit_mw(guard->driver, device->index, entry->found_mw, err);
            if (rc == 0)
                rc = guard->ops->get_limit_mw(guard->driver, device->index, &now_mw, err);
            if (rc == 0 && now_mw != entry->found_mw)
                rc = error_set(
                    err, WT_E_IGNORED,
                    "restore the power limit of GPU %u to %g W: the driver confirms it, but "
                    "the limit is still %g W",
                    device->index, entry->found_mw / 1000.0, now_mw / 1000.0);
            if (rc)
                return rc;
            done = GUARD_RESTORED;
        }
    }
    rc = journal_remove(guard->folder, device->uuid, err);
    if (rc == 0)
        *outcome = done;
    return rc;
}

static int recover_locked(struct guard *guard, const struct wt_device *device,
                          enum guard_outcome *outcome, struct wt_error *err)
{
    struct journal_entry entry;
    *outcome = GUARD_NOTHING;
    int rc = journal_read(guard->folder, device->uuid, &entry, err);
    if (rc)
        return rc == WT_E_NOT_FOUND ? 0 : rc;
    /* A limit that this device cannot have had was not found on it: no entry of ours. */
    if (guard_check(device, entry.found_mw, NULL) == WT_E_RANGE)
        return journal_remove(guard->folder, device->uuid, err);
    return put_back(guard, device, &entry, outcome, err);
}

int guard_recover(struct guard *guard, const struct wt_device *device, enum guard_outcome *outcome,
                  struct wt_error *err)
{
    int lock_fd;
    *outcome = GUARD_NOTHING;
    struct journal_entry entry;
    if (find(guard, device) || !device->uuid[0]) /* one that does not answer has no entry either */
        return 0;
    int rc = journal_read(guard->folder, device->uuid, &entry, err);
    if (rc)
        return rc == WT_E_NOT_FOUND ? 0 : rc;
    rc = journal_lock(guard->folder, device->uuid, &lock_fd, err);
    if (rc == WT_E_BUSY) {
        *outcome = GUARD_HELD;
        return 0;
    }
    if (rc)
        return rc;
    journal_sign(lock_fd, guard->holder);
    rc = recover_locked(guard, device, outcome, err);
    close(lock_fd);
    return rc;
}

int guard_take(struct guard *guard, const struct wt_device *device, uint32_t *found_mw,
               struct wt_error *err)
{
    if (find(guard, device))
        return error_set(err, WT_E_BUSY, "the lease of GPU %u is ours already", device->index);
    if (guard->lease_count == WT_MAX_DEVICES)
        return error_set(err, WT_E_RANGE, "more than %d leases", WT_MAX_DEVICES);
    struct lease *lease = &guard->leases[guard->lease_count];
    *lease = (struct lease){0};
    int rc = journal_lock(guard->folder, device->uuid, &lease->lock_fd, err);
    if (rc)
        return rc;
    journal_sign(lease->lock_fd, guard->holder);
    enum guard_outcome outcome;
    uint32_t now_mw;
    rc = recover_locked(guard, device, &outcome, err);
    if (rc == 0)
        rc = journal_boot_id(lease->entry.boot_id, err);
    if (rc == 0)
        rc = guard->ops->get_limit_mw(guard->driver, device->index, &now_mw, err);
    if (rc) {
        close(lease->lock_fd);
        return rc;
    }
    snprintf(lease->uuid, sizeof lease->uuid, "%s", device->uuid);
    snprintf(lease->entry.uuid, sizeof lease->entry.uuid, "%s", device->uuid);
    snprintf(lease->entry.holder, sizeof lease->entry.holder, "%s", guard->holder);
    lease->entry.found_mw = now_mw;
    guard->lease_count++;
    *found_mw = now_mw;
    return 0;
}

int guard_check(const struct wt_device *device, uint32_t limit_mw, struct wt_error *err)
{
    if (device->limit_max_mw == 0)
        return error_set(err, WT_E_NOT_SUPPORTED,
                         "GPU %u (%s) does not tell its range of power limits, so none is set",
                         device->index, device->name);
    if (limit_mw < device->limit_min_mw || limit_mw > device->limit_max_mw)
        return error_set(err, WT_E_RANGE, "%g W is outside the power limits of GPU %u, %g to %g W",
                         limit_mw / 1000.0, device->index, device->limit_min_mw / 1000.0,
                         device->limit_max_mw / 1000.0);
    return 0;
}

/* *now_mw: the limit that is there afterwards; meaningful with 0 and WT_E_IGNORED. */
static int write_and_read_back(struct guard *guard, const struct wt_device *device,
                               uint32_t limit_mw, uint32_t *now_mw, struct wt_error *err)
{
    int rc = guard->ops->set_limit_mw(guard->driver, device->index, limit_mw, err);
    if (rc == 0)
        rc = guard->ops->get_limit_mw(guard->driver, device->index, now_mw, err);
    if (rc == 0 && *now_mw != limit_mw)
        rc =
            error_set(err, WT_E_IGNORED,
                      "set power limit of GPU %u to %g W: the driver confirms it, but the limit is "
                      "%g W",
                      device->index, limit_mw / 1000.0, *now_mw / 1000.0);
    return rc;
}

/* True for a limit that is there by our doing: the one found, or one that we may have written. */
static bool is_ours(const struct journal_entry *entry, uint32_t limit_mw)
{
    return limit_mw == entry->found_mw || limit_mw == entry->written_mw[0] ||
           limit_mw == entry->written_mw[1];
}

/* On disk: the limit is there_mw by our doing, and may be limit_mw the next moment. */
static int write_entry(struct guard *guard, struct lease *lease, uint32_t limit_mw,
                       uint32_t there_mw, struct wt_error *err)
{
    struct journal_entry entry = lease->entry;
    entry.written_mw[1] = there_mw == entry.found_mw ? 0 : there_mw;
    entry.written_mw[0] = limit_mw;
    int rc = journal_write(guard->folder, &entry, err);
    if (rc)
        return rc;
    lease->entry = entry;
    lease->journaled = true;
    return 0;
}

int guard_set(struct guard *guard, const struct wt_device *device, uint32_t limit_mw,
              struct wt_error *err)
{
    struct lease *lease = find(guard, device);
    uint32_t now_mw;
    if (!lease)
        return error_set(err, WT_E_INVALID, "the lease of GPU %u was not taken", device->index);
    int rc = guard_check(device, limit_mw, err);
    if (rc == 0)
        rc = guard->ops->get_limit_mw(guard->driver, device->index, &now_mw, err);
    if (rc)
        return rc;
    /* The value found is as old as the lease: somebody may have chosen another since, which must
     * not be lost. */
    if (!is_ours(&lease->entry, now_mw))
        return error_set(err, WT_E_BUSY, "somebody else has set the power limit of GPU %u to %g W",
                         device->index, now_mw / 1000.0);
    rc = write_entry(guard, lease, limit_mw, now_mw, err); /* before it is on the device */
    if (rc) {
        error_prefix(err, "journal the power limit found on GPU %u", device->index);
        return rc;
    }
    rc = write_and_read_back(guard, device, limit_mw, &now_mw, err);
    /* A driver that rounds has set a value that nobody asked for: it is ours to put back all the
     * same, and known to be by our own restore even where the disk is full now. */
    if (rc == WT_E_IGNORED && !is_ours(&lease->entry, now_mw) &&
        write_entry(guard, lease, limit_mw, now_mw, NULL))
        lease->entry.written_mw[1] = now_mw;
    return rc;
}

int guard_restore(struct guard *guard, const struct wt_device *device, enum guard_outcome *outcome,
                  struct wt_error *err)
{
    struct lease *lease = find(guard, device);
    *outcome = GUARD_NOTHING;
    if (!lease || !lease->journaled)
        return 0;
    int rc = put_back(guard, device, &lease->entry, outcome, err);
    if (rc == 0) {
        lease->journaled = false;
        lease->entry.written_mw[0] = lease->entry.written_mw[1] = 0;
    }
    return rc;
}

bool guard_may_pass(int rc)
{
    static const int lasting[] = {WT_E_DEVICE_LOST, WT_E_NO_DEVICE, WT_E_NO_PERMISSION,
                                  WT_E_NOT_SUPPORTED, WT_E_IGNORED};
    for (unsigned i = 0; i < sizeof lasting / sizeof lasting[0]; i++)
        if (lasting[i] == rc)
            return false;
    return true;
}

int guard_set_for_good(struct guard *guard, const struct wt_device *device, uint32_t limit_mw,
                       struct wt_error *err)
{
    int lock_fd, rc = guard_check(device, limit_mw, err);
    uint32_t now_mw;
    if (rc == 0)
        rc = journal_lock(guard->folder, device->uuid, &lock_fd, err);
    if (rc)
        return rc;
    journal_sign(lock_fd, guard->holder);
    /* What a dead holder left is settled by this: the limit set by hand is what later leases return
     * to. */
    rc = write_and_read_back(guard, device, limit_mw, &now_mw, err);
    if (rc == 0)
        rc = journal_remove(guard->folder, device->uuid, err);
    close(lock_fd);
    return rc;
}
