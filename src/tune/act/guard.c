/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard.  The order of steps is the point of this file: at every instant either the device has
 * the settings it was found with, or the journal on disk says which those were and which values may
 * have been written since.  Killed between any two lines, the next guard_recover() puts the right
 * values back.
 */
#include "tune/act/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tune/act/journal.h"
#include "tune/act/knob.h"

struct lease {
    char uuid[WT_UUID_LEN];
    int lock_fd;
    bool taken[WT_KNOBS], recovered[WT_KNOBS]; /* recovered: as the lease began */
    struct journal_entry entry; /* found and written of every knob taken; owed: it is on disk */
};

struct guard {
    struct guard_finder finder;
    char folder[512];
    char holder[80];
    struct guard_range clock_found;
    unsigned lease_count;
    struct lease leases[WT_MAX_DEVICES];
};

int guard_new(struct guard_finder finder, const char *folder, const char *holder,
              struct guard **out, struct wt_error *err)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (!guard)
        return error_set(err, WT_E_NO_MEMORY, "make a guard: out of memory");
    guard->finder = finder;
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

void guard_clock_found(struct guard *guard, struct guard_range mhz)
{
    guard->clock_found = mhz;
}

static struct lease *lease_of(struct guard *guard, const struct wt_device *device)
{
    for (unsigned i = 0; i < guard->lease_count; i++)
        if (strcmp(guard->leases[i].uuid, device->uuid) == 0)
            return &guard->leases[i];
    return NULL;
}

static struct lease *lease_for(struct guard *guard, const struct wt_device *device,
                               enum wt_knob knob)
{
    struct lease *lease = lease_of(guard, device);
    return lease && lease->taken[knob] ? lease : NULL;
}

/* --- Restoring --- */

static bool owes(const struct journal_entry *entry)
{
    for (unsigned k = 0; k < WT_KNOBS; k++)
        if (entry->debts[k].owed)
            return true;
    return false;
}

/* The entry on disk becomes `entry`; none when it owes nothing. */
static int keep_entry(struct guard *guard, enum journal_version version,
                      const struct journal_entry *entry, struct wt_error *err)
{
    if (!owes(entry))
        return journal_remove(guard->folder, entry->uuid, version, err);
    return journal_write(guard->folder, entry, err);
}

static int recover_knob(struct guard *guard, const struct wt_device *device, enum wt_knob knob,
                        struct journal_entry *entry, enum guard_outcome *outcome,
                        struct wt_error *err)
{
    struct target target;
    int rc = knob_aim(guard->finder, device, knob, &target, err);
    if (rc == 0 && knob_is_possible(&target, &entry->debts[knob]))
        rc = knob_put_back(&target, &entry->debts[knob], outcome, err);
    if (rc == 0)
        entry->debts[knob] = (struct journal_debt){0};
    return rc;
}

/* Settles the entry of one version; the lock is held.  Each knob gets its turn, also after the
 * failure of another. */
static int recover_version(struct guard *guard, const struct wt_device *device,
                           enum journal_version version, enum guard_outcome outcomes[WT_KNOBS],
                           struct wt_error *err)
{
    struct journal_entry entry;
    bool changed = false;
    int rc = journal_read(guard->folder, device->uuid, version, &entry, err);
    if (rc == WT_E_NOT_FOUND)
        return 0;
    if (rc == WT_E_PARSE)
        return journal_remove(guard->folder, device->uuid, version, err);
    if (rc)
        return rc;
    for (unsigned k = 0; k < WT_KNOBS; k++) {
        struct wt_error knob_err;
        if (!entry.debts[k].owed)
            continue;
        int knob_rc = recover_knob(guard, device, k, &entry, &outcomes[k], &knob_err);
        changed |= knob_rc == 0;
        if (knob_rc && rc == 0) {
            rc = knob_rc;
            if (err)
                *err = knob_err;
        }
    }
    if (!changed)
        return rc;
    int kept = keep_entry(guard, version, &entry, rc ? NULL : err);
    for (unsigned k = 0; kept && k < WT_KNOBS; k++) /* a later call settles these again */
        outcomes[k] = GUARD_NOTHING;
    return rc ? rc : kept;
}

