/* SPDX-License-Identifier: Apache-2.0
 *
 * learn/: identities as keys: stable, one for each identity, read back.
 */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tune/learn/identity.h"

static const struct wt_identity usual = {.metric = "accuracy",
                                         .at_least = true,
                                         .target = 0.9,
                                         .max_epochs = 100,
                                         .default_size = 64,
                                         .size_count = 2,
                                         .sizes = {32, 64},
                                         .preference = {WT_SELECT_MAX_SLOWDOWN, 0.5, 0.1},
                                         .limit_count = 2,
                                         .limits_mw = {250000, 112250},
                                         .beta = INFINITY,
                                         .window = 3,
                                         .seed = UINT64_MAX,
                                         .learning_rate = 0.1,
                                         .optimizer = "adam"};

static const char KEY[] =
    "1;metric=8:accuracy;at_least=1;target=0.9;max_epochs=100;default=64;sizes=32,64;"
    "select=slowdown,0.5,0.1;limits_mw=250000,112250;profile_only=0;carbon_aware=0;observed=0;"
    "beta=inf;window=3;seed=18446744073709551615;learning_rate=0.1;optimizer=4:adam;";

/* Stores of today hold such keys: this text never changes. */
static void the_key_is_stable(void **state)
{
    (void)state;
    char key[LEARN_KEY_LEN];
    learn_identity_encode(&usual, key);
    assert_string_equal(key, KEY);
}

static void other_locales_write_the_same(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8"};
    char key[LEARN_KEY_LEN];
    struct wt_identity read;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        setlocale(LC_ALL, names[i]);
        learn_identity_encode(&usual, key);
        learn_identity_decode(KEY, &read);
        setlocale(LC_ALL, "C");
        assert_string_equal(key, KEY);
        assert_true(!read.opaque && read.target == 0.9);
    }
}

/* Each differs from the usual one in a field, and from all others. */
static unsigned make_others(struct wt_identity all[])
{
    unsigned n = 0;
    all[n++] = usual;
#define OTHER(...)                                                                                 \
    do {                                                                                           \
        struct wt_identity *i = &all[n++];                                                         \
        *i = usual;                                                                                \
        __VA_ARGS__;                                                                               \
    } while (0)
    OTHER(strcpy(i->metric, "accuracy;"));
    OTHER(strcpy(i->metric, "acc"));
    OTHER(strcpy(i->metric, "a;at_least=1;target=0.9"));
    OTHER(i->at_least = false);
    OTHER(i->target = 0.900000000001);
    OTHER(i->target = -0.9);
    OTHER(i->target = 1e300);
    OTHER(i->max_epochs = 10);
    OTHER(i->default_size = 32);
    OTHER(i->size_count = 1);
    OTHER(i->sizes[0] = 3264, i->size_count = 1);
    OTHER(i->sizes[0] = 64, i->sizes[1] = 32);
    OTHER(i->preference.selector = WT_SELECT_COST);
    OTHER(i->preference.selector = WT_SELECT_ENERGY);
    OTHER(i->preference.selector = WT_SELECT_TIME);
    OTHER(i->preference.eta = 0.25);
    OTHER(i->preference.max_slowdown = 10);
    OTHER(i->limit_count = 0);
    OTHER(i->limits_mw[0] = 112250, i->limits_mw[1] = 250000);
    OTHER(i->profile_only = true);
    OTHER(i->carbon_aware = true);
    OTHER(i->observed = true);
    OTHER(i->beta = 2);
    OTHER(i->window = 30);
    OTHER(i->seed = 0);
    OTHER(i->learning_rate = 0);
    OTHER(i->optimizer[0] = 0);
    OTHER(strcpy(i->optimizer, "adam;"));
    OTHER(strcpy(i->optimizer, "lion, lr 2 f\xc3\xbcr, \xff"));
    OTHER(memset(i->optimizer, 'o', WT_OPTIONS_LEN - 1));
    return n;
}

static void no_two_have_the_same_key(void **state)
{
    (void)state;
    static struct wt_identity all[40], read;
    static char keys[40][LEARN_KEY_LEN];
    unsigned count = make_others(all);
    for (unsigned i = 0; i < count; i++) {
        learn_identity_encode(&all[i], keys[i]);
        for (unsigned k = 0; k < i; k++)
            if (strcmp(keys[i], keys[k]) == 0 || learn_identity_equal(&all[i], &all[k]))
                fail_msg("%u and %u: %s", i, k, keys[i]);
        assert_true(learn_identity_equal(&all[i], &all[i]));
        learn_identity_decode(keys[i], &read);
        if (read.opaque || !learn_identity_equal(&read, &all[i]))
            fail_msg("not read back: %s", keys[i]);
    }
}

