/* SPDX-License-Identifier: Apache-2.0
 *
 * Learned state of batch sizes, kept as bytes that tune/learn/ alone reads; and forgetting.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/columns.h"
#include "base/clock.h"
#include "tune/learn/identity.h"

/* --- One state --- */

/* A state's key in the table. */
struct state_key {
    int64_t job_id;
    const struct wt_profile_key *gpus;
    const struct wt_identity *identity;
    char text[LEARN_KEY_LEN]; /* of the identity */
};

static void put_key(struct query *query, const struct state_key *key)
{
    const struct wt_profile_key *row = key->gpus;
    query_put_int(query, key->job_id);
    KEY_GPUS(PUT)
    query_put_text(query, key->text);
}

void ledger_put_identity(struct query *query, const struct wt_identity *identity)
{
    struct wt_identity known = *identity, *row = &known;
    bool slowdown = row->preference.selector == WT_SELECT_MAX_SLOWDOWN;
    if (row->preference.selector != WT_SELECT_COST && !slowdown)
        row->preference.eta = NAN;
    if (!slowdown)
        row->preference.max_slowdown = NAN;
    STATE_IDENTITY(PUT)
}

static int read_state(struct ledger *ledger, const struct state_key *key, int64_t *id,
                      unsigned char *bytes, size_t *length, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_STATE_FIND);
    put_key(query, key);
    int rc = query_step(query, err);
    if (rc > 0) {
        *id = query_int(query, 0);
        *length = query_bytes(query, bytes, LEARN_STATE_MOST);
        if (*length > LEARN_STATE_MOST)
            rc = error_set(err, WT_E_LEDGER,
                           "the ledger's state of the batch sizes is too long to be one");
    }
    query_leave(query);
    return rc < 0 ? rc : 0;
}

static int write_state(struct ledger *ledger, const struct state_key *key, int64_t *id,
                       const unsigned char *bytes, size_t length, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, *id ? SQL_STATE_PUT : SQL_STATE_MAKE);
    if (!*id) {
        put_key(query, key);
        ledger_put_identity(query, key->identity);
    }
    query_put_bytes(query, bytes, length);
    query_put_int(query, clock_wall_ms());
    if (*id)
        query_put_int(query, *id);
    int rc = query_run(query, err);
    if (rc == 0 && !*id)
        *id = ledger_last_id(ledger);
    return rc;
}

int ledger_state_change(struct ledger *ledger, const struct wt_profile_key *gpus,
                        const struct wt_identity *identity, learn_changer *change, void *ctx,
                        int64_t *state_id, struct wt_error *err)
{
    struct state_key key = {.gpus = gpus, .identity = identity};
    unsigned char *bytes = malloc(LEARN_STATE_MOST);
    size_t length = 0;
    int64_t id = 0;
    if (!bytes)
        return error_set(err, WT_E_NO_MEMORY, "use the ledger: out of memory");
    learn_identity_encode(identity, key.text);
    int rc = ledger_begin(ledger, true, err);
    if (rc == 0) {
        rc = ledger_job_make(ledger, gpus->job, &key.job_id, err);
        if (rc == 0)
            rc = read_state(ledger, &key, &id, bytes, &length, err);
        if (rc == 0)
            rc = change(ctx, bytes, &length, err);
        if (rc >= 0)
            rc = write_state(ledger, &key, &id, bytes, length, err);
        rc = ledger_finish(ledger, rc, err);
    }
    free(bytes);
    if (rc == 0 && state_id)
        *state_id = id;
    return rc;
}

/* --- All of a job --- */

static int read_states(struct ledger *ledger, const char *job, struct learn_state **states,
                       size_t *count, struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_STATES);
    query_put_text(query, job);
    int rc;
    while ((rc = query_step(query, err)) > 0) {
        char key[LEARN_KEY_LEN];
        struct learn_state *more = reallocarray(*states, *count + 1, sizeof **states);
        if (!more)
            return error_set(err, WT_E_NO_MEMORY, "read the ledger: out of memory");
        *states = more;
        struct learn_state *state = &more[(*count)++];
        memset(state, 0, sizeof *state);
        state->id = query_int(query, 0);
        query_text(query, state->gpu_model, sizeof state->gpu_model);
        state->gpu_count = query_u32(query);
        query_text(query, key, sizeof key);
        learn_identity_decode(key, &state->identity);
        state->length = query_bytes(query, state->bytes, sizeof state->bytes);
        if (state->length > sizeof state->bytes)
            state->length = 0;
    }
    return rc;
}

int ledger_states(struct ledger *ledger, const char *job, struct learn_state **states,
                  size_t *count, struct wt_error *err)
{
    struct learn_state *read = NULL;
    size_t n = 0;
    int rc = ledger_begin(ledger, false, err);
    if (rc == 0)
        rc = ledger_finish(ledger, read_states(ledger, job, &read, &n, err), err);
    if (rc < 0) {
        free(read);
        return rc;
    }
    *states = read;
    *count = n;
    return 0;
}

/* --- Forgetting --- */

static int forget(struct ledger *ledger, const char *job, enum ledger_part part,
                  struct wt_error *err)
{
    static const enum ledger_sql statements[] = {[LEDGER_WHOLE_JOB] = SQL_FORGET_JOB,
                                                 [LEDGER_PROFILES] = SQL_FORGET_PROFILES,
                                                 [LEDGER_STATES] = SQL_FORGET_STATES};
    int64_t job_id = 0;
    int rc = ledger_find_job(ledger, job, &job_id, err);
    if (rc <= 0)
        return rc < 0 ? rc : ledger_no_such_job(ledger, job, err);
    struct query *query = ledger_query(ledger, statements[part]);
    query_put_int(query, job_id);
    return query_run(query, err);
}

int ledger_forget(struct ledger *ledger, const char *job, enum ledger_part part,
                  struct wt_error *err)
{
    int rc = ledger_begin(ledger, true, err);
    return rc ? rc : ledger_finish(ledger, forget(ledger, job, part, err), err);
}

static int change_for(void *ctx, const struct wt_profile_key *key,
                      const struct wt_identity *identity, learn_changer *changer, void *changer_ctx,
                      int64_t *state_id, struct wt_error *err)
{
    return ledger_state_change(ctx, key, identity, changer, changer_ctx, state_id, err);
}

struct learn_store ledger_learn_store(struct ledger *ledger)
{
    return (struct learn_store){change_for, ledger};
}
