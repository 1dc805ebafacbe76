/* SPDX-License-Identifier: Apache-2.0
 *
 * One knob of one device.
 */
#include "tune/act/knob.h"

const struct knob_words knob_words[WT_KNOBS] = {
    [WT_KNOB_POWER_LIMIT] = {"power limit", "limit", "W", 1000},
    [WT_KNOB_SM_CLOCK_MAX] = {"clock lock", "lock", "MHz", 1},
};

const char *guard_knob_name(enum wt_knob knob)
{
    return knob_words[knob].name;
}

int knob_aim(struct guard_finder finder, const struct wt_device *device, enum wt_knob knob,
             struct target *target, struct wt_error *err)
{
    const struct guard_ops *ops = NULL;
    *target = (struct target){.device = device, .knob = knob};
    if ((unsigned)knob >= WT_KNOBS)
        return error_set(err, WT_E_INVALID, "there is no knob %u", (unsigned)knob);
    int rc = finder.find(finder.ctx, device, &ops, &target->driver, err);
    if (rc)
        return rc;
    target->ops = ops->knobs[knob];
    if (!target->ops)
        return error_set(err, WT_E_NOT_SUPPORTED, "GPU %u (%s) has no %s to set", device->index,
                         device->name, knob_words[knob].name);
    return 0;
}

int knob_read(const struct target *target, uint32_t *value, struct wt_error *err)
{
    return target->ops->read(target->driver, target->device->index, value, err);
}

int knob_write(const struct target *target, uint32_t value, uint32_t *now, struct wt_error *err)
{
    int rc = target->ops->set(target->driver, target->device->index, value, err);
    *now = value;
    if (rc == 0 && target->ops->read)
        rc = knob_read(target, now, err);
    if (rc == 0 && *now != value)
        rc = error_set(err, WT_E_IGNORED,
                       "set %s of GPU %u to %g %s: the driver confirms it, but the %s is %g %s",
                       knob_words[target->knob].name, target->device->index,
                       value / knob_words[target->knob].scale, knob_words[target->knob].unit,
                       knob_words[target->knob].brief, *now / knob_words[target->knob].scale,
                       knob_words[target->knob].unit);
    return rc;
}

bool knob_is_ours(const struct journal_debt *debt, uint32_t value)
{
    return value == debt->found || value == debt->written[0] || value == debt->written[1];
}

int knob_put_back(const struct target *target, const struct journal_debt *debt,
                  enum guard_outcome *outcome, struct wt_error *err)
{
    const struct guard_range found = {debt->found_min, debt->found};
    uint32_t now = 0;
    int rc = target->ops->read ? knob_read(target, &now, err) : 0;
    if (rc)
        return rc;
    *outcome = GUARD_RESTORED;
    if (target->ops->read && !knob_is_ours(debt, now))
        *outcome = GUARD_CHANGED_BY_OTHERS;
    if (target->ops->read && (now == debt->found || *outcome == GUARD_CHANGED_BY_OTHERS))
        return 0;
    rc = target->ops->reset(target->driver, target->device->index, found, err);
    if (rc == 0 && target->ops->read) {
        rc = knob_read(target, &now, err);
        if (rc == 0 && now != debt->found)
            rc = error_set(
                err, WT_E_IGNORED,
                "restore the %s of GPU %u to %g %s: the driver confirms it, but the %s is still "
                "%g %s",
                knob_words[target->knob].name, target->device->index,
                debt->found / knob_words[target->knob].scale, knob_words[target->knob].unit,
                knob_words[target->knob].brief, now / knob_words[target->knob].scale,
                knob_words[target->knob].unit);
    }
    if (rc)
        *outcome = GUARD_NOTHING;
    return rc;
}

bool knob_is_possible(const struct target *target, const struct journal_debt *debt)
{
    bool none = debt->found == 0 && debt->found_min == 0;
    if (debt->found_min > debt->found)
        return false;
    return (none && !target->ops->read) ||
           target->ops->check(target->driver, target->device, debt->found, NULL) != WT_E_RANGE;
}
