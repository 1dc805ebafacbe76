/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles in memory: a list, newest first.  Owners have a few jobs each, so a walk is enough.
 */
#include "tune/live/profile_store.h"

#include <stdlib.h>
#include <string.h>

struct profile {
    struct profile *next;
    struct wt_profile_key key;
    unsigned count;
    struct wt_profile_point points[WT_MAX_LIMITS];
};

struct memory_store {
    struct profile *first;
};

int memory_store_new(struct memory_store **out, struct wt_error *err)
{
    struct memory_store *store = calloc(1, sizeof *store);
    if (!store)
        return error_set(err, WT_E_NO_MEMORY, "make a store of profiles: out of memory");
    *out = store;
    return 0;
}

struct memory_store *memory_store_free(struct memory_store *store)
{
    while (store && store->first) {
        struct profile *first = store->first;
        store->first = first->next;
        free(first);
    }
    free(store);
    return NULL;
}

/* Field by field: a struct's padding says nothing. */
static bool same_key(const struct wt_profile_key *a, const struct wt_profile_key *b)
{
    return strcmp(a->job, b->job) == 0 && a->batch_size == b->batch_size &&
           strcmp(a->gpu_model, b->gpu_model) == 0 && a->gpu_count == b->gpu_count &&
           a->limit_min_mw == b->limit_min_mw && a->limit_max_mw == b->limit_max_mw;
}

static struct profile *find(struct memory_store *store, const struct wt_profile_key *key)
{
    struct profile *profile = store->first;
    while (profile && !same_key(&profile->key, key))
        profile = profile->next;
    return profile;
}

static int load(void *ctx, const struct wt_profile_key *key, struct wt_profile_point points[],
                unsigned capacity, unsigned *count, struct wt_error *err)
{
    const struct profile *profile = find(ctx, key);
    unsigned known = profile ? profile->count : 0;
    if (known > capacity)
        return error_set(err, WT_E_RANGE, "load the profile of %s: %u points are more than %u",
                         key->job, known, capacity);
    if (known)
        memcpy(points, profile->points, known * sizeof points[0]);
    *count = known;
    return 0;
}

static int save(void *ctx, const struct wt_profile_key *key, const struct wt_profile_point points[],
                unsigned count, struct wt_error *err)
{
    struct memory_store *store = ctx;
    if (count > WT_MAX_LIMITS)
        return error_set(err, WT_E_RANGE, "save the profile of %s: %u points are more than %d",
                         key->job, count, WT_MAX_LIMITS);
    struct profile *profile = find(store, key);
    if (!profile) {
        profile = calloc(1, sizeof *profile);
        if (!profile)
            return error_set(err, WT_E_NO_MEMORY, "save the profile of %s: out of memory",
                             key->job);
        profile->key = *key;
        profile->next = store->first;
        store->first = profile;
    }
    if (count)
        memcpy(profile->points, points, count * sizeof points[0]);
    profile->count = count;
    return 0;
}

struct tuner_store memory_store_ops(struct memory_store *store)
{
    return (struct tuner_store){store, load, save};
}
