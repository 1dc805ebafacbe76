/* SPDX-License-Identifier: Apache-2.0
 *
 * Learned state in memory, by the same keys as in the ledger.
 */
#include "tune/learn/state_store.h"

#include <stdlib.h>
#include <string.h>

#include "tune/learn/identity.h"

struct learn_memory_entry {
    int64_t id;
    struct wt_profile_key key;
    char *identity; /* learn_identity_encode() */
    unsigned char *bytes;
    size_t length;
};

static bool is_key(const struct learn_memory_entry *entry, const struct wt_profile_key *key,
                   const char *identity)
{
    return strcmp(entry->key.job, key->job) == 0 &&
           strcmp(entry->key.gpu_model, key->gpu_model) == 0 &&
           entry->key.gpu_count == key->gpu_count && entry->key.limit_min_mw == key->limit_min_mw &&
           entry->key.limit_max_mw == key->limit_max_mw && strcmp(entry->identity, identity) == 0;
}

static void drop(struct learn_memory_entry *entry)
{
    free(entry->identity);
    free(entry->bytes);
}

static int no_memory(struct wt_error *err)
{
    return error_set(err, WT_E_NO_MEMORY, "keep what was learned: out of memory");
}

/* Puts the changed entry behind all others, in place of entry `at` (count: of none). */
static int keep(struct learn_memory *memory, size_t at, const struct learn_memory_entry *changed,
                struct wt_error *err)
{
    if (at == memory->count) {
        struct learn_memory_entry *more =
            reallocarray(memory->entries, memory->count + 1, sizeof *more);
        if (!more)
            return no_memory(err);
        memory->entries = more;
        memory->count++;
    } else {
        drop(&memory->entries[at]);
        memmove(&memory->entries[at], &memory->entries[at + 1],
                (memory->count - at - 1) * sizeof memory->entries[0]);
    }
    memory->entries[memory->count - 1] = *changed;
    return 0;
}

static int change(void *ctx, const struct wt_profile_key *key, const struct wt_identity *identity,
                  learn_changer *changer, void *changer_ctx, int64_t *state_id,
                  struct wt_error *err)
{
    struct learn_memory *memory = ctx;
    char text[LEARN_KEY_LEN];
    size_t at = 0;
    learn_identity_encode(identity, text);
    while (at < memory->count && !is_key(&memory->entries[at], key, text))
        at++;
    bool is_new = at == memory->count;
    struct learn_memory_entry changed = {.id =
                                             is_new ? memory->last_id + 1 : memory->entries[at].id,
                                         .key = *key,
                                         .identity = strdup(text),
                                         .bytes = malloc(LEARN_STATE_MOST)};
    int rc = changed.identity && changed.bytes ? 0 : no_memory(err);
    if (rc == 0 && !is_new) {
        changed.length = memory->entries[at].length;
        memcpy(changed.bytes, memory->entries[at].bytes, changed.length);
    }
    if (rc == 0)
        rc = changer(changer_ctx, changed.bytes, &changed.length, err);
    if (rc >= 0)
        rc = keep(memory, at, &changed, err);
    if (rc < 0) {
        drop(&changed);
        return rc;
    }
    memory->last_id = changed.id > memory->last_id ? changed.id : memory->last_id;
    if (state_id)
        *state_id = changed.id;
    return 0;
}

struct learn_store learn_memory_store(struct learn_memory *memory)
{
    return (struct learn_store){change, memory};
}

int learn_memory_states(const struct learn_memory *memory, const char *job,
                        struct learn_state **out, size_t *count, struct wt_error *err)
{
    struct learn_state *states = calloc(memory->count ? memory->count : 1, sizeof *states);
    size_t n = 0;
    if (!states)
        return no_memory(err);
    for (size_t i = 0; i < memory->count; i++) {
        const struct learn_memory_entry *entry = &memory->entries[i];
        if (strcmp(entry->key.job, job) != 0)
            continue;
        struct learn_state *state = &states[n++];
        state->id = entry->id;
        memcpy(state->gpu_model, entry->key.gpu_model, sizeof state->gpu_model);
        state->gpu_count = entry->key.gpu_count;
        learn_identity_decode(entry->identity, &state->identity);
        state->length = entry->length;
        memcpy(state->bytes, entry->bytes, entry->length);
    }
    *out = states;
    *count = n;
    return 0;
}

void learn_memory_clear(struct learn_memory *memory)
{
    for (size_t i = 0; i < memory->count; i++)
        drop(&memory->entries[i]);
    free(memory->entries);
    *memory = (struct learn_memory){0};
}