/* The older version's entry is the younger one, see journal.h. */
static int recover_locked(struct guard *guard, const struct wt_device *device,
                          enum guard_outcome outcomes[WT_KNOBS], struct wt_error *err)
{
    int rc = recover_version(guard, device, JOURNAL_LIMIT, outcomes, err);
    return rc ? rc : recover_version(guard, device, JOURNAL_SETTING, outcomes, err);
}

/* Says before any lock is taken which knobs an entry names; WT_E_NOT_FOUND: there is none. */
static int look_for_debts(struct guard *guard, const struct wt_device *device, bool owed[WT_KNOBS],
                          struct wt_error *err)
{
    int found = WT_E_NOT_FOUND;
    for (unsigned v = JOURNAL_LIMIT; v <= JOURNAL_SETTING; v++) {
        struct journal_entry entry = {0};
        int rc = journal_read(guard->folder, device->uuid, v, &entry, err);
        if (rc && rc != WT_E_NOT_FOUND && rc != WT_E_PARSE)
            return rc;
        if (rc != WT_E_NOT_FOUND)
            found = 0;
        for (unsigned k = 0; rc == 0 && k < WT_KNOBS; k++)
            owed[k] |= entry.debts[k].owed;
    }
    return found;
}

int guard_recover(struct guard *guard, const struct wt_device *device,
                  enum guard_outcome outcomes[WT_KNOBS], struct wt_error *err)
{
    int lock_fd;
    bool owed[WT_KNOBS] = {false};
    for (unsigned k = 0; k < WT_KNOBS; k++)
        outcomes[k] = GUARD_NOTHING;
    if (lease_of(guard, device) || !device->uuid[0]) /* a silent device has no entry either */
        return 0;
    int rc = look_for_debts(guard, device, owed, err);
    if (rc)
        return rc == WT_E_NOT_FOUND ? 0 : rc;
    rc = journal_lock(guard->folder, device->uuid, &lock_fd, err);
    if (rc == WT_E_BUSY) {
        for (unsigned k = 0; k < WT_KNOBS; k++)
            outcomes[k] = owed[k] ? GUARD_HELD : GUARD_NOTHING;
        return 0;
    }
    if (rc)
        return rc;
    journal_sign(lock_fd, guard->holder);
    rc = recover_locked(guard, device, outcomes, err);
    close(lock_fd);
    return rc;
}

/* --- Leases --- */

/* Opens the lease of a device, with nothing taken yet. */
static int open_lease(struct guard *guard, const struct wt_device *device, struct lease **out,
                      struct wt_error *err)
{
    enum guard_outcome outcomes[WT_KNOBS] = {GUARD_NOTHING};
    if (guard->lease_count == WT_MAX_DEVICES)
        return error_set(err, WT_E_RANGE, "more than %d leases", WT_MAX_DEVICES);
    struct lease *lease = &guard->leases[guard->lease_count];
    *lease = (struct lease){0};
    int rc = journal_lock(guard->folder, device->uuid, &lease->lock_fd, err);
    if (rc)
        return rc;
    journal_sign(lease->lock_fd, guard->holder);
    rc = recover_locked(guard, device, outcomes, err);
    if (rc == 0)
        rc = journal_boot_id(lease->entry.boot_id, err);
    if (rc) {
        close(lease->lock_fd);
        return rc;
    }
    snprintf(lease->uuid, sizeof lease->uuid, "%s", device->uuid);
    snprintf(lease->entry.uuid, sizeof lease->entry.uuid, "%s", device->uuid);
    snprintf(lease->entry.holder, sizeof lease->entry.holder, "%s", guard->holder);
    for (unsigned k = 0; k < WT_KNOBS; k++)
        lease->recovered[k] = outcomes[k] == GUARD_RESTORED;
    guard->lease_count++;
    *out = lease;
    return 0;
}

