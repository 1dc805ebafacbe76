/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of learned state up to schema 4: sentences such as "accuracy>=0.9 in 100 epochs, default 64
 * of 32,64, eta 0.5, limits 250,150, observed, beta 2, window 0, seed 1, lr 0.1 adam".  Migration
 * reads each once.  A number counts only in the form in which it was written (%.12g, %g, %u), so
 * that two sentences never become one identity.
 */
#include "account/ledger/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tune/learn/identity.h"

/* --- One sentence --- */

/* Steps over a literal text; false: something else stands there. */
static bool take(const char **at, const char *text)
{
    size_t length = strlen(text);
    bool there = strncmp(*at, text, length) == 0;
    *at += there ? length : 0;
    return there;
}

static bool take_integer(const char **at, unsigned long long most, unsigned long long *value)
{
    char again[24], *end;
    if (**at < '0' || **at > '9')
        return false;
    *value = strtoull(*at, &end, 10);
    size_t length = (size_t)(end - *at);
    int printed = snprintf(again, sizeof again, "%llu", *value);
    bool same = (size_t)printed == length && strncmp(again, *at, length) == 0;
    *at = end;
    return same && *value <= most;
}

static bool take_unsigned(const char **at, unsigned *value)
{
    unsigned long long read;
    bool taken = take_integer(at, UINT32_MAX, &read);
    if (taken)
        *value = (unsigned)read;
    return taken;
}

/* A number, which ends at a comma, a blank or the end. */
static bool take_number(const char **at, double *value)
{
    size_t length = strcspn(*at, ", ");
    bool read = learn_read_number(*at, length, value);
    *at += length;
    return read;
}

static bool take_target(const char **at, struct wt_identity *identity)
{
    size_t length = strcspn(*at, "<>");
    if (length == 0 || length >= sizeof identity->metric)
        return false;
    memcpy(identity->metric, *at, length);
    *at += length;
    identity->at_least = **at == '>';
    return (take(at, ">=") || take(at, "<=")) && take_number(at, &identity->target);
}

/* In a list no blank follows the comma. */
static bool take_more(const char **at)
{
    return **at == ',' && (*at)[1] != ' ' && take(at, ",");
}

static bool take_sizes(const char **at, struct wt_identity *identity)
{
    do {
        unsigned size;
        if (identity->size_count == WT_MAX_BATCH_SIZES || !take_unsigned(at, &size))
            return false;
        identity->sizes[identity->size_count++] = size;
    } while (take_more(at));
    return true;
}

static bool take_preference(const char **at, struct wt_preference *p)
{
    p->selector = take(at, "least energy") ? WT_SELECT_ENERGY
                  : take(at, "least time") ? WT_SELECT_TIME
                                           : WT_SELECT_COST;
    if (p->selector != WT_SELECT_COST)
        return true;
    if (!take(at, "eta ") || !take_number(at, &p->eta))
        return false;
    if (!take(at, ", slowdown "))
        return true;
    p->selector = WT_SELECT_MAX_SLOWDOWN;
    return take_number(at, &p->max_slowdown);
}

/* Limits were written in watts with six digits. */
static bool take_limits(const char **at, struct wt_identity *identity)
{
    if (!take(at, ", limits "))
        return true;
    do {
        char again[LEARN_NUMBER_LEN];
        double watts;
        size_t length = strcspn(*at, ",");
        if (identity->limit_count == WT_MAX_LIMITS || !learn_read_number(*at, length, &watts) ||
            !(watts >= 0 && watts * 1000 <= UINT32_MAX))
            return false;
        uint32_t limit_mw = (uint32_t)llround(watts * 1000);
        if (strlen(learn_number(limit_mw / 1000.0, again)) != length ||
            strncmp(again, *at, length) != 0)
            return false;
        identity->limits_mw[identity->limit_count++] = limit_mw;
        *at += length;
    } while (take_more(at));
    return true;
}

/* The last clause: the optimizer is the rest, whatever it holds. */
static bool take_rate(const char **at, struct wt_identity *identity)
{
    if (!take(at, ", lr "))
        return true;
    if (!take_number(at, &identity->learning_rate) || !(identity->learning_rate > 0) ||
        !take(at, " "))
        return false;
    snprintf(identity->optimizer, sizeof identity->optimizer, "%s", *at);
    *at += strlen(*at);
    return true;
}

static bool read_words(const char *at, struct wt_identity *identity)
{
    unsigned long long seed;
    if (strlen(at) >= WT_OPTIONS_LEN - 1) /* it was cut: its end is not known */
        return false;
    if (!take_target(&at, identity) || !take(&at, " in ") ||
        !take_unsigned(&at, &identity->max_epochs) || !take(&at, " epochs, default ") ||
        !take_unsigned(&at, &identity->default_size) || !take(&at, " of ") ||
        !take_sizes(&at, identity) || !take(&at, ", ") ||
        !take_preference(&at, &identity->preference) || !take_limits(&at, identity))
        return false;
    identity->profile_only = take(&at, ", profile only");
    identity->carbon_aware = take(&at, ", carbon-aware");
    identity->observed = take(&at, ", observed");
    if (!take(&at, ", beta ") || !take_number(&at, &identity->beta) || !take(&at, ", window ") ||
        !take_unsigned(&at, &identity->window) || !take(&at, ", seed ") ||
        !take_integer(&at, UINT64_MAX, &seed))
        return false;
    identity->seed = seed;
    return take_rate(&at, identity) && !*at;
}

bool ledger_words_read(const char *words, struct wt_identity *identity)
{
    struct wt_identity read = {0};
    bool known = read_words(words, &read);
    if (known)
        *identity = read;
    return known;
}

/* --- All states --- */

/* The state behind *id, and its words; 0: there is none. */
static int next_state(struct ledger *ledger, int64_t *id, char words[WT_OPTIONS_LEN], bool *whole,
                      struct wt_error *err)
{
    struct query *query = ledger_query(ledger, SQL_STATE_WORDS);
    query_put_int(query, *id);
    int rc = query_step(query, err);
    if (rc > 0) {
        *id = query_int(query, 0);
        size_t length = query_bytes(query, words, WT_OPTIONS_LEN - 1);
        *whole = length < WT_OPTIONS_LEN && memchr(words, '\0', length) == NULL;
        words[*whole ? length : 0] = '\0';
    }
    query_leave(query);
    return rc;
}

static int name_state(struct ledger *ledger, int64_t id, const struct wt_identity *identity,
                      struct wt_error *err)
{
    char key[LEARN_KEY_LEN];
    struct query *query = ledger_query(ledger, identity ? SQL_STATE_NAME : SQL_STATE_OPAQUE);
    if (identity) {
        learn_identity_encode(identity, key);
        query_put_text(query, key);
        ledger_put_identity(query, identity);
    }
    query_put_int(query, id);
    return query_run(query, err);
}

int ledger_states_name(struct ledger *ledger, struct wt_error *err)
{
    char words[WT_OPTIONS_LEN];
    struct wt_identity identity;
    int64_t id = INT64_MIN;
    bool whole;
    int rc;
    while ((rc = next_state(ledger, &id, words, &whole, err)) > 0) {
        bool known = whole && ledger_words_read(words, &identity);
        rc = name_state(ledger, id, known ? &identity : NULL, err);
        if (rc < 0)
            break;
    }
    return rc;
}
