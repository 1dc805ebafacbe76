/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of searches, and the sweep: every limit once, from the highest to the lowest, as Zeus's
 * JIT profiler does; then, once more, those whose slice was throttled.  They come last so that the
 * cause (heat, a neighbour on the same supply) has had time to pass.
 */
#include "tune/decide/power_search.h"

#include <limits.h>
#include <string.h>

#include "tune/decide/power_search_adaptive.h"
#include "tune/decide/profile.h"

static int sweep_next(const struct power_search *search)
{
    for (unsigned i = 0; i < search->count; i++)
        if (search->slices[i] == 0)
            return (int)i;
    for (unsigned i = 0; i < search->count; i++)
        if (search->slices[i] == 1 && search->points[i].throttled)
            return (int)i;
    return -1;
}

static const struct power_search_ops searches[] = {
    {.name = "adaptive", .next = power_search_adaptive_next, .most = power_search_adaptive_most},
    {.name = "sweep", .next = sweep_next},
};

enum { SEARCHES = sizeof searches / sizeof searches[0] };

const char *power_search_name(unsigned i)
{
    return i < SEARCHES ? searches[i].name : NULL;
}

int power_search_init(struct power_search *search, const char *name, const uint32_t limits_mw[],
                      unsigned count, const struct wt_preference *preference, double max_power_w,
                      struct wt_error *err)
{
    unsigned kind = 0;
    while (kind < SEARCHES && strcmp(searches[kind].name, name) != 0)
        kind++;
    if (kind == SEARCHES)
        return error_set(err, WT_E_NOT_FOUND, "there is no search named %.60s", name);
    if (count == 0 || count > POWER_LIMITS_MAX)
        return error_set(err, WT_E_RANGE, "a search takes 1 to %d power limits, not %u",
                         POWER_LIMITS_MAX, count);
    for (unsigned i = 1; i < count; i++)
        if (limits_mw[i] >= limits_mw[i - 1])
            return error_set(err, WT_E_INVALID, "the power limits of a search must fall");
    *search = (struct power_search){
        .kind = kind, .preference = *preference, .max_power_w = max_power_w, .count = count};
    for (unsigned i = 0; i < count; i++)
        search->points[i].setting.value = limits_mw[i];
    if (searches[kind].init)
        searches[kind].init(search);
    return 0;
}

bool power_search_next(const struct power_search *search, uint32_t *limit_mw)
{
    int index = searches[search->kind].next(search);
    if (index < 0)
        return false;
    *limit_mw = search->points[index].setting.value;
    return true;
}

unsigned power_search_most(const struct power_search *search)
{
    const struct power_search_ops *ops = &searches[search->kind];
    return ops->most ? ops->most(search->count) : search->count;
}

int power_search_find(const struct power_search *search, uint32_t limit_mw)
{
    for (unsigned i = 0; i < search->count; i++)
        if (search->points[i].setting.value == limit_mw)
            return (int)i;
    return -1;
}

int power_search_add(struct power_search *search, const struct wt_profile_point *slice,
                     struct wt_error *err)
{
    if (!profile_slice_valid(slice))
        return error_set(err, WT_E_INVALID, "a slice at %g W has no steps or impossible numbers",
                         slice->setting.value / 1000.0);
    int index = power_search_find(search, slice->setting.value);
    if (index < 0)
        return error_set(err, WT_E_NOT_FOUND, "%g W is not among the limits of the search",
                         slice->setting.value / 1000.0);
    profile_merge(&search->points[index], slice);
    if (search->slices[index] < UCHAR_MAX)
        search->slices[index]++;
    if (searches[search->kind].add)
        searches[search->kind].add(search, (unsigned)index);
    return 0;
}