/* Learns the setting to come back.  Right after our reset of a dead holder's lock, or where the
 * site names its own lock, signs of a lock are not somebody else's. */
static int learn_found(const struct guard *guard, const struct target *target, bool was_reset,
                       struct guard_range *found, struct wt_error *err)
{
    *found = (struct guard_range){0, 0};
    if (target->ops->read)
        return knob_read(target, &found->max, err);
    if (guard->clock_found.max) {
        *found = guard->clock_found;
        if (found->min > found->max)
            return error_set(err, WT_E_RANGE, "clock_found: %u MHz is above %u MHz", found->min,
                             found->max);
        return target->ops->check(target->driver, target->device, found->max, err);
    }
    return was_reset || !target->ops->is_free
               ? 0
               : target->ops->is_free(target->driver, target->device, err);
}

/* Gives back a lease that holds nothing: always the newest. */
static void drop_lease(struct guard *guard, struct lease *lease)
{
    for (unsigned k = 0; k < WT_KNOBS; k++)
        if (lease->taken[k])
            return;
    close(lease->lock_fd);
    guard->lease_count--;
}

int guard_take(struct guard *guard, const struct wt_device *device, enum wt_knob knob,
               struct wt_setting *found, struct wt_error *err)
{
    struct guard_range range;
    struct target target;
    int rc = knob_aim(guard->finder, device, knob, &target, err);
    if (rc)
        return rc;
    if (lease_for(guard, device, knob))
        return error_set(err, WT_E_BUSY, "the lease of GPU %u is ours already", device->index);
    struct lease *lease = lease_of(guard, device);
    if (!lease)
        rc = open_lease(guard, device, &lease, err);
    if (rc)
        return rc;
    rc = learn_found(guard, &target, lease->recovered[knob], &range, err);
    if (rc) {
        drop_lease(guard, lease);
        return rc;
    }
    lease->taken[knob] = true;
    lease->entry.debts[knob] = (struct journal_debt){.found = range.max, .found_min = range.min};
    *found = (struct wt_setting){knob, range.max};
    return 0;
}

/* --- Setting --- */

int guard_check_limit(const struct wt_device *device, uint32_t limit_mw, struct wt_error *err)
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

int guard_check(struct guard *guard, const struct wt_device *device, struct wt_setting setting,
                struct wt_error *err)
{
    struct target target;
    int rc = knob_aim(guard->finder, device, setting.knob, &target, err);
    return rc ? rc : target.ops->check(target.driver, device, setting.value, err);
}

/* On disk: the value `there` is by our doing, and may be `value` the next moment. */
static int write_entry(struct guard *guard, struct lease *lease, enum wt_knob knob, uint32_t value,
                       uint32_t there, struct wt_error *err)
{
    struct journal_entry entry = lease->entry;
    struct journal_debt *debt = &entry.debts[knob];
    debt->written[1] = there == debt->found ? 0 : there;
    debt->written[0] = value;
    debt->owed = true;
    int rc = journal_write(guard->folder, &entry, err);
    if (rc == 0)
        lease->entry = entry;
    return rc;
}

/* The value in force; of a knob that cannot be read, the one that we wrote last. */
static int value_now(const struct target *target, const struct journal_debt *debt, uint32_t *now,
                     struct wt_error *err)
{
    *now = debt->owed ? debt->written[0] : debt->found;
    return target->ops->read ? knob_read(target, now, err) : 0;
}