static void fields_that_do_not_count(void **state)
{
    (void)state;
    struct wt_identity a = usual, b = usual;
    a.preference.selector = b.preference.selector = WT_SELECT_ENERGY;
    b.preference.eta = 0.1;
    b.preference.max_slowdown = 7;
    b.sizes[2] = 128; /* behind the count */
    b.limits_mw[2] = 1;
    b.target = 0.90000000000000002;
    assert_true(learn_identity_equal(&a, &b));
    a.learning_rate = b.learning_rate = 0;
    b.optimizer[0] = 'x';
    assert_true(learn_identity_equal(&a, &b));
    b.preference.selector = WT_SELECT_COST;
    a.preference = b.preference;
    b.preference.max_slowdown = 8;
    assert_true(learn_identity_equal(&a, &b));
}

static void the_longest_key_fits(void **state)
{
    (void)state;
    static struct wt_identity most, read;
    char key[LEARN_KEY_LEN];
    most = usual;
    memset(most.metric, 'm', WT_METRIC_LEN - 1);
    memset(most.optimizer, 'o', WT_OPTIONS_LEN - 1);
    most.target = most.preference.eta = most.preference.max_slowdown = most.beta =
        -1.23456789012e-300;
    most.learning_rate = 1.23456789012e-300;
    most.max_epochs = most.window = most.default_size = UINT32_MAX;
    most.size_count = WT_MAX_BATCH_SIZES;
    most.limit_count = WT_MAX_LIMITS;
    memset(most.sizes, 0xff, sizeof most.sizes);
    memset(most.limits_mw, 0xff, sizeof most.limits_mw);
    learn_identity_encode(&most, key);
    learn_identity_decode(key, &read);
    assert_true(!read.opaque && learn_identity_equal(&most, &read));
}

static void anything_else_is_opaque(void **state)
{
    (void)state;
    static const char *const keys[] = {"",
                                       "0;",
                                       "2;metric=1:x;",
                                       "1;",
                                       "1;metric=8:accuracy;",
                                       "1;metric=99:accuracy;",
                                       "accuracy>=0.9 in 100 epochs"};
    struct wt_identity read;
    char key[LEARN_KEY_LEN], again[LEARN_KEY_LEN];
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        learn_identity_decode(keys[i], &read);
        assert_true(read.opaque && !read.metric[0] && !read.size_count);
        assert_string_equal(read.words, strncmp(keys[i], "0;", 2) == 0 ? "" : keys[i]);
        assert_false(learn_identity_equal(&read, &read));
    }
    /* A number in another form than the canonical one is another key, and none of ours. */
    for (const char *at = KEY; (at = strchr(at, '=')) != NULL; at++) {
        snprintf(key, sizeof key, "%.*s=0%s", (int)(at - KEY), KEY, at + 1);
        learn_identity_decode(key, &read);
        assert_true(read.opaque);
    }
    for (size_t cut = 0; cut < sizeof KEY - 1; cut++) {
        snprintf(key, sizeof key, "%.*s", (int)cut, KEY);
        learn_identity_decode(key, &read);
        assert_true(read.opaque);
    }
    read = (struct wt_identity){.opaque = true, .words = "words; of=1;another time"};
    learn_identity_encode(&read, key);
    learn_identity_decode(key, &read);
    learn_identity_encode(&read, again);
    assert_string_equal(key, again);
    assert_string_equal(read.words, "words; of=1;another time");
}

static void targets_in_words(void **state)
{
    (void)state;
    char words[WT_TARGET_LEN];
    struct target target = learn_identity_target(&usual);
    learn_target_words(&target, words);
    assert_string_equal(words, "accuracy>=0.9");
    target = (struct target){.name = "err in 3 epochs, default 5 of", .value = -1.25e-300};
    learn_target_words(&target, words);
    assert_string_equal(words, "err in 3 epochs, default 5 of<=-1.25e-300");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_is_stable),        cmocka_unit_test(other_locales_write_the_same),
        cmocka_unit_test(no_two_have_the_same_key), cmocka_unit_test(fields_that_do_not_count),
        cmocka_unit_test(the_longest_key_fits),     cmocka_unit_test(anything_else_is_opaque),
        cmocka_unit_test(targets_in_words),
    };
    return cmocka_run_group_tests_name("learn_identity", tests, NULL, NULL);
}
