/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities as keys.  Version 1 is a line of "name=value;" fields:
 *
 *     1;metric=8:accuracy;at_least=1;target=0.9;max_epochs=100;default=64;sizes=32,64;
 *     select=cost,0.5;limits_mw=;profile_only=0;carbon_aware=0;observed=0;beta=2;window=0;seed=1;
 *     learning_rate=0;optimizer=0:;
 *
 * and version 0 is the sentence of an older wattune: "0;" and its words.
 */
#include "tune/learn/identity.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Writing --- */

char *learn_number(double value, char text[LEARN_NUMBER_LEN])
{
    snprintf(text, LEARN_NUMBER_LEN, "%.12g", value);
    for (char *c = text; *c; c++)
        if (!strchr("0123456789+-einfa", *c)) /* a host's locale may have another decimal point */
            *c = '.';
    return text;
}

struct key {
    char *text;
    size_t length;
};

static void put(struct key *key, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct key *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(key->text + key->length, LEARN_KEY_LEN - key->length, format, args);
    va_end(args);
    if (length > 0 && (size_t)length < LEARN_KEY_LEN - key->length)
        key->length += (size_t)length;
}

static void put_number(struct key *key, const char *name, double value)
{
    char text[LEARN_NUMBER_LEN];
    put(key, "%s=%s;", name, learn_number(value, text));
}

static void put_list(struct key *key, const char *name, const uint32_t values[], unsigned count)
{
    put(key, "%s=", name);
    for (unsigned i = 0; i < count; i++)
        put(key, i ? ",%lu" : "%lu", (unsigned long)values[i]);
    put(key, ";");
}

static void put_preference(struct key *key, const struct wt_preference *p)
{
    char eta[LEARN_NUMBER_LEN], slowdown[LEARN_NUMBER_LEN];
    switch (p->selector) {
    case WT_SELECT_ENERGY:
        put(key, "select=energy;");
        break;
    case WT_SELECT_TIME:
        put(key, "select=time;");
        break;
    case WT_SELECT_MAX_SLOWDOWN:
        put(key, "select=slowdown,%s,%s;", learn_number(p->eta, eta),
            learn_number(p->max_slowdown, slowdown));
        break;
    case WT_SELECT_COST:
        put(key, "select=cost,%s;", learn_number(p->eta, eta));
        break;
    }
}

void learn_identity_encode(const struct wt_identity *identity, char text[LEARN_KEY_LEN])
{
    struct key key = {text, 0};
    bool has_rate = identity->learning_rate > 0;
    const char *optimizer = has_rate ? identity->optimizer : "";
    if (identity->opaque) {
        put(&key, "0;%s", identity->words);
        return;
    }
    put(&key, "1;metric=%zu:%s;at_least=%d;", strlen(identity->metric), identity->metric,
        identity->at_least);
    put_number(&key, "target", identity->target);
    put(&key, "max_epochs=%u;default=%lu;", identity->max_epochs,
        (unsigned long)identity->default_size);
    put_list(&key, "sizes", identity->sizes, identity->size_count);
    put_preference(&key, &identity->preference);
    put_list(&key, "limits_mw", identity->limits_mw, identity->limit_count);
    put(&key, "profile_only=%d;carbon_aware=%d;observed=%d;", identity->profile_only,
        identity->carbon_aware, identity->observed);
    put_number(&key, "beta", identity->beta);
    put(&key, "window=%u;seed=%llu;", identity->window, (unsigned long long)identity->seed);
    put_number(&key, "learning_rate", has_rate ? identity->learning_rate : 0);
    put(&key, "optimizer=%zu:%s;", strlen(optimizer), optimizer);
}

/* --- Reading --- */

/* Steps over a literal text; false: something else stands there. */
static bool take(const char **at, const char *text)
{
    size_t length = strlen(text);
    bool there = strncmp(*at, text, length) == 0;
    *at += there ? length : 0;
    return there;
}

static bool take_name(const char **at, const char *field, char *name, size_t size)
{
    char *end;
    if (!take(at, field))
        return false;
    unsigned long length = strtoul(*at, &end, 10);
    if (end == *at || *end != ':' || length >= size || strnlen(end + 1, length) < length)
        return false;
    memcpy(name, end + 1, length);
    name[length] = '\0';
    *at = end + 1 + length;
    return take(at, ";");
}

bool learn_read_number(const char *text, size_t length, double *value)
{
    char copy[LEARN_NUMBER_LEN], again[LEARN_NUMBER_LEN], half[8], *end;
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    snprintf(half, sizeof half, "%.1f", 0.5); /* strtod() takes the locale's decimal point */
    for (char *c = copy; *c; c++)
        if (*c == '.')
            *c = half[1];
    double read = strtod(copy, &end);
    if (*end || strlen(learn_number(read, again)) != length || strncmp(again, text, length) != 0)
        return false;
    *value = read;
    return true;
}