int guard_set(struct guard *guard, const struct wt_device *device, struct wt_setting setting,
              struct wt_error *err)
{
    struct target target;
    uint32_t now;
    int rc = knob_aim(guard->finder, device, setting.knob, &target, err);
    if (rc)
        return rc;
    struct lease *lease = lease_for(guard, device, setting.knob);
    if (!lease)
        return error_set(err, WT_E_INVALID, "the lease of GPU %u was not taken", device->index);
    struct journal_debt *debt = &lease->entry.debts[setting.knob];
    rc = target.ops->check(target.driver, device, setting.value, err);
    if (rc == 0)
        rc = value_now(&target, debt, &now, err);
    if (rc)
        return rc;
    /* The value found is as old as the lease: somebody may have chosen another since, which must
     * not be lost. */
    if (!knob_is_ours(debt, now))
        return error_set(err, WT_E_BUSY, "somebody else has set the %s of GPU %u to %g %s",
                         knob_words[setting.knob].name, device->index,
                         now / knob_words[setting.knob].scale, knob_words[setting.knob].unit);
    rc = write_entry(guard, lease, setting.knob, setting.value, now, err); /* before the device */
    if (rc) {
        error_prefix(err, "journal the %s found on GPU %u", knob_words[setting.knob].name,
                     device->index);
        return rc;
    }
    rc = knob_write(&target, setting.value, &now, err);
    /* A driver that rounds has set a value that nobody asked for: it is ours to put back all the
     * same, and our own restore knows it even where the disk is full now. */
    if (rc == WT_E_IGNORED && !knob_is_ours(debt, now) &&
        write_entry(guard, lease, setting.knob, setting.value, now, NULL))
        debt->written[1] = now;
    return rc;
}

int guard_restore(struct guard *guard, const struct wt_device *device, enum wt_knob knob,
                  enum guard_outcome *outcome, struct wt_error *err)
{
    struct target target;
    struct lease *lease = lease_for(guard, device, knob);
    enum guard_outcome done = GUARD_NOTHING;
    *outcome = GUARD_NOTHING;
    if (!lease || !lease->entry.debts[knob].owed)
        return 0;
    struct journal_debt *debt = &lease->entry.debts[knob];
    int rc = knob_aim(guard->finder, device, knob, &target, err);
    if (rc == 0)
        rc = knob_put_back(&target, debt, &done, err);
    if (rc)
        return rc;
    struct journal_entry entry = lease->entry;
    entry.debts[knob].owed = false;
    rc = keep_entry(guard, JOURNAL_SETTING, &entry, err);
    if (rc)
        return rc;
    debt->owed = false;
    debt->written[0] = debt->written[1] = 0;
    *outcome = done;
    return 0;
}

bool guard_may_pass(int rc)
{
    static const int lasting[] = {WT_E_DEVICE_LOST,   WT_E_NO_DEVICE, WT_E_NO_PERMISSION,
                                  WT_E_NOT_SUPPORTED, WT_E_IGNORED,   WT_E_VERSION};
    for (unsigned i = 0; i < sizeof lasting / sizeof lasting[0]; i++)
        if (lasting[i] == rc)
            return false;
    return true;
}

/* A dead holder's debt for this knob is settled: a setting made by hand is the one that later
 * leases return to. */
static int forget_debt(struct guard *guard, const struct wt_device *device, enum wt_knob knob,
                       struct wt_error *err)
{
    for (unsigned v = JOURNAL_LIMIT; v <= JOURNAL_SETTING; v++) {
        struct journal_entry entry;
        int rc = journal_read(guard->folder, device->uuid, v, &entry, err);
        if (rc == WT_E_NOT_FOUND)
            continue;
        if (rc == 0 && entry.debts[knob].owed) {
            entry.debts[knob].owed = false;
            rc = keep_entry(guard, v, &entry, err);
        } else if (rc == WT_E_PARSE) {
            rc = journal_remove(guard->folder, device->uuid, v, err);
        }
        if (rc)
            return rc;
    }
    return 0;
}

int guard_set_for_good(struct guard *guard, const struct wt_device *device,
                       struct wt_setting setting, struct wt_error *err)
{
    struct target target;
    uint32_t now;
    int lock_fd, rc = guard_check(guard, device, setting, err);
    if (rc == 0)
        rc = knob_aim(guard->finder, device, setting.knob, &target, err);
    if (rc == 0)
        rc = journal_lock(guard->folder, device->uuid, &lock_fd, err);
    if (rc)
        return rc;
    journal_sign(lock_fd, guard->holder);
    rc = knob_write(&target, setting.value, &now, err);
    if (rc == 0)
        rc = forget_debt(guard, device, setting.knob, err);
    close(lock_fd);
    return rc;
}