static bool take_number(const char **at, const char *field, double *value)
{
    if (!take(at, field))
        return false;
    size_t length = strcspn(*at, ",;");
    bool read = learn_read_number(*at, length, value);
    *at += length;
    return read;
}

static bool take_integer(const char **at, const char *field, unsigned long long *value)
{
    char *end;
    if (!take(at, field) || **at < '0' || **at > '9')
        return false;
    *value = strtoull(*at, &end, 10);
    *at = end;
    return take(at, ";");
}

static bool take_flag(const char **at, const char *field, bool *flag)
{
    unsigned long long value;
    bool read = take_integer(at, field, &value);
    *flag = read && value == 1;
    return read;
}

static bool take_list(const char **at, const char *field, uint32_t values[], unsigned most,
                      unsigned *count)
{
    char *end;
    if (!take(at, field))
        return false;
    for (*count = 0; **at >= '0' && **at <= '9' && *count < most; take(at, ",")) {
        values[(*count)++] = (uint32_t)strtoul(*at, &end, 10);
        *at = end;
    }
    return take(at, ";");
}

static bool take_preference(const char **at, struct wt_preference *p)
{
    p->selector = WT_SELECT_COST;
    if (take(at, "select=energy;")) {
        p->selector = WT_SELECT_ENERGY;
        return true;
    }
    if (take(at, "select=time;")) {
        p->selector = WT_SELECT_TIME;
        return true;
    }
    if (take_number(at, "select=cost,", &p->eta))
        return take(at, ";");
    p->selector = WT_SELECT_MAX_SLOWDOWN;
    return take_number(at, "select=slowdown,", &p->eta) && take_number(at, ",", &p->max_slowdown) &&
           take(at, ";");
}

static bool decode(const char *key, struct wt_identity *identity)
{
    unsigned long long epochs, size, window, seed;
    if (!take(&key, "1;") || !take_name(&key, "metric=", identity->metric, WT_METRIC_LEN) ||
        !take_flag(&key, "at_least=", &identity->at_least) ||
        !take_number(&key, "target=", &identity->target) || !take(&key, ";") ||
        !take_integer(&key, "max_epochs=", &epochs) || !take_integer(&key, "default=", &size) ||
        !take_list(&key, "sizes=", identity->sizes, WT_MAX_BATCH_SIZES, &identity->size_count) ||
        !take_preference(&key, &identity->preference) ||
        !take_list(&key, "limits_mw=", identity->limits_mw, WT_MAX_LIMITS,
                   &identity->limit_count) ||
        !take_flag(&key, "profile_only=", &identity->profile_only) ||
        !take_flag(&key, "carbon_aware=", &identity->carbon_aware) ||
        !take_flag(&key, "observed=", &identity->observed) ||
        !take_number(&key, "beta=", &identity->beta) || !take(&key, ";") ||
        !take_integer(&key, "window=", &window) || !take_integer(&key, "seed=", &seed) ||
        !take_number(&key, "learning_rate=", &identity->learning_rate) || !take(&key, ";") ||
        !take_name(&key, "optimizer=", identity->optimizer, sizeof identity->optimizer) || *key)
        return false;
    identity->max_epochs = (unsigned)epochs;
    identity->default_size = (uint32_t)size;
    identity->window = (unsigned)window;
    identity->seed = seed;
    return true;
}

void learn_identity_decode(const char *key, struct wt_identity *identity)
{
    char again[LEARN_KEY_LEN];
    *identity = (struct wt_identity){0};
    if (decode(key, identity)) {
        learn_identity_encode(identity, again);
        if (strcmp(again, key) == 0)
            return;
    }
    *identity = (struct wt_identity){.opaque = true};
    snprintf(identity->words, sizeof identity->words, "%s",
             strncmp(key, "0;", 2) == 0 ? key + 2 : key);
}

bool learn_identity_equal(const struct wt_identity *a, const struct wt_identity *b)
{
    char left[LEARN_KEY_LEN], right[LEARN_KEY_LEN];
    if (a->opaque || b->opaque)
        return false;
    learn_identity_encode(a, left);
    learn_identity_encode(b, right);
    return strcmp(left, right) == 0;
}

/* --- The target --- */

void learn_target_words(const struct target *target, char text[WT_TARGET_LEN])
{
    char number[LEARN_NUMBER_LEN];
    snprintf(text, WT_TARGET_LEN, "%s%s%s", target->name,
             target->at_least ? ">=" : "<=", learn_number(target->value, number));
}

struct target learn_identity_target(const struct wt_identity *identity)
{
    struct target target = {.at_least = identity->at_least, .value = identity->target};
    memcpy(target.name, identity->metric, sizeof target.name);
    return target;
}
